"""Clocks that are wrong on purpose."""

from __future__ import annotations

import random

from tidelog_fleet.clocks import ClockFigures, compared, drawn


def test_many_clocks_are_right_and_some_are_hours_off() -> None:
    skews = [abs(drawn(random.Random(f"7/{n}"))) for n in range(400)]
    assert sum(skew <= 2_000 for skew in skews) >= 160
    assert max(skews) > 24 * 3_600_000
    assert drawn(random.Random(5)) == drawn(random.Random(5))


def test_what_was_measured_is_held_against_what_is_true() -> None:
    true = {"a": 1_000, "b": -7_200_000, "c": 5}
    told = {"a": 900, "b": -7_200_040, "stranger": 10**9}
    assert compared(true, told) == ClockFigures(
        measured=2, skew_ms_max=7_200_000, error_ms_max=100, error_ms_median=100
    )
    assert compared(true, {}) == ClockFigures()
