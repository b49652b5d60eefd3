"""Edits and deletes between a device and the service: what goes, what comes, what primes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulated.bench import Bench
from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.codec import offered
from tidelog.codec.page import Rule
from tidelog.replica.ports import Record
from tidelog.replica.revisions import edit_of, shown
from tidelog.replica.steps import Arrived, Refused
from tidelog.replica.tuning import Tuning
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, Part, Push, SyncRequest
from tidelog.wire.frames import Record as WireRecord
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import delete_body
from tidelog_service.engine import burying
from tidelog_service.engine.core import Engine

TEXTS = [b"%d: the tide is high, mind the ropes" % n for n in range(60)]


@pytest.fixture
def shelf() -> Shelf:
    """Sixty lines of Ann's."""
    made = Shelf({"room": ("ann", "bob")})
    made.fill("room", TEXTS, times=range(1_000, 1_060))
    return made


@pytest.fixture
def writer(shelf: Shelf) -> Pair:
    """Ann's other device, which has all."""
    made = paired(Engine(shelf), device="ann-tab")
    made.sync()
    return made


def reader(writer: Pair, *, live: bool = False, pages: bool = True) -> Pair:
    """Bob's device on the same engine; it has all."""
    bench = Bench(
        tuning=Tuning(live=live), device="bob-phone", pages=pages, codecs=offered() if pages else ()
    )
    made = Pair(bench, writer.engine)
    made.sync()
    return made


def held(pair: Pair) -> list[Record]:
    """What the device has, as it lies there."""
    return pair.bench.store.records("room", 7, start=1, stop=2**53, limit=10**6)


def read(pair: Pair) -> list[tuple[int, bytes]]:
    """What its application sees."""
    return [(one.seq, one.body) for one in map(shown, held(pair)) if one.kind != KIND_DELETE]


def revise(pair: Pair, kind: int, body: bytes) -> None:
    _, step = pair.bench.machine.write("room", body, kind=kind, content_type="", sent=500)
    pair.bench.do(step)
    pair.bench.tick()
    pair.run()
    assert not [event for event in pair.bench.events if isinstance(event, Refused)]


def edit(pair: Pair, seq: int, content: bytes) -> None:
    (record,) = [one for one in held(pair) if one.seq == seq]
    revise(pair, KIND_EDIT, edit_of(record, content))


def delete(pair: Pair, *runs: tuple[int, int]) -> None:
    revise(pair, KIND_DELETE, delete_body(RangeSet(runs)))


def unprimed(pair: Pair) -> list[SyncRequest]:
    """Requests that were put once more without a context: a page had not come out."""
    frames = [one for one in pair.frames() if isinstance(one, SyncRequest) and one.pages]
    return [one for one in frames if not one.context_bytes]


def more(shelf: Shelf) -> None:
    shelf.fill("room", TEXTS[:3], times=[shelf.logs["room"].time + 9] * 3)


def test_an_edit_replaces_what_was_held_and_nothing_primes_with_it(writer: Pair, shelf: Shelf) -> None:
    bob = reader(writer)
    edit(writer, 3, b"the tide is low")
    more(shelf)
    report = bob.sync()
    assert (report.records, report.rounds, unprimed(bob)) == (4, 1, [])
    assert [one.dead for page in bob.pages() for one in page.told] == [RangeSet([(3, 4)])]
    assert read(bob)[0:3] == [(1, TEXTS[0]), (2, TEXTS[1]), (4, TEXTS[3])]
    assert (61, b"the tide is low") in read(bob)
    assert bob.have("room") == RangeSet([(1, 65)])
    bob.sync()
    assert [len(one) for one in bob.up] == [11]


def test_an_edit_of_an_edit_comes_alone(writer: Pair, shelf: Shelf) -> None:
    bob = reader(writer)
    edit(writer, 3, b"the tide is low")
    edit(writer, 61, b"the tide is out")
    more(shelf)
    assert bob.sync().records == 4
    assert unprimed(bob) == []
    assert [text for text in read(bob) if text[0] in (3, 61, 62)] == [(62, b"the tide is out")]


