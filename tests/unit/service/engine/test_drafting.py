"""What may go into a page, before its bodies are compressed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from simulated.shelf import Shelf
from tidelog.codec.deflate import Deflate
from tidelog.codec.page import Rule
from tidelog.wire.limits import PAGE_RECORDS_MAX, ROOM_BYTES_MIN, STATEMENTS_MAX
from tidelog.wire.packed import encode
from tidelog.wire.page_frames import Page
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing, Standings, Told
from tidelog_service.engine.drafting import draft
from tidelog_service.engine.drafts import Draft
from tidelog_service.engine.inquiries import Inquiry, Terms
from tidelog_service.engine.ports import Row
from tidelog_service.engine.reading import Memory

TERMS = Terms(
    everywhere=True,
    rule=Rule(),
    codecs=(),
    page_bytes=4_096,
    context_bytes=65_536,
    live=False,
    plain=False,
    dictionary=0,
)


def shelf_of(*counts: int) -> Shelf:
    """Channels of Ann's, each later than the one before it."""
    shelf = Shelf({f"c{n}": ("ann",) for n in range(len(counts))})
    for at, (name, count) in enumerate(zip(shelf.logs, counts, strict=True)):
        shelf.fill(name, [b"body %d" % n for n in range(count)], times=range(1_000 * at, 1_000 * at + count))
    return shelf


def made(
    shelf: Shelf,
    *standings: Standing,
    terms: Terms = TERMS,
    room: int = 0,
    text: int = 100_000,
) -> Draft:
    inquiry = Inquiry(rid=1, terms=terms, account=Standings(standings), room=room)
    return draft(inquiry, shelf.logs_of(1), shelf, text_bytes_max=text)


def keys(found: Draft) -> list[tuple[str, int]]:
    return [(entry.channel, entry.seq) for entry in found.entries]


def header_bytes(found: Draft) -> int:
    return len(encode(Page(rid=1, told=tuple(found.told), gone=found.gone, more=True)))


def named(terms: Terms = TERMS) -> Terms:
    return replace(terms, everywhere=False)


def test_a_device_that_has_everything_is_told_nothing_and_nothing_is_read() -> None:
    shelf = shelf_of(5, 5)
    found = made(shelf, *(Standing(name, 7, RangeSet([(1, 6)])) for name in shelf.logs))
    assert (found.told, found.gone, found.entries, found.lacks, found.lacking) == ([], (), [], [], 0)
    assert (found.untold, found.primable) == (False, True)
    assert shelf.read == []


def test_a_new_device_is_told_of_every_channel_the_latest_first() -> None:
    shelf = shelf_of(2, 3)
    found = made(shelf)
    assert found.told == [Told("c1", 7), Told("c0", 7)]
    assert found.inquiry.account.names() == ["c1", "c0"]
    assert keys(found) == [("c1", 3), ("c1", 2), ("c1", 1), ("c0", 2), ("c0", 1)]
    assert [(lack.place, lack.channel, lack.head, lack.seqs) for lack in found.lacks] == [
        (0, "c1", 3, RangeSet([(1, 4)])),
        (1, "c0", 2, RangeSet([(1, 3)])),
    ]
    assert found.lacking == 5


def test_what_is_lacking_is_what_exists_less_what_is_held() -> None:
    shelf = shelf_of(9)
    found = made(shelf, Standing("c0", 7, RangeSet([(2, 4), (6, 7), (9, 99)])))
    assert keys(found) == [("c0", seq) for seq in (8, 7, 5, 4, 1)]
    assert found.told == []


@pytest.mark.parametrize(
    ("rule", "seqs"),
    [
        (Rule(newest=3), [9, 8]),
        (Rule(newest=3, oldest_first=True), [8, 9]),
        (Rule(oldest_first=True), [1, 2, 3, 4, 8, 9]),
    ],
)
def test_the_rule_says_which_records_go_and_in_what_order(rule: Rule, seqs: list[int]) -> None:
    shelf = shelf_of(9)
    found = made(shelf, Standing("c0", 7, RangeSet([(5, 8)])), terms=replace(TERMS, rule=rule))
    assert [seq for _, seq in keys(found)] == seqs


