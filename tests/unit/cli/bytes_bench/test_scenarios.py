"""Each scenario cuts its log into what is held and what is missing."""

from __future__ import annotations

import pytest

from tidelog.wire.ranges import RangeSet
from tidelog_cli.bytes_bench.corpus import Row
from tidelog_cli.bytes_bench.entropy import choose_bits
from tidelog_cli.bytes_bench.scenarios import SCENARIOS, Goal, Scenario

LOG = [Row("log", n, "me", n, 0, b"%d" % n) for n in range(1, 501)]
BY_KEY = {scenario.key: scenario for scenario in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.key)
def test_no_record_is_both_held_and_missing(scenario: Scenario) -> None:
    case = scenario.cut(LOG, 0)
    assert not set(case.held) & set(case.missing)
    assert case.log == tuple(LOG)
    if not scenario.new:
        assert sorted([*case.held, *case.missing]) == LOG


@pytest.mark.parametrize(("key", "count"), [("S1/1", 1), ("S1/5", 5), ("S1/20", 20), ("S1/100", 100)])
def test_the_newest_are_missing(key: str, count: int) -> None:
    case = BY_KEY[key].cut(LOG, 0)
    assert case.missing == tuple(LOG[-count:])
    assert case.lacks == {"log": RangeSet([(501 - count, 501)])}


def test_holes_are_others_in_each_window_and_the_same_in_each_run() -> None:
    first, second = BY_KEY["S3"].cut(LOG, 0), BY_KEY["S3"].cut(LOG, 1)
    assert len(first.missing) == len(second.missing) == 200
    assert first.missing != second.missing
    assert first == BY_KEY["S3"].cut(LOG, 0)
    assert first.have_set_bits == choose_bits(500, 200)


def test_a_new_device_holds_nothing() -> None:
    assert BY_KEY["S4"].cut(LOG, 0).missing == tuple(LOG)
    newest = BY_KEY["S5"].cut(LOG, 0)
    assert (newest.held, newest.missing) == ((), tuple(LOG[-100:]))


def test_the_newest_of_each_channel_are_missing() -> None:
    log = [Row(channel, n, "me", n, 0, b"") for n in range(1, 6) for channel in ("b", "a")]
    case = BY_KEY["S6"].cut(log, 0)
    assert [(row.channel, row.seq) for row in case.missing] == [("a", 4), ("a", 5), ("b", 4), ("b", 5)]
    assert (case.channels, len(case.held)) == (2, 6)


def test_goals_are_of_the_bound_and_the_channels() -> None:
    assert Goal(factor=1.3, plus=80, per_channel=2).limit_bytes(100, 40) == pytest.approx(290)
    assert BY_KEY["S2/all"].goal.limit_bytes(0, 1000) == 64
