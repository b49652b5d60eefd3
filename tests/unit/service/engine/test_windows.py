"""What a member, a future one, a former one and a stranger may read, on every path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulated.bench import Bench
from simulated.pair import Pair
from simulated.shelf import Shelf
from tidelog.codec import offered
from tidelog.codec.page import Rule
from tidelog.codec.parcels import Ground, pack
from tidelog.codec.preset import Preset
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code
from tidelog.wire.frames import (
    KIND_DELETE,
    KIND_EDIT,
    Delta,
    Fault,
    Message,
    Messages,
    Push,
    Receipts,
    SyncRequest,
)
from tidelog.wire.page_frames import Page
from tidelog.wire.payload import Encoding
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import EVERYTHING, RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body
from tidelog.wire.statements import Statement
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.ports import Log

TEXTS = [b"%d: the tide is high, mind the ropes" % n for n in range(1, 61)]
WINDOW = RangeSet([(31, 46)])


@pytest.fixture
def shelf() -> Shelf:
    """Sixty lines; Bob joined after 30 and, where he has left, did so after 45."""
    made = Shelf({"room": ("ann", "bob")})
    made.fill("room", TEXTS, times=range(1_000, 1_060))
    made.windows["bob", "room"] = (31, None)
    return made


def bob_leaves(shelf: Shelf, *, last: int = 45) -> None:
    shelf.members["room"] = ("ann",)
    shelf.windows["bob", "room"] = (31, last)


def reader(engine: Engine, *, pages: bool, live: bool = False) -> Pair:
    tuning = Tuning(live=live)
    bench = Bench(tuning=tuning, device="bob-phone", pages=pages, codecs=offered() if pages else ())
    return Pair(bench, engine)


def held(pair: Pair) -> list[int]:
    return [one.seq for one in pair.bench.store.records("room", 7, start=1, stop=2**53, limit=10**6)]


def ask(engine: Engine, frame: Frame, *, device: str = "bob-phone", verb: str = "sync") -> list[Frame]:
    replies = engine.handle([Packet(f"tl1/{device}/{verb}", wire.encode(frame, Encoding.PACKED))], 10**6)
    return [wire.decode(reply.payload)[0] for reply in replies if reply.device == device]


@pytest.mark.parametrize("pages", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_a_sync_brings_the_window_and_nothing_else(shelf: Shelf, *, pages: bool, left: bool) -> None:
    if left:
        bob_leaves(shelf)
    pair = reader(Engine(shelf), pages=pages)
    report = pair.sync()
    assert (report.complete, report.gone) == (True, ())
    assert held(pair) == list(range(31, 46 if left else 61))
    assert {seq for _, seq in shelf.read} == set(held(pair)), "no other record is even read"
    assert pair.sync("room").records == 0
    holding = pair.bench.machine.holdings.get("room")
    assert holding is not None
    assert (holding.floor, holding.head) == (31, 45 if left else 60)


@pytest.mark.parametrize("pages", [False, True])
def test_who_has_left_gets_nothing_that_came_after(shelf: Shelf, *, pages: bool) -> None:
    engine = Engine(shelf)
    pair = reader(engine, pages=pages, live=True)
    shelf.windows["bob", "room"] = (31, None)
    pair.sync()
    bob_leaves(shelf)
    ask(engine, message(b"behind his back"), device="ann-phone", verb="msg")
    pair.push()
    assert pair.sync().records == 0
    assert held(pair) == list(range(31, 61))


@pytest.mark.parametrize("left", [False, True])
def test_no_want_set_reaches_over_the_edge(shelf: Shelf, *, left: bool) -> None:
    if left:
        bob_leaves(shelf)
    wanted = (Statement(channel="room", epoch=7, want=EVERYTHING),)
    (delta,) = ask(Engine(shelf), SyncRequest(rid=1, statements=wanted, page_bytes=61_440))
    assert isinstance(delta, Delta)
    (part,) = delta.parts
    assert part.head == (45 if left else 60)
    assert [record.seq for record in part.records] == list(range(31, part.head + 1))


@pytest.mark.parametrize("device", ["cem-phone", "bob-phone"])
def test_to_strangers_and_future_members_there_is_no_such_channel(shelf: Shelf, device: str) -> None:
    shelf.members["room"] = ("ann",)
    del shelf.windows["bob", "room"]
    stated = (Statement(channel="room", epoch=7),)
    for pages in (False, True):
        (answer,) = ask(Engine(shelf), SyncRequest(rid=1, statements=stated, pages=pages), device=device)
        unknown = (Statement(channel="nowhere", epoch=7),)
        (other,) = ask(Engine(shelf), SyncRequest(rid=1, statements=unknown, pages=pages), device=device)
        assert str(answer).replace("room", "nowhere") == str(other)
    assert shelf.read == []


def message(body: bytes, *, kind: int = 0, n: int = 1) -> Messages:
    sent = Message(n=n, channel="room", body=body, kind=kind, sent=5)
    return Messages(outbox=b"abcd", messages=(sent,))


@pytest.mark.parametrize("seq", [30, 31, 45, 46])
def test_a_parcel_builds_on_nothing_outside(shelf: Shelf, seq: int) -> None:
    """Its answer would tell whether a guess of a body is right."""
    preset = Preset(text=TEXTS[seq - 1] + b"\0", time=999 + seq, seqs=(seq,), full=False)
    ground = Ground(channel="room", preset=preset, floor=1)
    parcel = pack(message(TEXTS[seq - 1]), ground)
    assert parcel is not None
    (answer,) = ask(Engine(shelf), parcel, verb="msg")
    if seq < 31:
        assert isinstance(answer, Fault)
        assert answer.code is Code.CONTEXT
        assert shelf.read == []
    else:
        assert isinstance(answer, Receipts)


def test_who_has_left_writes_nothing_and_deletes_nothing(shelf: Shelf) -> None:
    bob_leaves(shelf)
    delete = message(delete_body(RangeSet([(31, 32)])), kind=KIND_DELETE, n=2)
    for frame in (message(b"x"), delete):
        (answer,) = ask(Engine(shelf), frame, verb="msg")
        assert isinstance(answer, Receipts)
        assert [one.code for one in answer.rejections] == [Code.NO_CHANNEL]


def test_a_push_is_told_after_what_all_may_read(shelf: Shelf) -> None:
    engine = Engine(shelf)
    pair = reader(engine, pages=True, live=True)
    pair.sync()
    ask(engine, message(TEXTS[40] + b" once more"), device="ann-phone", verb="msg")
    assert engine.due_ms is not None
    pushes = [wire.decode(reply.payload)[0] for reply in engine.flush(engine.due_ms)]
    assert pushes
    for push in pushes:
        assert isinstance(push, Push | PrimedPush)
        assert not isinstance(push, PrimedPush) or push.context.runs[0][0] >= 31
    assert any(isinstance(push, PrimedPush) for push in pushes)


def test_a_channel_that_was_left_and_is_whole_is_told_as_gone_once_and_primes_nothing(shelf: Shelf) -> None:
    """Else all that is edited and deleted there would have to be told at each sync, for ever."""
    engine = Engine(shelf)
    shelf.open("other", "bob")
    pair = reader(engine, pages=True)
    pair.sync()
    bob_leaves(shelf, last=60)
    ask(engine, message(delete_body(RangeSet([(35, 40)])), kind=KIND_DELETE), device="ann-phone", verb="msg")
    shelf.fill("other", TEXTS[:3], times=[2_000] * 3)
    report = pair.sync()
    assert (report.records, report.gone) == (3, ("room",))
    assert all(frame.context_bytes for frame in pair.frames() if isinstance(frame, SyncRequest))
    report = pair.sync()
    assert (report.records, report.gone, len(pair.down[-1])) == (0, (), 3)
    assert held(pair) == list(range(31, 61))


def test_what_was_deleted_before_all_had_come_is_told_to_who_has_left(shelf: Shelf) -> None:
    engine = Engine(shelf)
    pair = reader(engine, pages=True)
    pair.sync(rule=Rule(newest=10))
    bob_leaves(shelf, last=60)
    ask(engine, message(delete_body(RangeSet([(55, 60)])), kind=KIND_DELETE), device="ann-phone", verb="msg")
    pair.sync()
    assert held(pair) == [*range(31, 55), 60]


def test_nothing_is_told_of_records_behind_the_window(shelf: Shelf) -> None:
    """Whatever a device says that it has."""
    bob_leaves(shelf)
    engine = Engine(shelf)
    edit = message(edit_body(Edit(voids=RangeSet([(50, 51)]), time=1049, content=b"x")), kind=KIND_EDIT)
    ask(engine, edit, device="ann-phone", verb="msg")
    stated = Statement(channel="room", epoch=7, have=RangeSet([(31, 40), (50, 55)]))
    request = SyncRequest(rid=1, statements=(stated,), pages=True, context_bytes=65_536)
    (page,) = ask(engine, request)
    assert isinstance(page, Page)
    assert all(not one.dead for one in page.told)


def test_nobody_deletes_what_he_may_not_read(shelf: Shelf) -> None:
    """Not with something of his own either."""
    engine = Engine(shelf)
    ask(engine, message(b"mine"), verb="msg")
    delete = message(delete_body(RangeSet([(5, 6), (61, 62)])), kind=KIND_DELETE, n=2)
    (answer,) = ask(engine, delete, verb="msg")
    assert isinstance(answer, Receipts)
    assert [one.code for one in answer.rejections] == [Code.NO_RECORD]
    assert {5, 61} <= set(shelf.records[1])


def test_an_edit_that_reaches_below_the_window_is_deleted_with_what_it_was(shelf: Shelf) -> None:
    """What it was is void already, and a delete has to name it."""
    engine = Engine(shelf)
    ask(engine, message(b"bob's"), verb="msg")
    edit = message(edit_body(Edit(voids=RangeSet([(61, 62)]), time=10**6, content=b"x")), kind=KIND_EDIT, n=2)
    ask(engine, edit, verb="msg")
    shelf.windows["bob", "room"] = (62, None)
    delete = message(delete_body(RangeSet([(61, 63)])), kind=KIND_DELETE, n=3)
    (answer,) = ask(engine, delete, verb="msg")
    assert isinstance(answer, Receipts)
    assert not answer.rejections


def test_who_joins_while_a_push_is_gathered_does_not_get_it(shelf: Shelf) -> None:
    shelf.members["room"] = ("ann",)
    shelf.open("other", "bob")
    engine = Engine(shelf)
    pair = reader(engine, pages=True, live=True)
    pair.sync()
    ask(engine, message(b"before bob"), device="ann-phone", verb="msg")
    shelf.members["room"] = ("ann", "bob")
    shelf.windows["bob", "room"] = (62, None)
    assert engine.due_ms is not None
    assert not [reply for reply in engine.flush(engine.due_ms) if reply.device == "bob-phone"]


@pytest.mark.parametrize("owner", [False, True])
def test_an_owner_deletes_what_others_wrote(shelf: Shelf, *, owner: bool) -> None:
    if owner:
        found = shelf.writable

        def owned(user_id: int, names: list[str]) -> dict[str, Log]:
            return {name: replace(log, owned=True) for name, log in found(user_id, names).items()}

        shelf.writable = owned  # type: ignore[method-assign, assignment]
    frame = message(delete_body(RangeSet([(31, 33)])), kind=KIND_DELETE)
    (answer,) = ask(Engine(shelf), frame, verb="msg")
    assert isinstance(answer, Receipts)
    assert bool(answer.receipts) is owner
    assert [one.code for one in answer.rejections] == ([] if owner else [Code.DENIED])