def test_another_epoch_and_a_risen_floor_are_told_by_the_place() -> None:
    shelf = shelf_of(9, 9)
    shelf.lift("c1", 4)
    found = made(shelf, Standing("c0", 6, RangeSet([(1, 5)])), Standing("c1", 7, RangeSet([(1, 9)])))
    assert found.told == [Told(1, 7, 4), Told(0, 7)]
    assert keys(found) == [("c1", 9), *(("c0", seq) for seq in range(9, 0, -1))]


def test_only_named_channels_are_in_scope_where_some_are_named() -> None:
    shelf = shelf_of(2, 2)
    shelf.open("theirs", "cem")
    found = made(shelf, Standing("c0"), Standing("theirs"), terms=named())
    assert (found.told, found.gone) == ([Told(0, 7)], ("theirs",))
    assert set(found.logs) == {"c0"}
    assert keys(found) == [("c0", 2), ("c0", 1)]
    assert [(one.channel, one.gone) for one in found.inquiry.account] == [("c0", False), ("theirs", True)]


def test_what_is_wanted_bounds_what_goes() -> None:
    shelf = shelf_of(9)
    found = made(shelf, Standing("c0", 7, RangeSet([(1, 2)]), want=RangeSet([(1, 4)])))
    assert keys(found) == [("c0", 3), ("c0", 2)]


def test_bodies_that_no_page_would_hold_are_not_read() -> None:
    shelf = Shelf({"c0": ("ann",)})
    shelf.fill("c0", [bytes(1_000)] * 500, times=range(500))
    found = made(shelf, text=10_000)
    assert len(found.entries) < 11
    assert len(shelf.read) <= 64
    assert found.lacking == 500
    assert len(made(shelf, text=10).entries) == 1, "one record always may"


def test_a_page_has_no_more_records_than_one_may() -> None:
    shelf = Shelf({"c0": ("ann",)})
    shelf.fill("c0", [b""] * (PAGE_RECORDS_MAX + 5), times=range(PAGE_RECORDS_MAX + 5))
    assert len(made(shelf).entries) == PAGE_RECORDS_MAX


# What does not fit the header


def test_new_channels_beyond_the_room_of_the_header_are_untold() -> None:
    shelf = shelf_of(*[1] * 40)
    found = made(shelf, room=200)
    assert found.untold
    assert found.primable, "what the device holds is the same to both"
    assert 0 < len(found.told) < 40
    assert header_bytes(found) <= 100 + 16
    assert [one.channel for one in found.told] == [f"c{n}" for n in range(39, 39 - len(found.told), -1)]
    assert {channel for channel, _ in keys(found)} == {one.channel for one in found.told}


def test_a_record_that_an_untold_channel_may_have_a_newer_one_of_waits() -> None:
    shelf = shelf_of(*[1] * 40)
    late = shelf.logs["c39"]
    shelf.fill("c39", [b"later"] * 5, times=range(100_000, 100_005))
    found = made(shelf, room=200)
    assert keys(found)[:5] == [("c39", seq) for seq in range(6, 1, -1)]
    hidden = max(log.time for log in found.hidden)
    assert all(entry.meta.time > hidden for entry in found.entries)
    assert late.time > hidden


def test_where_the_oldest_come_first_all_channels_are_told_before_any_record_goes() -> None:
    shelf = shelf_of(*[1] * 40)
    found = made(shelf, room=200, terms=replace(TERMS, rule=Rule(oldest_first=True)))
    assert found.told
    assert keys(found) == []


def test_channels_in_their_order_are_told_in_it_too() -> None:
    shelf = shelf_of(*[2] * 20)
    names = Random(1).sample(sorted(shelf.logs), 20)
    found = made(
        shelf, *map(Standing, names), room=100, terms=named(replace(TERMS, rule=Rule(by_channel=True)))
    )
    assert [one.channel for one in found.told] == list(range(len(found.told)))
    assert [channel for channel, _ in keys(found)[::2]] == names[: len(found.told)]


