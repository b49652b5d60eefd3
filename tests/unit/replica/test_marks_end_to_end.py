"""A device and the service's engine: marks cost nobody a byte who does not use them, and none for long."""

from __future__ import annotations

import pytest

from simulated.disks import copy
from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.replica.ports import Mark
from tidelog.wire import payload as wire
from tidelog.wire.marks import Mark as Asked
from tidelog.wire.marks import MarkRequest
from tidelog.wire.page_frames import Resync
from tidelog.wire.payload import Encoding
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet

UP_TO_DATE = 54


@pytest.fixture
def shelf() -> Shelf:
    """Forty rooms of ann and bob, ten records in each; one room has read receipts."""
    made = Shelf({f"room{n}": ("ann", "bob") for n in range(40)})
    for name in made.logs:
        made.fill(name, [b"the tide is high"] * 10, author="bob")
    made.receipts.add("room1")
    return made


@pytest.fixture
def engine(shelf: Shelf) -> Engine:
    return Engine(shelf)


def device(engine: Engine, name: str = "ann-tabl") -> Pair:
    """With an id of eight characters, as in the figures, and no word of the service's in between."""
    return paired(engine, device=name)


@pytest.fixture
def tablet(engine: Engine) -> Pair:
    """Up to date; what it has to tell by itself is told."""
    made = device(engine)
    made.sync()
    made.sync()
    return made


def mark(engine: Engine, who: str, channel: str, read: int) -> None:
    frame = MarkRequest(rid=5, marks=(Asked(channel, 7, read, read),))
    engine.handle([Packet(f"tl1/{who}/sync", wire.encode(frame, Encoding.PACKED))], 10**6)


def known(pair: Pair, channel: str, user: str = "") -> Mark:
    (found,) = (one for one in pair.bench.store.load().marks if (one.channel, one.user) == (channel, user))
    return found


def test_up_to_date_takes_what_it_always_took(tablet: Pair) -> None:
    tablet.sync()
    assert tablet.bytes == UP_TO_DATE


def test_a_mark_is_learned_with_the_next_sync_without_a_packet_of_its_own(
    engine: Engine, tablet: Pair
) -> None:
    mark(engine, "ann-phone", "room7", 8)
    report = tablet.sync()
    assert (report.rounds, len(tablet.down)) == (1, 1)
    assert tablet.bytes == UP_TO_DATE + 13
    assert known(tablet, "room7").read == 8
    tablet.sync()
    assert tablet.bytes == UP_TO_DATE


def test_many_marks_take_six_bytes_each_at_most(engine: Engine, tablet: Pair) -> None:
    for n in range(2, 40):
        mark(engine, "ann-phone", f"room{n}", 9)
    tablet.sync()
    assert tablet.bytes < UP_TO_DATE + 9 + 6 * 38
    tablet.sync()
    assert tablet.bytes == UP_TO_DATE


def test_a_page_that_is_lost_is_told_again(engine: Engine, tablet: Pair) -> None:
    mark(engine, "ann-phone", "room7", 8)
    lost: list[bytes] = []

    def lose(payload: bytes) -> bytes | None:
        lost.append(payload)
        return payload if len(lost) > 1 else None

    tablet.on_way_down = lose
    tablet.sync()
    assert known(tablet, "room7").read == 8
    tablet.sync()
    assert len(tablet.down[0]) == 3


def test_a_device_that_is_set_back_learns_again(engine: Engine, tablet: Pair) -> None:
    """Whether the service still knows the account of then or not."""
    backup = copy(tablet.bench.store)
    for read in (5, 6, 7):
        mark(engine, "ann-phone", "room7", read)
        tablet.sync()
    tablet.bench.store = backup
    tablet.bench.boot()
    tablet.bench.connect()
    tablet.sync()
    assert known(tablet, "room7").read == 7
    tablet.sync()
    assert tablet.bytes == UP_TO_DATE


def test_a_wiped_device_learns_everything_with_its_first_sync(engine: Engine, tablet: Pair) -> None:
    mark(engine, "ann-phone", "room7", 8)
    mark(engine, "bob-phone", "room1", 9)
    tablet.bench.wipe()
    tablet.bench.connect()
    tablet.sync()
    assert known(tablet, "room7").read == 8
    assert known(tablet, "room1", "bob").read == 9
    assert tablet.bench.store.load().user == "ann"


