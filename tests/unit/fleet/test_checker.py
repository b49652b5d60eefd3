"""The checker finds each kind of fault, and only that one, in a fleet that is otherwise clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tidelog.replica.ports import Record
from tidelog.replica.steps import Receipt
from tidelog_fleet.checker import MEANINGS, Checker, Fault, FaultKind, Shelf
from tidelog_fleet.crew import Crew, Room, Seat
from tidelog_fleet.ledger import Message

ANN = Seat(device="anna", user="ann")
BEN = Seat(device="bena", user="ben")
CREW = Crew(
    users=("ann", "ben"),
    seats=(ANN, BEN),
    rooms=(Room(name="both", members=("ann", "ben")), Room(name="hers", members=("ann",))),
)


def record(channel: str, seq: int, author: str, body: bytes) -> Record:
    return Record(
        channel=channel, seq=seq, author=author, time=1_000 + seq, sent=990 + seq, kind=0, body=body
    )


class World:
    """A clean end of a fleet, to plant faults in."""

    def __init__(self) -> None:
        self.logs = {
            "both": [
                record("both", 1, "ann", b"one"),
                record("both", 2, "ben", b"two"),
                record("both", 3, "ann", b"three"),
            ],
            "hers": [record("hers", 1, "ann", b"four")],
        }
        self.messages = [self.message(ANN, "both", 1), self.message(BEN, "both", 2)]
        self.messages += [self.message(ANN, "both", 3), self.message(ANN, "hers", 1)]
        self.held = {
            "anna": {"both": list(self.logs["both"]), "hers": list(self.logs["hers"])},
            "bena": {"both": list(self.logs["both"])},
        }

    def message(self, seat: Seat, channel: str, seq: int) -> Message:
        stored = self.logs[channel][seq - 1]
        receipt = Receipt(channel=channel, seq=seq, time=stored.time)
        return Message(seat=seat, channel=channel, body=stored.body, receipt=receipt)

    def faults(self) -> list[Fault]:
        return list(self._faults())

    def _faults(self) -> Iterator[Fault]:
        checker = Checker(CREW, self.logs)
        yield from checker.service(self.messages)
        for seat in CREW.seats:
            shelves = [
                Shelf(channel=name, head=len(records), records=records)
                for name, records in self.held[seat.device].items()
            ]
            yield from checker.device(seat, shelves)


def changed(world: World, **fields: object) -> None:
    world.held["bena"]["both"][1] = replace(world.held["bena"]["both"][1], **fields)


def hole(world: World) -> None:
    for logs in (world.logs, world.held["anna"], world.held["bena"]):
        logs["both"][2] = replace(logs["both"][2], seq=4)
    world.messages[2].receipt = Receipt(channel="both", seq=4, time=1_003)


def unstored(world: World) -> None:
    world.messages.append(Message(seat=ANN, channel="hers", body=b"nowhere"))


def stored_twice(world: World) -> None:
    again = record("hers", 2, "ann", b"four")
    world.logs["hers"].append(again)
    world.held["anna"]["hers"].append(again)


def invented(world: World) -> None:
    strange = record("hers", 2, "ann", b"never written")
    world.logs["hers"].append(strange)
    world.held["anna"]["hers"].append(strange)


def receipt_for_nothing(world: World) -> None:
    world.messages[3].receipt = Receipt(channel="hers", seq=9, time=1_001)


def receipt_for_another(world: World) -> None:
    world.messages[0].receipt, world.messages[1].receipt = None, Receipt(channel="both", seq=1, time=1_001)


def receipt_with_another_time(world: World) -> None:
    world.messages[0].receipt = Receipt(channel="both", seq=1, time=1)


def receipt_named_twice(world: World) -> None:
    world.messages.append(replace(world.messages[0]))
    world.logs["both"].append(record("both", 4, "ann", b"one"))
    for held in world.held.values():
        held["both"].append(world.logs["both"][3])


PLANTS: list[tuple[FaultKind, Callable[[World], object]]] = [
    (FaultKind.HOLE, hole),
    (FaultKind.UNSTORED, unstored),
    (FaultKind.STORED_TWICE, stored_twice),
    (FaultKind.INVENTED, invented),
    (FaultKind.RECEIPT, receipt_for_nothing),
    (FaultKind.RECEIPT, receipt_for_another),
    (FaultKind.RECEIPT, receipt_with_another_time),
    (FaultKind.RECEIPT, receipt_named_twice),
    (FaultKind.MISSING, lambda world: world.held["bena"]["both"].pop(1)),
    (FaultKind.MISSING, lambda world: world.held["anna"].pop("hers")),
    (FaultKind.TWICE, lambda world: world.held["bena"]["both"].append(world.held["bena"]["both"][2])),
    (FaultKind.DIFFERENT, lambda world: changed(world, body=b"other")),
    (FaultKind.DIFFERENT, lambda world: changed(world, author="ann")),
    (FaultKind.DIFFERENT, lambda world: changed(world, time=7)),
    (FaultKind.DIFFERENT, lambda world: changed(world, sent=7)),
    (FaultKind.DIFFERENT, lambda world: changed(world, kind=16)),
    (FaultKind.DIFFERENT, lambda world: world.held["bena"]["both"].append(record("both", 4, "ben", b"x"))),
    (FaultKind.FOREIGN, lambda world: world.held["bena"].update(hers=list(world.logs["hers"]))),
]


def test_a_clean_fleet_has_no_fault() -> None:
    assert World().faults() == []


@pytest.mark.parametrize(("kind", "plant"), PLANTS)
def test_a_planted_fault_is_found_and_no_other(kind: FaultKind, plant: Callable[[World], object]) -> None:
    world = World()
    plant(world)
    assert [fault.kind for fault in world.faults()] == [kind]


def test_knowing_how_long_a_foreign_log_is_is_a_fault() -> None:
    """Counts leak too."""
    faults = list(Checker(CREW, World().logs).device(BEN, [Shelf(channel="hers", head=1, records=())]))
    assert FaultKind.FOREIGN in {fault.kind for fault in faults}


@pytest.mark.parametrize("stored", [False, True])
def test_what_waited_in_a_wiped_outbox_may_be_stored_or_not(*, stored: bool) -> None:
    world = World()
    world.messages.append(Message(seat=ANN, channel="hers", body=b"perhaps", may_be_lost=True))
    if stored:
        world.logs["hers"].append(record("hers", 2, "ann", b"perhaps"))
        world.held["anna"]["hers"].append(world.logs["hers"][1])
    assert world.faults() == []


def test_what_waited_in_a_wiped_outbox_may_not_be_stored_twice() -> None:
    world = World()
    world.messages.append(Message(seat=ANN, channel="hers", body=b"perhaps", may_be_lost=True))
    world.logs["hers"] += [record("hers", seq, "ann", b"perhaps") for seq in (2, 3)]
    world.held["anna"]["hers"] = list(world.logs["hers"])
    assert [fault.kind for fault in world.faults()] == [FaultKind.STORED_TWICE]


def test_a_fault_says_where_it_is() -> None:
    world = World()
    changed(world, body=b"other")
    (fault,) = world.faults()
    assert (fault.device, fault.channel, fault.seq) == ("bena", "both", 2)
    assert "b'other'" in fault.text


def test_every_kind_has_a_meaning() -> None:
    assert set(MEANINGS) == set(FaultKind)
