"""Waiting longer and longer, and not in step with others."""

from __future__ import annotations

from random import Random

from simulated.samples import Steady
from tidelog.replica.tuning import backoff


def test_waits_double_up_to_the_longest() -> None:
    waits = [backoff(5.0, tries, 60.0, Steady()) for tries in range(1, 7)]
    assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_jitter_adds_up_to_half() -> None:
    dice = Random(1)
    waits = [backoff(10.0, 1, 60.0, dice) for _ in range(200)]
    assert min(waits) >= 10.0
    assert 14.0 < max(waits) < 15.0
    assert len(set(waits)) > 100


def test_any_number_of_tries_is_finite() -> None:
    assert backoff(5.0, 10**9, 60.0, Steady()) == 60.0