def test_where_what_became_of_held_channels_is_not_all_told_nothing_primes_the_page() -> None:
    """The device would count records of other epochs, or below the floor, that the service has no more."""
    shelf = shelf_of(*[3] * 40)
    known = [Standing(name, 6, RangeSet([(1, 3)])) for name in shelf.logs]
    found = made(shelf, *known, room=200)
    assert (found.untold, found.primable) == (True, False)
    assert header_bytes(found) <= 116


@pytest.mark.parametrize("room", [ROOM_BYTES_MIN, 100, 300, 2_000])
def test_channels_that_are_gone_are_named_as_far_as_there_is_room(room: int) -> None:
    """A user who was taken out of a thousand channels: no packet would hold their names."""
    shelf = shelf_of(3)
    gone = [Standing(f"a channel that is gone {n}", 7, RangeSet([(1, 9)])) for n in range(1_000)]
    found = made(shelf, *gone, Standing("c0", 7), room=room)
    assert (found.untold, found.primable) == (True, False)
    assert header_bytes(found) <= room
    assert sum(one.gone for one in found.inquiry.account) == len(found.gone)
    assert (len(found.gone) > 0) == (room > ROOM_BYTES_MIN)


@pytest.mark.parametrize("room", range(ROOM_BYTES_MIN, 60))
def test_the_smallest_rooms_hold_the_smallest_headers(room: int) -> None:
    shelf = Shelf({"abcd": ("ann",), "a channel with a longer name": ("ann",)})
    assert header_bytes(made(shelf, room=room)) <= room


def test_what_is_gone_is_told_once() -> None:
    shelf = shelf_of(3)
    gone = Standing("theirs", 7, RangeSet([(1, 9)]), 0)
    found = made(shelf, gone, Standing("c0", 7, RangeSet([(1, 4)])))
    assert (found.told, found.gone, found.lacking, found.untold) == ([], (), 0, False)


def test_what_was_gone_and_is_back_is_told_by_its_place_and_only_the_rest_goes() -> None:
    shelf = shelf_of(3, 5)
    back = Standing("c1", 7, RangeSet([(1, 4)]), 0)
    found = made(shelf, Standing("c0", 7, RangeSet([(1, 4)])), back)
    assert (found.told, keys(found)) == ([Told(1, 7)], [("c1", 5), ("c1", 4)])


def test_an_account_that_is_full_gets_no_more_channels_and_the_rest_goes_on() -> None:
    """Those written to last come in; as soon as others are gone there is room."""
    shelf = Shelf({f"c{n}": ("ann",) for n in range(5)})
    many = [Standing(f"x{n}", 7) for n in range(STATEMENTS_MAX - 2)]
    shelf.logs |= {one.channel: replace(shelf.logs["c0"], name=one.channel) for one in many}
    shelf.members |= {one.channel: ("ann",) for one in many}
    for at, name in enumerate(("c3", "c0", "c4")):
        shelf.fill(name, [b"body"], times=[1_000 * (at + 1)])
    found = made(shelf, *many)
    assert [one.channel for one in found.told] == ["c4", "c0"]
    assert (keys(found), found.untold) == ([("c4", 1), ("c0", 1)], False)
    for one in many[:2]:
        shelf.members[one.channel] = ("cem",)
    found = made(shelf, *found.inquiry.account)
    assert (found.gone, [one.channel for one in found.told]) == (("x0", "x1"), ["c3", "c1"])


# Numbers without a record


def without(shelf: Shelf, channel: str, *seqs: int) -> None:
    for seq in seqs:
        del shelf.records[shelf.logs[channel].id][seq]


def test_numbers_without_a_record_are_told_and_lack_no_more() -> None:
    shelf = shelf_of(9)
    without(shelf, "c0", 1, 5, 9)
    found = made(shelf, Standing("c0", 7, RangeSet([(3, 5)])))
    assert found.told == [Told(0, 7, 1, RangeSet([(1, 2), (5, 6), (9, 10)]))]
    assert keys(found) == [("c0", seq) for seq in (8, 7, 6, 2)]
    assert [lack.seqs for lack in found.lacks] == [RangeSet([(2, 3), (6, 9)])]
    assert found.lacking == 4
    assert found.inquiry.account.get("c0") == Standing("c0", 7, RangeSet([(1, 2), (3, 6), (9, 10)]))


