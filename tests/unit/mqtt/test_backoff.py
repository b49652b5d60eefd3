"""Waits between attempts."""

from __future__ import annotations

import random

from tidelog.mqtt.backoff import Backoff


class Most(random.Random):
    """Always the upper end."""

    def uniform(self, a: float, b: float) -> float:
        assert a <= b
        return b


class Least(random.Random):
    """Always the lower end."""

    def uniform(self, a: float, b: float) -> float:
        assert a <= b
        return a


def test_ceilings_double_up_to_a_minute() -> None:
    backoff = Backoff(Most())
    waits = [backoff.after(online_s=0, denied=False) for _ in range(10)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_jitter_is_full() -> None:
    assert Backoff(Least()).after(online_s=0, denied=False) == 0


def test_a_stable_connection_starts_from_the_beginning() -> None:
    backoff = Backoff(Most())
    for _ in range(6):
        backoff.after(online_s=0, denied=False)
    assert backoff.after(online_s=31, denied=False) == 0.5


def test_connections_that_are_soon_lost_slow_down() -> None:
    backoff = Backoff(Most())
    waits = [backoff.after(online_s=1, denied=False) for _ in range(4)]
    assert waits == [0.5, 1, 2, 4]


def test_refusals_wait_longer_and_never_less_than_half() -> None:
    most, least = Backoff(Most()), Backoff(Least())
    assert [most.after(online_s=0, denied=True) for _ in range(6)] == [30, 60, 120, 240, 480, 600]
    assert [least.after(online_s=0, denied=True) for _ in range(2)] == [15, 30]


def test_years_offline_do_not_overflow() -> None:
    backoff = Backoff(Most())
    assert {backoff.after(online_s=0, denied=False) for _ in range(5000)} >= {60.0}


def test_a_fleet_spreads_out() -> None:
    waits = []
    for seed in range(200):
        backoff = Backoff(random.Random(seed))
        waits.append([backoff.after(online_s=0, denied=False) for _ in range(8)][-1])
    tenths = {int(wait // 6) for wait in waits}
    assert tenths == set(range(10))