def test_a_delete_reaches_who_has_something_of_it(writer: Pair, shelf: Shelf) -> None:
    bob = reader(writer)
    delete(writer, (5, 50))
    more(shelf)
    assert bob.sync().records == 4
    assert unprimed(bob) == []
    assert [seq for seq, _ in read(bob)] == [1, 2, 3, 4, *range(50, 61), 62, 63, 64]
    bob.sync()
    assert [len(one) for one in bob.up] == [11]


def test_to_a_new_device_neither_the_dead_nor_their_delete_goes(writer: Pair) -> None:
    edit(writer, 1, b"once more")
    delete(writer, (5, 61))
    carol = Pair(
        Bench(tuning=Tuning(live=False), device="bob-tab", pages=True, codecs=offered()), writer.engine
    )
    report = carol.sync()
    assert (report.records, report.rounds, unprimed(carol)) == (4, 1, [])
    assert [one.seq for one in held(carol)] == [2, 3, 4, 61]
    assert carol.have("room") == RangeSet([(1, 63)])


@pytest.mark.parametrize("pages", [False, True])
def test_whoever_writes_one_has_it_as_the_service_does(writer: Pair, shelf: Shelf, *, pages: bool) -> None:
    tuning = Tuning(live=False)
    bench = Bench(tuning=tuning, device="ann-phone", pages=pages, codecs=offered() if pages else ())
    phone = Pair(bench, writer.engine)
    phone.sync()
    edit(phone, 2, b"the tide turns")
    delete(phone, (7, 9))
    assert [tuple(row) for row in shelf.records[1].values()] == [
        (one.seq, one.author, one.time, one.sent, one.kind, one.content_type, one.body) for one in held(phone)
    ]
    more(shelf)
    assert phone.sync().records == 3
    assert unprimed(phone) == []


def test_a_device_that_asks_for_deltas_gets_the_same(writer: Pair, shelf: Shelf) -> None:
    bob = reader(writer, pages=False)
    edit(writer, 3, b"the tide is low")
    delete(writer, (5, 50))
    more(shelf)
    assert bob.sync().records == 5
    assert [seq for seq, _ in read(bob)] == [1, 2, 4, *range(50, 62), 63, 64, 65]
    new = Pair(Bench(tuning=Tuning(live=False), device="bob-tab"), writer.engine)
    assert new.sync().records == 18
    assert read(new) == read(bob)
    assert [one.kind for one in held(new)].count(KIND_DELETE) == 0
    assert new.have("room") == RangeSet([(1, 66)])


def test_members_hear_of_them_as_they_are_stored(writer: Pair) -> None:
    bob = reader(writer, live=True)
    edit(writer, 3, b"the tide is low")
    delete(writer, (5, 50))
    bob.push()
    assert [seq for seq, _ in read(bob)] == [1, 2, 4, *range(50, 62)]
    told = [one for event in bob.bench.events if isinstance(event, Arrived) for one in event.records]
    assert [(one.kind, one.seq) for one in told[-2:]] == [(KIND_EDIT, 61), (KIND_DELETE, 62)]


def test_a_record_and_its_delete_may_come_together(shelf: Shelf) -> None:
    """Pushes are gathered for some milliseconds."""
    pair = paired(Engine(shelf), live=True)
    pair.sync()
    one = WireRecord(seq=61, author="bob", time=2_000, sent=2_000, body=b"oh no", size=5)
    gone = replace(one, seq=62, kind=KIND_DELETE, body=delete_body(RangeSet([(61, 62)])), size=2)
    part = Part(channel="room", epoch=7, head=62, records=(one, gone))
    pair.bench.receive(Push(part=part))
    assert [record.seq for record in held(pair)][-2:] == [60, 62]
    assert pair.have("room") == RangeSet([(1, 63)])


def test_a_body_that_comes_after_its_delete_is_not_taken(shelf: Shelf) -> None:
    pair = paired(Engine(shelf), live=True)
    pair.sync()
    one = WireRecord(seq=61, author="bob", time=2_000, sent=2_000, body=b"oh no", size=5)
    gone = replace(one, seq=62, kind=KIND_DELETE, body=delete_body(RangeSet([(61, 62)])), size=2)
    for record in (gone, one):
        part = Part(channel="room", epoch=7, head=record.seq, records=(record,))
        pair.bench.receive(Push(part=part))
    assert [record.seq for record in held(pair)][-2:] == [60, 62]


