"""Requests about members over a link that loses and repeats: each is done once, and each ends."""

from __future__ import annotations

from random import Random

import pytest

from simulated.bench import Bench
from simulated.rolls import PlainRolls
from simulated.shelf import USERS, Shelf
from tidelog.replica.steps import EnrolEnded
from tidelog.wire.enrolling import Action, Enrol, Role
from tidelog_service.engine.core import Engine
from tidelog_service.engine.enrolling import Enroller
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.rolls import ANYBODY, Policy

NAMES = ("boat", "club")


def request(dice: Random) -> Enrol:
    action = dice.choice([Action.CREATE, Action.INVITE, Action.INVITE, Action.REMOVE, Action.LEAVE])
    users = () if action is Action.LEAVE else tuple(dice.sample(["bob", "cem"], dice.choice([1, 2])))
    role = dice.choice(list(Role)) if action is Action.INVITE else Role.WRITER
    return Enrol(rid=0, action=action, channel=dice.choice(NAMES), users=users, role=role)


def rolls() -> PlainRolls:
    return PlainRolls(USERS, {user: (f"{user}-phone",) for user in USERS})


def roles(of: PlainRolls) -> dict[str, dict[int, Role]]:
    with of.transaction():
        rooms = {name: of.room(name, 1) for name in NAMES}
        return {name: of.roles(room.id, USERS.values()) for name, room in rooms.items() if room}


class Link:
    """Carries what a device and the service say, in order; some of it is lost, or comes twice."""

    def __init__(self, bench: Bench, engine: Engine, dice: Random) -> None:
        self.bench = bench
        self.engine = engine
        self.dice = dice

    def copies(self) -> range:
        return range(self.dice.choices([0, 1, 2], [3, 5, 2])[0])

    def carry(self) -> None:
        sent, self.bench.sent = self.bench.sent, []
        for one in sent:
            for _ in self.copies():
                packet = Packet(one.topic, one.payload)
                for reply in self.engine.handle([packet], round(self.bench.now * 1000)):
                    for _ in self.copies() if reply.device == self.bench.device else ():
                        self.bench.do(self.bench.machine.received(reply.payload, 50, self.bench.now))


@pytest.mark.parametrize("seed", range(40))
def test_each_is_done_once_and_ends(seed: int) -> None:
    dice = Random(seed)
    told, model = rolls(), rolls()
    policy = Policy(create=ANYBODY)
    bench = Bench(device="ann-phone", chance=dice)
    bench.connect()
    link = Link(bench, Engine(Shelf({}), enroller=Enroller(told, policy)), dice)
    plain = Engine(Shelf({}), enroller=Enroller(model, policy))
    for job in range(1, 13):
        frame = request(dice)
        bench.do(bench.machine.enrol(job, frame))
        while not any(isinstance(event, EnrolEnded) and event.job == job for event in bench.events):
            bench.tick()
            link.carry()
            due = bench.machine.due()
            bench.now = max(bench.now, due or 0.0)
            if dice.random() < 0.1:
                bench.do(bench.machine.disconnected())
                bench.connect()
        expected = Bench(device="ann-phone")
        expected.connect()
        expected.do(expected.machine.enrol(1, frame))
        expected.tick()
        ((outgoing),) = expected.sent
        plain.handle([Packet(outgoing.topic, outgoing.payload)], job * 10**6)
        assert roles(told) == roles(model), f"{job}: {frame}"
