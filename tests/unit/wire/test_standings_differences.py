"""How an account is told by an older one."""

from __future__ import annotations

import pytest
from hypothesis import given

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import (
    Change,
    Differences,
    Growth,
    Standing,
    Standings,
    differences,
)
from unit.wire.accounts import ACCOUNTS, SMALL_SETS, stood

# What a device says became of it


@given(ACCOUNTS, ACCOUNTS)
def test_differences_make_the_one_of_the_other(before: list[Standing], now: list[Standing]) -> None:
    found = differences(Standings(before), now)
    account = Standings(before)
    account.change(found.grown, found.changes)
    for standing in found.others:
        account.put(standing)
    for standing in now:
        made = account.get(standing.channel)
        assert made is not None
        assert (made.epoch, made.have) == (standing.epoch, standing.have)


@given(SMALL_SETS, SMALL_SETS)
def test_differences_are_told_in_the_shortest_way(before: RangeSet, now: RangeSet) -> None:
    found = differences(Standings([Standing("a", 7, before)]), [Standing("a", 7, now)])
    had, has = set(before), set(now)
    top = max(had, default=0)
    if had == has:
        assert found == Differences()
    elif had < has and has - had == set(range(top + 1, top + 1 + len(has - had))):
        assert found == Differences(grown=(Growth(0, len(has - had)),))
    else:
        assert found == Differences(changes=(Change(0, RangeSet.of(has - had), RangeSet.of(had - has)),))


def test_channels_that_only_the_older_account_has_are_told_by_nothing() -> None:
    before = Standings([Standing("a", 7, RangeSet([(1, 5)])), Standing("b", 7)])
    assert differences(before, [Standing("b", 7, RangeSet([(1, 2)]))]) == Differences(grown=(Growth(1, 1),))


def test_another_epoch_is_stated_anew() -> None:
    now = Standing("a", 8, RangeSet([(1, 5)]))
    assert differences(Standings([stood((1, 5))]), [now]) == Differences(others=(now,))


@pytest.mark.parametrize(
    ("before", "added"),
    [
        ([(1, 5)], (5, SEQ_STOP)),
        ([(1, 5), (7, SEQ_STOP)], (5, 7)),
        ([(1, 5), (9, SEQ_STOP - 1)], (5, 9)),
    ],
)
def test_near_the_last_seq_nothing_grows(before: list[tuple[int, int]], added: tuple[int, int]) -> None:
    """A peer may void all seqs there can be; saying so must not fail."""
    now = stood(*before, added)
    found = differences(Standings([stood(*before)]), [now])
    assert found == Differences(changes=(Change(0, RangeSet([added]), EMPTY),))


@pytest.mark.parametrize(
    ("have", "size", "grown"),
    [([], 3, [(1, 4)]), ([(1, 5)], 1, [(1, 6)]), ([(2, 3), (8, 9)], 2, [(2, 3), (8, 11)])],
)
def test_what_grew_lies_right_above_the_highest(
    have: list[tuple[int, int]], size: int, grown: list[tuple[int, int]]
) -> None:
    account = Standings([stood(*have, floor=2)])
    account.change([Growth(0, size)], [])
    assert list(account) == [stood(*grown, floor=2)]


def test_what_is_dropped_goes_before_what_is_added() -> None:
    account = Standings([stood((1, 9))])
    account.change([], [Change(0, RangeSet([(4, 5), (20, 21)]), RangeSet([(3, 6)]))])
    assert list(account) == [stood((1, 3), (4, 5), (6, 9), (20, 21))]


@pytest.mark.parametrize(
    ("grown", "changes", "code"),
    [
        ([Growth(1, 1)], [], Code.MALFORMED),
        ([], [Change(1, EMPTY, EMPTY)], Code.MALFORMED),
        ([Growth(0, SEQ_STOP - 5)], [], Code.LIMIT),
        ([Growth(0, SEQ_STOP - 1)], [], Code.LIMIT),
    ],
)
def test_changes_outside_the_account_are_refused(
    grown: list[Growth], changes: list[Change], code: Code
) -> None:
    with pytest.raises(ProtocolError) as caught:
        Standings([stood((1, 5))]).change(grown, changes)
    assert caught.value.wire_code is code


def test_nothing_grows_above_a_have_set_without_end() -> None:
    with pytest.raises(ProtocolError) as caught:
        Standings([stood((1, SEQ_STOP))]).change([Growth(0, 1)], [])
    assert caught.value.wire_code is Code.LIMIT


def test_growth_by_nearly_all_seqs_costs_nothing() -> None:
    account = Standings([stood((1, 5))])
    account.change([Growth(0, SEQ_STOP - 6)], [])
    assert list(account) == [stood((1, SEQ_STOP - 1))]