def test_deletes_while_a_channel_was_gone_are_told_when_it_is_back(writer: Pair, shelf: Shelf) -> None:
    bob = reader(writer)
    shelf.members["room"] = ("ann",)
    bob.sync()
    delete(writer, (5, 50))
    shelf.members["room"] = ("ann", "bob")
    more(shelf)
    bob.sync()
    assert unprimed(bob) == []
    assert [seq for seq, _ in read(bob)] == [1, 2, 3, 4, *range(50, 61), 62, 63, 64]


def test_void_bodies_of_a_channel_that_the_account_did_not_know_are_forgotten(
    writer: Pair, shelf: Shelf
) -> None:
    bob = reader(writer)
    shelf.members["room"] = ("ann",)
    bob.sync()
    shelf.tokens.clear()
    bob.sync()  # in full, and silent about what is gone
    delete(writer, (5, 50))
    shelf.members["room"] = ("ann", "bob")
    more(shelf)
    bob.sync()
    assert unprimed(bob) == []
    assert [seq for seq, _ in read(bob)] == [1, 2, 3, 4, *range(50, 61), 62, 63, 64]


def test_what_an_unsent_delete_voids_is_void_even_where_it_was_not_asked_for(writer: Pair) -> None:
    """A receipt that is repeated may bring the body: the device was set back, and sends its message again."""
    delete(writer, (5, 50))
    bench = Bench(tuning=Tuning(live=False), device="bob-tab", pages=True, codecs=offered())
    bob = Pair(bench, writer.engine)
    bob.sync(rule=Rule(newest=3))
    assert bob.have("room") == RangeSet([(5, 50), (59, 62)])
    assert [one.seq for one in held(bob)] == [59, 60]


@pytest.mark.parametrize("page_bytes", [256, 16_384])
@pytest.mark.parametrize("scattered", [False, True])
def test_a_delete_that_is_shorter_than_what_it_voids_is_sent(
    writer: Pair, page_bytes: int, *, scattered: bool
) -> None:
    """Or that may not have room beside it, in a small page."""
    delete(writer, *([(seq, seq + 1) for seq in range(2, 40, 2)] if scattered else [(5, 50)]))
    bench = Bench(
        tuning=Tuning(live=False, page_bytes=page_bytes), device="bob-tab", pages=True, codecs=offered()
    )
    bob = Pair(bench, writer.engine)
    bob.sync()
    assert (61 in [one.seq for one in held(bob)]) == (scattered or page_bytes < 1_024)
    assert bob.have("room") == RangeSet([(1, 62)])
    assert read(bob) == read(writer)
    assert unprimed(bob) == []


def test_more_than_can_be_looked_for_are_told_without_a_context(
    writer: Pair, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(burying, "_REVISIONS_MAX", 3)
    bob = reader(writer)
    for seq in (3, 5, 7):
        edit(writer, seq, b"once more %d" % seq)
    more(shelf)
    assert bob.sync().records == 6
    assert unprimed(bob) == []
    assert all(page.content is None or not page.content.model.context_bytes for page in bob.pages())


def test_the_application_sees_an_edit_as_what_it_makes_of_the_first(writer: Pair) -> None:
    edit(writer, 3, b"the tide is low")
    edit(writer, 61, b"the tide is out")
    (raw,) = [one for one in held(writer) if one.seq == 62]
    one = shown(raw)
    assert (one.seq, one.kind, one.time, one.edited, one.body, one.voids) == (
        62,
        0,
        1_002,
        raw.time,
        b"the tide is out",
        ((3, 4), (61, 62)),
    )
    delete(writer, (1, 3))
    (raw,) = [one for one in held(writer) if one.seq == 63]
    assert (shown(raw).kind, shown(raw).body, shown(raw).voids) == (KIND_DELETE, b"", ((1, 3),))


@pytest.mark.parametrize("kind", [0, 16, KIND_EDIT])
def test_other_records_are_shown_as_they_are(kind: int) -> None:
    record = Record(channel="room", seq=1, author="ann", time=5, sent=5, kind=kind, body=b"\xff")
    assert shown(record) == record
