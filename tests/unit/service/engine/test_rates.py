"""Token buckets."""

from __future__ import annotations

from tidelog_service.engine.rates import Rates


def test_a_burst_is_admitted_then_the_sustained_rate() -> None:
    rates = Rates(per_second=2, burst=3)
    assert [rates.admit("phone", 0) for _ in range(4)] == [True, True, True, False]
    assert not rates.admit("phone", 499)
    assert rates.admit("phone", 500)
    assert not rates.admit("phone", 600)


def test_devices_do_not_share_a_bucket() -> None:
    rates = Rates(per_second=1, burst=1)
    assert rates.admit("phone", 0)
    assert rates.admit("tab", 0)
    assert not rates.admit("phone", 0)


def test_a_device_that_hammers_is_served_at_the_rate_it_may_have() -> None:
    """A refusal costs nothing: else it would be refused for ever."""
    rates = Rates(per_second=2, burst=2)
    admitted = sum(rates.admit("phone", now) for now in range(0, 10_000, 7))
    assert 20 <= admitted <= 22


def test_a_clock_that_steps_back_refills_nothing() -> None:
    rates = Rates(per_second=1, burst=1)
    assert rates.admit("phone", 10_000)
    assert not rates.admit("phone", 5_000)
    assert not rates.admit("phone", 5_900)


def test_idle_devices_are_forgotten_with_a_full_bucket() -> None:
    rates = Rates(per_second=10, burst=20)
    for n in range(1_000):
        rates.admit(f"d{n}", 100_000)
    rates.admit("phone", 105_000)
    assert set(rates._buckets) == {"phone"}
    assert [rates.admit("d1", 105_000) for _ in range(21)].count(True) == 20


def test_what_took_more_than_was_known_is_paid_later() -> None:
    rates = Rates(per_second=10, burst=20)
    rates.charge("phone", 1_000, cost=30)
    assert [rates.admit("phone", now, cost=0) for now in (1_000, 1_999, 2_000)] == [False, False, True]
    assert [rates.admit("phone", now) for now in (2_000, 2_100)] == [False, True]


def test_a_bucket_owes_no_more_than_it_holds_and_is_not_forgotten_while_it_does() -> None:
    rates = Rates(per_second=10, burst=20)
    for _ in range(3):
        rates.charge("phone", 1_000, cost=10**6)
    rates.admit("other", 2_990)
    assert not rates.admit("phone", 2_990, cost=0)
    assert rates.admit("phone", 3_010, cost=0)