def test_what_the_device_marked_itself_comes_back_once(tablet: Pair) -> None:
    tablet.bench.do(tablet.bench.machine.mark_read("room7", 10, tablet.bench.now))
    tablet.bench.tick()
    tablet.run()
    assert not known(tablet, "room7").waiting
    tablet.sync()
    assert tablet.bytes == UP_TO_DATE + 13
    tablet.sync()
    assert tablet.bytes == UP_TO_DATE


def test_a_service_that_was_set_back_is_told_again(engine: Engine, shelf: Shelf, tablet: Pair) -> None:
    """Where a page shows that it has less than the device was once told that it has."""
    mark(engine, "ann-phone", "room7", 3)
    backup = dict(shelf.marks)
    tablet.bench.do(tablet.bench.machine.mark_read("room7", 10, tablet.bench.now))
    tablet.bench.tick()
    tablet.run()
    assert shelf.marks["ann", "room7"][1] == 10
    shelf.marks = backup
    tablet.sync()
    tablet.run()
    assert shelf.marks["ann", "room7"][1] == 10
    tablet.sync()
    tablet.sync()
    assert tablet.bytes == UP_TO_DATE


@pytest.mark.parametrize("before", [0, 3], ids=["none", "less"])
@pytest.mark.parametrize("token", [True, False], ids=["token", "anew"])
def test_a_service_that_was_set_back_and_tells_nothing_is_told_again(
    engine: Engine, shelf: Shelf, tablet: Pair, *, before: int, token: bool
) -> None:
    """It has the version that the device knows, or none: once more is enough."""
    if before:
        mark(engine, "ann-phone", "room7", before)
        tablet.sync()
    backup = dict(shelf.marks)
    tablet.bench.do(tablet.bench.machine.mark_read("room7", 10, tablet.bench.now))
    tablet.bench.tick()
    tablet.run()
    shelf.marks = backup
    if not token:
        shelf.tokens.clear()
    tablet.sync()
    tablet.run()
    assert shelf.marks["ann", "room7"][1] == 10
    for _ in range(3):
        tablet.sync()
        tablet.run()
    assert tablet.bytes == UP_TO_DATE


def test_a_service_that_tells_of_others_and_not_of_the_own_user_is_told_again(
    engine: Engine, shelf: Shelf, tablet: Pair
) -> None:
    """A device that says all anew hears of all members: who is not among them has no mark."""
    mark(engine, "bob-phone", "room1", 3)
    backup = {key: one for key, one in shelf.marks.items() if key[0] == "bob"}
    tablet.bench.do(tablet.bench.machine.mark_read("room1", 10, tablet.bench.now))
    tablet.bench.tick()
    tablet.run()
    tablet.sync()
    shelf.marks = backup
    shelf.tokens.clear()
    tablet.sync()
    tablet.run()
    assert shelf.marks["ann", "room1"][1] == 10
    for _ in range(3):
        tablet.sync()
        tablet.run()
    assert tablet.bytes == UP_TO_DATE


def test_it_works_for_a_device_that_asks_for_one_channel(engine: Engine, tablet: Pair) -> None:
    mark(engine, "ann-phone", "room7", 8)
    mark(engine, "ann-phone", "room8", 8)
    tablet.sync("room7")
    assert known(tablet, "room7").read == 8
    assert not any(one.channel == "room8" for one in tablet.bench.store.load().marks)
    tablet.sync()
    assert known(tablet, "room8").read == 8


def test_a_budget_is_for_records(engine: Engine, tablet: Pair) -> None:
    mark(engine, "ann-phone", "room7", 8)
    tablet.sync(max_bytes=300)
    assert isinstance(tablet.frames()[0], Resync)
    assert len(tablet.down[0]) == 3
    tablet.sync()
    assert known(tablet, "room7").read == 8


def test_delivered_is_told_once_where_it_is_asked_for(engine: Engine, shelf: Shelf) -> None:
    fresh = device(engine, "bob-tabl")
    fresh.sync()
    assert shelf.marks == {("bob", "room1"): (7, 0, 10, 1)}
    fresh.sync()
    fresh.sync()
    assert fresh.bytes == UP_TO_DATE
    assert fresh.bench.machine.due() is None
