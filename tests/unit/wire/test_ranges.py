"""The algebra of range sets against plain sets."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet, Run

PROBED = [*range(70), SEQ_STOP - 2, SEQ_STOP - 1]

ENDS = st.integers(0, 60)
CLOSED = st.tuples(ENDS, ENDS).map(lambda pair: (min(pair), max(pair)))
OPEN = ENDS.map(lambda start: (start, SEQ_STOP))
RUNS = st.lists(st.one_of(CLOSED, CLOSED, CLOSED, OPEN), max_size=8)
CLOSED_RUNS = st.lists(CLOSED, max_size=8)


def plain(runs: list[Run]) -> set[int]:
    return {seq for seq in PROBED if any(start <= seq < stop for start, stop in runs)}


def probed(seqs: RangeSet) -> set[int]:
    return {seq for seq in PROBED if seq in seqs}


def in_normal_form(seqs: RangeSet) -> bool:
    ends = [end for run in seqs.runs for end in run]
    return ends == sorted(set(ends))


@given(RUNS)
def test_a_set_holds_what_its_runs_hold(runs: list[Run]) -> None:
    assert probed(RangeSet(runs)) == plain(runs)
    assert in_normal_form(RangeSet(runs))


@given(RUNS, RUNS)
@settings(max_examples=300)
def test_union_intersection_and_difference_are_those_of_plain_sets(left: list[Run], right: list[Run]) -> None:
    a, b = RangeSet(left), RangeSet(right)
    for made, expected in (
        (a | b, plain(left) | plain(right)),
        (a & b, plain(left) & plain(right)),
        (a - b, plain(left) - plain(right)),
    ):
        assert probed(made) == expected
        assert in_normal_form(made)


@given(RUNS, RUNS)
def test_equal_sets_are_equal_however_they_were_made(left: list[Run], right: list[Run]) -> None:
    a, b = RangeSet(left), RangeSet(right)
    assert (a == b) is (plain(left) == plain(right))
    assert a | b == b | a
    assert hash(a | b) == hash(b | a)
    assert (a - b) | (a & b) == a


@given(RUNS, CLOSED)
def test_adding_one_run_is_the_union(runs: list[Run], run: Run) -> None:
    assert probed(RangeSet(runs) | RangeSet([run])) == plain([*runs, run])


@given(CLOSED_RUNS)
def test_numbers_come_ascending_and_are_counted(runs: list[Run]) -> None:
    seqs = RangeSet(runs)
    assert list(seqs) == sorted(plain(runs))
    assert seqs.count == len(plain(runs))
    assert seqs.stop == max(plain(runs), default=-1) + 1
    assert bool(seqs) is bool(plain(runs))
    assert RangeSet.of(plain(runs)) == seqs


@given(CLOSED_RUNS, st.integers(-1, 80))
def test_newest_and_oldest_take_from_the_ends(runs: list[Run], n: int) -> None:
    seqs, expected = RangeSet(runs), sorted(plain(runs))
    assert list(seqs.newest(n)) == expected[max(0, len(expected) - n) :]
    assert list(seqs.oldest(n)) == expected[: max(0, n)]
    assert in_normal_form(seqs.newest(n))
    assert in_normal_form(seqs.oldest(n))


@given(RUNS)
def test_a_set_without_an_end_says_so(runs: list[Run]) -> None:
    assert RangeSet(runs).open_ended is any(stop == SEQ_STOP for _, stop in runs)


def test_the_empty_set_and_everything() -> None:
    assert not EMPTY
    assert EMPTY.stop == 0
    assert 1 in EVERYTHING
    assert 0 not in EVERYTHING
    assert SEQ_STOP - 1 in EVERYTHING
    assert EVERYTHING - EMPTY == EVERYTHING
    assert EMPTY - EVERYTHING == EMPTY


def test_ranges_are_half_open_and_adjacent_ones_join() -> None:
    assert list(RangeSet([(3, 7)])) == [3, 4, 5, 6]
    assert RangeSet([(3, 7), (7, 9)]).runs == ((3, 9),)
    assert RangeSet([(3, 3)]) == EMPTY


@pytest.mark.parametrize("run", [(-1, 2), (5, 4)])
def test_what_is_no_range_is_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="half-open"):
        RangeSet([run])


def test_a_set_is_no_other_thing_and_shows_its_runs() -> None:
    assert RangeSet([(1, 2)]) != {1}
    assert repr(RangeSet([(1, 2)])) == "RangeSet([(1, 2)])"


def test_subtracting_costs_time_by_runs_not_by_numbers() -> None:
    holes = RangeSet((at * 1000, at * 1000 + 1) for at in range(1, 2_001))
    assert len((EVERYTHING - holes).runs) == 2_001
    assert (EVERYTHING - (EVERYTHING - holes)) == holes


def test_adding_a_few_numbers_to_a_set_of_many_runs_does_not_go_through_all_of_them() -> None:
    """A device chooses the numbers of its messages, and so how many runs the service keeps for it."""
    seqs = RangeSet.of_sorted((n, n + 1) for n in range(2, 65_536, 2))
    began = time.process_time()
    for n in range(3, 1_003, 2):
        seqs |= RangeSet([(1, 2), (n, n + 1)])
    assert time.process_time() - began < 1.0  # it took 3 s, and takes 0.1
    assert seqs.runs[:2] == ((1, 1_003), (1_004, 1_005))
