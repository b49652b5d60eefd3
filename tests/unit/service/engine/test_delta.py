"""The answer to a request: exactly what is missing, in pages that keep to their budget."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.samples import EPOCH, runs
from simulated.shelf import USERS, Shelf
from tidelog.wire import payload as wire
from tidelog.wire.frames import Delta, Part, SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX, PAGE_BYTES_MAX, SEQ_STOP
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet
from tidelog.wire.statements import Statement
from tidelog_service.engine.delta import answer, missing
from tidelog_service.engine.ports import Log

BOTH = pytest.mark.parametrize("encoding", list(Encoding))


def log(head: int, *, floor: int = 1) -> Log:
    return Log(id=1, name="room", epoch=EPOCH, head=head, floor=floor, time=0)


def shelf(*bodies: bytes, members: tuple[str, ...] = ("ann", "bob")) -> Shelf:
    made = Shelf({"room": members, "theirs": ("cem",)})
    made.fill("room", bodies)
    made.fill("theirs", [b"secret"])
    return made


def ask(
    store: Shelf, request: SyncRequest, encoding: Encoding = Encoding.PACKED, *, most: int = PAGE_BYTES_MAX
) -> Delta:
    """One page, as ann gets it."""
    page = answer(
        request, logs=store.logs_of(USERS["ann"]), store=store, encoding=encoding, page_bytes_max=most
    )
    frame, written = wire.decode(page.payload)
    assert isinstance(frame, Delta)
    assert written is encoding
    assert page.records == sum(len(part.records) for part in frame.parts)
    assert page.bodies == tuple(len(record.body) for part in frame.parts for record in part.records)
    return frame


def stated(have: RangeSet = EMPTY, *, epoch: int = EPOCH, want: RangeSet | None = None) -> Statement:
    return Statement(channel="room", epoch=epoch, have=have, want=want)


def seqs(part: Part) -> list[int]:
    return [record.seq for record in part.records]


# What is missing


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (None, runs((1, 11))),
        (stated(), runs((1, 11))),
        (stated(runs((1, 11))), EMPTY),
        (stated(runs((2, 4), (9, 10))), runs((1, 2), (4, 9), (10, 11))),
        (stated(runs((5, 400)), want=EVERYTHING), runs((1, 5))),
        (stated(runs((1, 3)), want=runs((2, 5), (300, SEQ_STOP))), runs((3, 5))),
        (stated(runs((1, 11)), want=EMPTY), EMPTY),
        (stated(runs((1, 11)), epoch=8), runs((1, 11))),
        (stated(runs((1, 5)), epoch=0), runs((5, 11))),
    ],
)
def test_missing_is_what_is_kept_and_asked_for_and_not_had(
    statement: Statement | None, expected: RangeSet
) -> None:
    """Numbers beyond the head are ignored; a have-set of another epoch counts for nothing."""
    assert missing(log(10), statement) == expected


def test_nothing_below_the_floor_is_missing() -> None:
    assert missing(log(10, floor=8), None) == runs((8, 11))
    assert missing(log(3, floor=8), None) == EMPTY
    assert missing(log(0), None) == EMPTY


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)) | st.none(), st.integers(0, 40))
def test_missing_against_plain_sets(have: set[int], want: set[int] | None, head: int) -> None:
    expected = {seq for seq in range(1, head + 1) if seq not in have and (want is None or seq in want)}
    statement = stated(RangeSet.of(have), want=None if want is None else RangeSet.of(want))
    assert set(missing(log(head), statement)) == expected


# Pages


@BOTH
def test_an_empty_have_set_gets_everything_that_one_may_read(encoding: Encoding) -> None:
    page = ask(shelf(b"one", b"two"), SyncRequest(rid=5), encoding)
    (part,) = page.parts
    assert (page.rid, page.more, page.gone) == (5, False, ())
    assert (part.channel, part.epoch, part.head, part.floor) == ("room", EPOCH, 2, 1)
    assert [record.body for record in part.records] == [b"one", b"two"]
    assert part.records[0].author == "ann"


@BOTH
def test_a_channel_that_is_up_to_date_has_no_part(encoding: Encoding) -> None:
    page = ask(shelf(b"one"), SyncRequest(rid=5, statements=(stated(runs((1, 2))),)), encoding)
    assert page == Delta(rid=5, more=False)


def test_a_channel_that_is_not_mine_is_answered_as_one_that_is_not_there() -> None:
    for name in ("theirs", "nowhere"):
        request = SyncRequest(rid=5, everywhere=False, statements=(Statement(channel=name),))
        assert ask(shelf(b"one"), request) == Delta(rid=5, more=False, gone=(name,))


def test_only_the_channels_named_are_in_scope() -> None:
    store = Shelf({"a": ("ann",), "b": ("ann",)})
    store.fill("a", [b"one"])
    store.fill("b", [b"two"])
    request = SyncRequest(rid=5, everywhere=False, statements=(Statement(channel="b"),))
    assert [part.channel for part in ask(store, request).parts] == ["b"]
    assert [part.channel for part in ask(store, SyncRequest(rid=5)).parts] == ["a", "b"]


def test_an_empty_log_is_told_once() -> None:
    store = shelf()
    for request in (
        SyncRequest(rid=5),
        SyncRequest(rid=5, everywhere=False, statements=(Statement(channel="room"),)),
    ):
        (part,) = ask(store, request).parts
        assert (part.epoch, part.head, part.records) == (EPOCH, 0, ())
    assert not ask(store, SyncRequest(rid=5, statements=(stated(),))).parts


def test_another_epoch_is_told_even_where_nothing_is_asked_for() -> None:
    request = SyncRequest(rid=5, statements=(stated(runs((1, 9)), epoch=8, want=EMPTY),))
    (part,) = ask(shelf(b"one"), request).parts
    assert (part.epoch, part.records) == (EPOCH, ())


def test_a_floor_is_told_to_whoever_lacks_what_is_below() -> None:
    store = shelf(b"one", b"two", b"three")
    store.logs["room"] = replace(store.logs["room"], floor=3)
    (part,) = ask(store, SyncRequest(rid=5, statements=(stated(runs((1, 2))),))).parts
    assert (part.floor, seqs(part)) == (3, [3])
    (part,) = ask(store, SyncRequest(rid=5, statements=(stated(runs((3, 4))),))).parts
    assert (part.floor, seqs(part)) == (3, [])
    assert not ask(store, SyncRequest(rid=5, statements=(stated(runs((1, 4))),))).parts


def test_numbers_without_a_record_are_void_but_only_those_that_were_looked_at() -> None:
    """A body that was not read because the page was full is not void."""
    store = shelf(*[b"x" * 100] * 4, b"y" * 5_000, *[b"x" * 10] * 3)
    for seq in (1, 3, 7):
        del store.records[store.logs["room"].id][seq]
    page = ask(store, SyncRequest(rid=5, page_bytes=1_000))
    assert (seqs(page.parts[0]), page.parts[0].voids, page.more) == ([6, 8], runs((7, 8)), True)
    rest = SyncRequest(rid=5, statements=(stated(runs((4, 9))),))
    page = ask(store, rest)
    assert (seqs(page.parts[0]), page.parts[0].voids, page.more) == ([2], runs((3, 4)), True)
    last = SyncRequest(rid=5, statements=(stated(runs((2, 9))),))
    page = ask(store, last)
    assert (seqs(page.parts[0]), page.parts[0].voids, page.more) == ([], runs((1, 2)), False)


def test_the_newest_come_first_unless_the_oldest_are_asked_for() -> None:
    store = shelf(*[b"x" * 60] * 20)
    newest = ask(store, SyncRequest(rid=5, page_bytes=300))
    oldest = ask(store, SyncRequest(rid=5, page_bytes=300, oldest_first=True))
    assert newest.more
    assert oldest.more
    assert seqs(newest.parts[0])[-1] == 20
    assert seqs(oldest.parts[0])[0] == 1


def test_the_channel_written_last_comes_first() -> None:
    store = Shelf({"a": ("ann",), "b": ("ann",)})
    store.fill("a", [b"x" * 200])
    store.fill("b", [b"x" * 200, b"x"])
    page = ask(store, SyncRequest(rid=5, page_bytes=256))
    assert [part.channel for part in page.parts] == ["b"]
    assert page.more


def _floors(count: int) -> Shelf:
    """So many channels of which everything below 5 is gone, and one that a large record is missing of."""
    store = Shelf({f"c{n}": ("ann",) for n in range(count)} | {"room": ("ann",)})
    for n in range(count):
        store.fill(f"c{n}", [b"x"] * 5)
        store.lift(f"c{n}", 5)
    store.fill("room", [b"y" * 1_500, b"z" * 1_500])
    return store


@BOTH
@pytest.mark.parametrize("count", [1, 20, 400])
def test_floors_that_are_told_again_do_not_keep_records_out(count: int, encoding: Encoding) -> None:
    """Floors enter no have-set, so each page would tell all of them."""
    store = _floors(count)
    have = {f"c{n}": runs((5, 6)) for n in range(count)} | {"room": EMPTY}
    for _ in range(5):
        statements = tuple(Statement(channel=name, epoch=EPOCH, have=seqs) for name, seqs in have.items())
        delta = ask(store, SyncRequest(rid=1, statements=statements, page_bytes=2_048), encoding)
        for part in delta.parts:
            have[part.channel] |= RangeSet.of(seqs(part))
        if not delta.more:
            break
    assert have["room"] == runs((1, 3))
    assert not delta.more
    statements = tuple(Statement(channel=name, epoch=EPOCH, have=seqs) for name, seqs in have.items())
    again = ask(store, SyncRequest(rid=1, statements=statements, page_bytes=2_048), encoding)
    assert {part.floor for part in again.parts if part.channel != "room"} == {5}


@BOTH
def test_a_record_larger_than_the_page_comes_alone(encoding: Encoding) -> None:
    page = ask(shelf(b"a", b"\xff" * 32_768, b"c"), SyncRequest(rid=5, page_bytes=256), encoding)
    assert seqs(page.parts[0]) == [3]
    rest = SyncRequest(rid=5, page_bytes=256, statements=(stated(runs((3, 4))),))
    page = ask(shelf(b"a", b"\xff" * 32_768, b"c"), rest, encoding)
    assert (seqs(page.parts[0]), page.more) == ([2], True)


def test_the_operators_bound_counts_where_it_is_smaller() -> None:
    store = shelf(*[b"x" * 60] * 20)
    few = ask(store, SyncRequest(rid=5, page_bytes=16_384), most=400)
    assert len(wire.encode(few, Encoding.PACKED)) <= 400
    assert few.more


def test_very_many_unknown_names_leave_no_room_but_are_told() -> None:
    """The device names them no more, and gets its records with the next page."""
    names = [f"nowhere/{'x' * 40}{n}" for n in range(1_100)]
    request = SyncRequest(
        rid=5, everywhere=False, statements=(*map(_named, names), Statement(channel="room"))
    )
    page = ask(shelf(b"x" * 32_768), request)
    assert (page.parts, page.more, len(page.gone)) == ((), True, 1_100)
    page = ask(shelf(b"x" * 32_768), replace(request, statements=request.statements[-1:]))
    assert seqs(page.parts[0]) == [1]


def _named(channel: str) -> Statement:
    return Statement(channel=channel)


@pytest.mark.timeout(20)
def test_a_body_that_grows_in_json_does_not_stop_the_service() -> None:
    """Control characters take six bytes each in JSON."""
    store = shelf(b"\x01" * 32_768)
    page = answer(
        SyncRequest(rid=5),
        logs=store.logs_of(USERS["ann"]),
        store=store,
        encoding=Encoding.JSON,
        page_bytes_max=PAGE_BYTES_MAX,
    )
    assert page.records == 1


@given(
    seed=st.integers(0, 2**32),
    page_bytes=st.integers(256, 3_000),
    encoding=st.sampled_from(Encoding),
    oldest_first=st.booleans(),
)
def test_pages_bring_exactly_the_difference(
    seed: int, page_bytes: int, encoding: Encoding, *, oldest_first: bool
) -> None:
    """Whatever a device has and however a store reads: page by page it gets what it lacks, and no more.

    No page exceeds its budget, unless with a single record.
    """
    rng = Random(seed)
    store = _any_shelf(rng)
    have = {name: _some(rng, log.head) for name, log in store.logs.items()}
    lacking = {
        (name, seq)
        for name in store.members
        for seq in store.records[store.logs[name].id]
        if "ann" in store.members[name] and seq not in have[name]
    }
    for _ in range(len(lacking) + 10):
        request = SyncRequest(
            rid=5,
            page_bytes=page_bytes,
            oldest_first=oldest_first,
            statements=tuple(
                Statement(channel=name, epoch=EPOCH, have=known) for name, known in have.items() if known
            ),
        )
        page = ask(store, request, encoding)
        got = [(part.channel, record.seq) for part in page.parts for record in part.records]
        assert len(wire.encode(page, encoding)) <= max(page_bytes, 0 if len(got) != 1 else PACKET_BYTES_MAX)
        assert set(got) <= lacking, "something that was not missing, or twice"
        lacking -= set(got)
        for part in page.parts:
            assert not part.voids & RangeSet.of(store.records[store.logs[part.channel].id])
            have[part.channel] |= part.voids | RangeSet.of(record.seq for record in part.records)
        if not page.more:
            break
    assert not lacking
    assert not page.more


def _any_shelf(rng: Random) -> Shelf:
    members = {f"room{n}": rng.choice([("ann",), ("ann", "bob"), ("cem",)]) for n in range(rng.randrange(5))}
    store = Shelf(members, rng=rng if rng.random() < 0.5 else None)
    for name in members:
        sizes = [rng.choice([0, 3, 50, 50, 400, 5_000]) for _ in range(rng.choice([0, 1, 5, 30]))]
        for size in sizes:
            store.fill(name, [rng.randbytes(size)], author=rng.choice(["ann", "bob", "b" * 64]))
        for seq in list(store.records[store.logs[name].id]):
            if rng.random() < 0.05:
                del store.records[store.logs[name].id][seq]
    return store


def _some(rng: Random, head: int) -> RangeSet:
    share = rng.choice([0.0, 0.5, 0.9, 1.0])
    return RangeSet.of(seq for seq in range(1, head + 3) if rng.random() < share)