def test_numbers_of_a_new_channel_are_told_with_it() -> None:
    shelf = shelf_of(3)
    without(shelf, "c0", 2)
    found = made(shelf)
    assert found.told == [Told("c0", 7, 1, RangeSet([(2, 3)]))]
    assert [lack.seqs for lack in found.lacks] == [RangeSet([(1, 2), (3, 4)])]


def test_a_log_without_any_record_is_told_as_void() -> None:
    shelf = shelf_of(9)
    without(shelf, "c0", *range(1, 10))
    found = made(shelf, Standing("c0", 7, RangeSet([(3, 5)])))
    assert found.told == [Told(0, 7, 1, RangeSet([(1, 3), (5, 10)]))]
    assert (found.entries, found.lacks, found.lacking, found.untold) == ([], [], 0, False)


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_numbers_that_do_not_fit_the_header_wait_for_the_next_page(seed: int, *, oldest_first: bool) -> None:
    """Whatever is left out, both sides come to the same records, and each page brings something on."""
    rng = Random(seed)
    shelf = Shelf({f"c{n}": ("ann",) for n in range(rng.choice([1, 12]))})
    for name in shelf.logs:
        shelf.fill(name, [b"x"] * 300, times=range(300))
        without(shelf, name, *rng.sample(range(1, 301), rng.choice([150, 290, 300])))
    account = Standings(Standing(name, 7) for name in shelf.logs)
    terms = replace(TERMS, rule=Rule(oldest_first=oldest_first))
    room = rng.choice([40, 80, 300])
    for _ in range(2_000):
        before = {one.channel: one.have for one in account}
        found = draft(
            Inquiry(rid=1, terms=terms, account=account, room=room), shelf.logs, shelf, text_bytes_max=500
        )
        assert header_bytes(found) <= room
        for channel in {entry.channel for entry in found.entries}:
            _check_line(found, channel, before, oldest_first=oldest_first)
        for entry in found.entries:
            account.add(entry.channel, RangeSet.of([entry.seq]))
        if not found.untold and not found.lacking - len(found.entries):
            break
        assert before != {one.channel: one.have for one in account}
    assert all(one.have == RangeSet([(1, 301)]) for one in account)


def _check_line(found: Draft, channel: str, before: dict[str, RangeSet], *, oldest_first: bool) -> None:
    """What goes is the end of what the device takes to be lacking."""
    told = next(
        (one.voids for one in found.told if found.inquiry.account.names()[one.channel] == channel), EMPTY
    )  # type: ignore[index]
    (lack,) = [lack for lack in found.lacks if lack.channel == channel]
    assert lack.seqs == RangeSet([(1, 301)]) - before[channel] - told
    seqs = RangeSet.of(entry.seq for entry in found.entries if entry.channel == channel)
    assert seqs == (lack.seqs.oldest if oldest_first else lack.seqs.newest)(seqs.count)


def test_what_primes_a_page_comes_from_what_the_device_holds() -> None:
    shelf = shelf_of(30)
    found = made(shelf, Standing("c0", 7, RangeSet([(1, 26)])))
    context = found.primed(shelf, Memory(), 4_096, codec=Deflate.id)
    assert [entry.seq for entry in context.records] == list(range(1, 26))
    assert [entry.seq for entry in context.history][:3] == [25, 24, 23]
    assert found.primed(shelf, Memory(), 0, codec=Deflate.id).records == ()


def test_sizes_are_those_of_the_text() -> None:
    shelf = Shelf({"c0": ("ann",)})
    assert made(shelf).first_bytes == made(shelf).text_bytes == 0
    shelf.records[1][1] = Row(1, "ann", 5, 5, 0, "", b"a\0")
    shelf.records[1][2] = Row(2, "ann", 6, 6, 0, "", b"abc\1")
    shelf.logs["c0"] = replace(shelf.logs["c0"], head=2, time=6)
    found = made(shelf)
    assert (found.first_bytes, found.text_bytes) == (6, 10)
