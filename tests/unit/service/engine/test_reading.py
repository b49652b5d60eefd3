"""Records of several logs in order, and no more of them read than are needed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.shelf import Shelf
from tidelog.codec.context import Entry, Held, merged
from tidelog.codec.page import Rule
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing, Standings
from tidelog_service.engine.reading import Line, Memory, StoredHeld, entry_of, newest, ordered

ALL = RangeSet([(1, 10_000)])


def shelf_of(*counts: int, seed: int = 0, mean: bool = False, step: tuple[int, ...] = (0, 0, 1, 7)) -> Shelf:
    """Logs whose times overlap, fall within a log and are often equal; some numbers have no record."""
    rng = Random(seed)
    shelf = Shelf({f"c{n}": ("ann",) for n in range(len(counts))}, rng=rng if mean else None)
    for name, count in zip(shelf.logs, counts, strict=True):
        time = rng.randrange(50)
        times = [time := max(0, time + rng.choice(step)) for _ in range(count)]
        shelf.fill(name, [b"%d" % n for n in range(count)], times=times or [])
        for seq in rng.sample(range(1, count + 1), count // 5):
            del shelf.records[shelf.logs[name].id][seq]
    return shelf


def lines(shelf: Shelf, *, oldest_first: bool = False) -> list[Line]:
    return [
        Line(shelf, log, ALL, rule=Rule(oldest_first=oldest_first), others=len(shelf.logs))
        for log in shelf.logs.values()
    ]


def entries(shelf: Shelf, name: str, *, oldest_first: bool = False) -> list[Entry]:
    rows = sorted(shelf.records[shelf.logs[name].id].items(), reverse=not oldest_first)
    return [entry_of(name, row) for _, row in rows]


def test_a_line_is_its_records_either_way() -> None:
    shelf = shelf_of(300)
    for oldest_first in (False, True):
        line = Line(shelf, shelf.logs["c0"], ALL, rule=Rule(oldest_first=oldest_first))
        assert list(line) == entries(shelf, "c0", oldest_first=oldest_first)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("oldest_first", [False, True])
def test_voids_are_what_was_looked_at_and_has_no_record(seed: int, *, oldest_first: bool) -> None:
    """However a store stops: never a number that a record may still come for."""
    shelf = shelf_of(300, seed=seed, mean=True)
    line = Line(shelf, shelf.logs["c0"], RangeSet([(1, 301)]), rule=Rule(oldest_first=oldest_first))
    reading = iter(line)
    gone = RangeSet([(1, 301)]) - RangeSet.of(entry.seq for entry in entries(shelf, "c0"))
    assert line.voids() == EMPTY
    for _ in range(20):
        seq = next(reading).seq
        passed = RangeSet([(1, seq) if oldest_first else (seq, 301)])
        assert not line.voids() - gone
        assert not gone & passed - line.voids()
    list(reading)
    assert line.voids() == gone


def test_a_line_reads_as_much_as_is_taken_and_some() -> None:
    shelf = shelf_of(5_000, step=(1,))
    shelf.read.clear()
    next(iter(Line(shelf, shelf.logs["c0"], ALL, rule=Rule())))
    assert len(shelf.read) == 64
    shelf.read.clear()
    list(islice(Line(shelf, shelf.logs["c0"], ALL, rule=Rule()), 1_000))
    assert len(shelf.read) < 2_500


def test_many_lines_together_read_little_of_each_at_first() -> None:
    """Where the oldest come first each must be looked at: large bodies of many channels fill a memory."""
    shelf = Shelf({f"c{n}": ("ann",) for n in range(300)})
    for name in shelf.logs:
        shelf.fill(name, [bytes(30_000)] * 20, times=range(20))
    shelf.read.clear()
    next(ordered(lines(shelf, oldest_first=True), Rule(oldest_first=True)))
    assert len(shelf.read) <= 2 * 300


@given(st.integers(0, 2**32))
def test_the_newest_come_as_the_device_puts_them(seed: int) -> None:
    """Equal times, times that fall within a log, empty logs, a store that stops where it likes."""
    rng = Random(seed)
    counts = [rng.choice([0, 1, 5, 90]) for _ in range(rng.randrange(1, 5))]
    shelf = shelf_of(*counts, seed=seed, mean=rng.random() < 0.5, step=(-9, 0, 0, 1, 7))
    expected = list(merged([entries(shelf, name) for name in shelf.logs]))
    assert list(newest(lines(shelf))) == expected


@pytest.mark.parametrize(
    "rule", [Rule(), Rule(oldest_first=True), Rule(by_channel=True), Rule(oldest_first=True, by_channel=True)]
)
@pytest.mark.parametrize("seed", range(5))
def test_an_answer_goes_through_records_by_the_rule_that_reads_it(rule: Rule, seed: int) -> None:
    shelf = shelf_of(30, 80, 7, seed=seed, step=(-3, 0, 1, 7))
    plain = [entries(shelf, name, oldest_first=rule.oldest_first) for name in shelf.logs]
    expected = list(rule.ordered([iter(line) for line in plain]))
    assert list(ordered(lines(shelf, oldest_first=rule.oldest_first), rule)) == expected


def test_a_log_that_is_older_than_all_that_is_taken_is_not_read() -> None:
    shelf = Shelf({"old": ("ann",), "new": ("ann",)})
    shelf.fill("old", [b"x"] * 100, times=range(100))
    shelf.fill("new", [b"x"] * 100, times=range(1_000, 1_100))
    shelf.read.clear()
    assert {entry.channel for entry in islice(newest(lines(shelf)), 100)} == {"new"}
    assert {name for name, _ in shelf.read} == {"new"}


def held(shelf: Shelf, *standings: Standing) -> StoredHeld:
    return StoredHeld(shelf, Memory(), shelf.logs, Standings(standings), Rule())


def test_what_a_device_holds_is_what_it_stated_and_the_service_has() -> None:
    shelf = Shelf({"a": ("ann",), "b": ("ann",)})
    for name in "ab":
        shelf.fill(name, [b"x"] * 9, times=range(9))
    shelf.lift("b", 4)
    del shelf.records[shelf.logs["a"].id][2]
    found: Held = held(
        shelf,
        Standing("a", 7, RangeSet([(1, 4)])),
        Standing("b", 7, RangeSet([(1, 6)]), 4),
        Standing("elsewhere", 7, RangeSet([(1, 6)])),
    )
    assert dict(found.seqs()) == {"a": RangeSet([(1, 4)]), "b": RangeSet([(4, 6)])}
    assert [(one.channel, one.seq) for one in found.newest()] == [("b", 5), ("b", 4), ("a", 3), ("a", 1)]
    keys = [("b", 5), ("a", 2), ("a", 1), ("a", 3)]
    assert [(one.channel, one.seq) for one in found.entries(keys)] == [("b", 5), ("a", 1), ("a", 3)]


def test_only_the_records_asked_for_are_read() -> None:
    shelf = shelf_of(1_000)
    shelf.read.clear()
    wanted: Sequence[tuple[str, int]] = [("c0", seq) for seq in range(1, 1_000, 100)]
    found = held(shelf, Standing("c0", 7, ALL)).entries(wanted)
    assert [("c0", one.seq) for one in found] == sorted(shelf.read)


def test_a_device_that_says_it_has_what_never_was_costs_nothing() -> None:
    shelf = shelf_of(10)
    found = held(shelf, Standing("c0", 7, RangeSet([(1, SEQ_STOP - 1)])))
    assert list(found.newest()) == entries(shelf, "c0")
    assert not found.entries([("c0", SEQ_STOP - 2)])
