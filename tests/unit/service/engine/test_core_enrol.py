"""The engine and requests about members: answers in their encoding, news for those who are there, bounded."""

from __future__ import annotations

import pytest

from simulated.rolls import PlainRolls
from simulated.shelf import USERS, Shelf
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import Code
from tidelog.wire.frames import Fault, SyncRequest
from tidelog.wire.payload import Encoding
from tidelog_service.engine.core import Engine
from tidelog_service.engine.enrolling import Enroller
from tidelog_service.engine.packets import Bounds, Kind, Packet
from tidelog_service.engine.rolls import ANYBODY, Policy

NOW = 9_000


@pytest.fixture
def rolls() -> PlainRolls:
    return PlainRolls(USERS, {user: (f"{user}-phone", f"{user}-tab") for user in USERS})


@pytest.fixture
def engine(rolls: PlainRolls) -> Engine:
    return Engine(Shelf({}), enroller=Enroller(rolls, Policy(create=ANYBODY)))


def enrol(action: Action, channel: str, *users: str, device: str = "ann-phone", json: bool = False) -> Packet:
    frame = Enrol(rid=5, action=action, channel=channel, users=users)
    return Packet(f"tl1/{device}/sync", wire.encode(frame, Encoding.JSON if json else Encoding.PACKED))


def serve(engine: Engine, *packets: Packet, now_ms: int = NOW) -> list[tuple[str, Frame, Encoding]]:
    replies = engine.handle(packets, now_ms)
    return [(reply.device, *wire.decode(reply.payload)) for reply in replies]


@pytest.mark.parametrize("json", [False, True])
def test_it_is_answered_as_it_was_asked(engine: Engine, *, json: bool) -> None:
    roster = Roster(rid=5, channel="boat", epoch=7, role=Role.OWNER)
    encoding = Encoding.JSON if json else Encoding.PACKED
    assert serve(engine, enrol(Action.CREATE, "boat", json=json)) == [("ann-phone", roster, encoding)]
    ((device, fault, answered),) = serve(engine, enrol(Action.INVITE, "tree", "bob", json=json))
    assert isinstance(fault, Fault)
    assert (device, fault.code, fault.rid, answered) == ("ann-phone", Code.NO_CHANNEL, 5, encoding)
    assert (engine.tally["enrolled"], engine.tally["refused_no_channel"]) == (1, 1)


def test_those_who_are_there_hear_of_it_each_in_its_form(engine: Engine) -> None:
    asked = wire.encode(SyncRequest(rid=1, live=True), Encoding.JSON)
    serve(engine, Packet("tl1/bob-phone/status", b"1"), Packet("tl1/bob-tab/sync", asked))
    answers = serve(engine, enrol(Action.CREATE, "boat", "bob"))
    news = Roster(rid=0, channel="boat", epoch=7, role=Role.WRITER)
    assert answers[1:] == [("bob-phone", news, Encoding.PACKED), ("bob-tab", news, Encoding.JSON)]
    (_, *told) = engine.handle([enrol(Action.REMOVE, "boat", "bob")], NOW)
    assert {reply.kind for reply in told} == {Kind.PUSHES}
    assert [wire.decode(reply.payload)[0] for reply in told] == [Roster(rid=0, channel="boat")] * 2


def test_requests_of_one_batch_are_served_in_their_order(engine: Engine) -> None:
    packets = [
        enrol(Action.CREATE, "boat"),
        enrol(Action.INVITE, "boat", "bob"),
        enrol(Action.LEAVE, "boat", device="bob-phone"),
    ]
    answers = serve(engine, *packets)
    assert [(device, getattr(frame, "role", None)) for device, frame, _ in answers] == [
        ("ann-phone", Role.OWNER),
        ("ann-phone", Role.OWNER),
        ("bob-phone", None),
    ]


def test_who_changes_too_much_is_told_to_wait(rolls: PlainRolls) -> None:
    bounds = Bounds(requests_per_second=10, requests_burst=50)
    engine = Engine(Shelf({}), bounds=bounds, enroller=Enroller(rolls, Policy(create=ANYBODY)))
    answers = serve(engine, *(enrol(Action.CREATE, f"c{n}") for n in range(5)))
    assert [isinstance(frame, Roster) for _, frame, _ in answers] == [True] * 2 + [False] * 3
    assert {frame.code for _, frame, _ in answers if isinstance(frame, Fault)} == {Code.BUSY}
    ((_, frame, _),) = serve(engine, enrol(Action.CREATE, "c3"), now_ms=NOW + 5_000)
    assert isinstance(frame, Roster)


def test_whom_a_request_names_counts_too(rolls: PlainRolls) -> None:
    bounds = Bounds(requests_per_second=1, requests_burst=30)
    engine = Engine(Shelf({}), bounds=bounds, enroller=Enroller(rolls, Policy(create=ANYBODY)))
    names = [f"u{n}" for n in range(9)]
    ((_, fault, _),) = serve(engine, enrol(Action.CREATE, "boat", *names))
    assert isinstance(fault, Fault)
    assert fault.code is Code.NO_USER
    ((_, fault, _),) = serve(engine, enrol(Action.LEAVE, "boat"))
    assert isinstance(fault, Fault)
    assert fault.code is Code.BUSY


def test_a_store_that_fails_makes_the_device_try_again(engine: Engine, rolls: PlainRolls) -> None:
    rolls.failing = True
    ((_, fault, _),) = serve(engine, enrol(Action.CREATE, "boat"))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.rid) == (Code.BUSY, 5)
    rolls.failing = False
    ((_, frame, _),) = serve(engine, enrol(Action.CREATE, "boat"))
    assert isinstance(frame, Roster)


def test_a_request_that_is_malformed_is_answered_with_its_id(engine: Engine) -> None:
    packet = Packet("tl1/ann-phone/sync", b'{"type":"enrol","id":9,"action":"invite","channel":"boat"}')
    ((_, fault, encoding),) = serve(engine, packet)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.rid, encoding) == (Code.MALFORMED, 9, Encoding.JSON)


def test_an_operator_who_gave_no_rolls_lets_nobody() -> None:
    ((_, fault, _),) = serve(Engine(Shelf({})), enrol(Action.CREATE, "boat"))
    assert isinstance(fault, Fault)
    assert fault.code is Code.DENIED
