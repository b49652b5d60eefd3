"""A log whose beginning is gone: told once, never asked for, never built on."""

from __future__ import annotations

import pytest

from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.wire import payload as wire
from tidelog.wire.frames import Message, Messages, SyncRequest
from tidelog.wire.payload import Encoding
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet

TEXTS = [b"%d: the tide is high, mind the ropes" % n for n in range(1, 201)]


@pytest.fixture
def shelf() -> Shelf:
    made = Shelf({"room": ("ann", "bob")})
    made.fill("room", TEXTS, times=range(1_000, 1_200))
    return made


def synced(shelf: Shelf) -> Pair:
    pair = paired(Engine(shelf), device="ann-device")
    assert pair.sync().records == len(TEXTS)
    return pair


def test_a_risen_floor_costs_a_few_bytes_once(shelf: Shelf) -> None:
    pair = synced(shelf)
    pair.sync()
    least = pair.bytes
    shelf.lift("room", 101)
    report = pair.sync()
    assert (report.records, report.rounds) == (0, 1)
    assert least < pair.bytes <= least + 10
    pair.sync()
    assert pair.bytes == least
    holding = pair.bench.machine.holdings.get("room")
    assert holding is not None
    assert (holding.floor, holding.have) == (101, RangeSet([(1, 201)]))


def test_a_hole_that_falls_below_the_floor_is_no_gap_any_more(shelf: Shelf) -> None:
    pair = synced(shelf)
    pair.bench.do(pair.bench.machine.drop("room", RangeSet([(50, 60), (150, 160)])))
    shelf.lift("room", 101)
    assert pair.sync().records == 10
    assert pair.have("room") == RangeSet([(1, 50), (60, 201)])
    report = pair.sync()
    assert (report.records, report.rounds, report.complete) == (0, 1, True)
    assert pair.bench.machine.due() is None


def test_what_only_the_device_holds_primes_no_page(shelf: Shelf) -> None:
    """Were it in the context on one side, the page would not come out, and be asked for again without."""
    pair = synced(shelf)
    shelf.lift("room", 191)
    for seqs in ([(195, 196)], [(191, 201)], [(185, 195)]):
        pair.bench.do(pair.bench.machine.drop("room", RangeSet(seqs)))
        report = pair.sync()
        assert report.rounds == 1
        assert all(not isinstance(one, SyncRequest) or one.context_bytes for one in pair.frames())
    assert all(seq >= 191 for _, seq in shelf.read[len(TEXTS) :])


def test_a_floor_that_rises_between_pages_leaves_both_sides_agreed(shelf: Shelf) -> None:
    pair = paired(Engine(shelf), device="ann-device", page_bytes=512)
    lifts = iter(range(20, 200, 20))

    def lift(payload: bytes) -> bytes:
        floor = next(lifts, None)
        if floor is not None:
            shelf.lift("room", floor)
        return payload

    pair.on_way_up = lift
    report = pair.sync()
    assert report.complete
    assert pair.have("room").stop == 201
    assert sum(isinstance(frame, SyncRequest) for frame in pair.frames()) == 1, "no page failed"
    assert pair.sync().records == 0


def test_a_push_is_told_after_what_is_kept(shelf: Shelf) -> None:
    shelf.lift("room", 196)
    engine = Engine(shelf)
    pair = paired(engine, device="bob-phone", live=True)
    pair.sync()
    sent = Messages(outbox=b"abcd", messages=(Message(n=1, channel="room", body=TEXTS[3] + b"!", sent=5),))
    engine.handle([Packet("tl1/ann-phone/msg", wire.encode(sent, Encoding.PACKED))], 10**6)
    assert engine.due_ms is not None
    (frame,) = {wire.decode(reply.payload)[0] for reply in engine.flush(engine.due_ms)}
    assert isinstance(frame, PrimedPush)
    assert frame.context.runs == ((196, 201),)
