from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.limits import CONTEXT_BYTES_MAX, PAGE_BYTES_MAX
from tidelog.wire.models import CONTEXTS_BYTES
from tidelog_service.engine.effort import Effort, effort

ALL = frozenset({1, 2})
KIB = 1 << 10


def chosen(
    offered: frozenset[int] = ALL,
    *,
    device_kib: int = 256,
    operator_kib: int = 256,
    bodies: int = 1_000,
    waiting: float = 0,
) -> Effort:
    return effort(
        offered=offered,
        device_max=device_kib * KIB,
        operator_max=operator_kib * KIB,
        bodies_bytes=bodies,
        waiting=waiting,
    )


def test_an_idle_service_takes_its_time() -> None:
    assert chosen() == Effort(codec=2, order=6, context_bytes=64 * KIB)
    assert chosen(bodies=KIB) == Effort(2, 6, 64 * KIB)
    assert chosen(bodies=KIB + 1) == Effort(2, 6, 128 * KIB)
    assert chosen(bodies=1 << 20) == Effort(2, 6, 128 * KIB)


@pytest.mark.parametrize(
    ("waiting", "small", "large"),
    [(0.5, 64, 128), (1, 32, 64), (2, 16, 32), (3.9, 16, 32), (4, 8, 16), (8, 4, 8), (15, 4, 8)],
)
def test_half_the_context_for_twice_as_many_that_wait(waiting: float, small: int, large: int) -> None:
    assert chosen(waiting=waiting) == Effort(2, 6, small * KIB)
    assert chosen(waiting=waiting, bodies=8 * KIB) == Effort(2, 6, large * KIB)


def test_with_too_many_it_is_deflate() -> None:
    assert chosen(waiting=16) == Effort(1, 6, 32 * KIB)
    assert chosen(waiting=10_000, device_kib=16) == Effort(1, 6, 16 * KIB)


def test_many_large_pages_are_too_many_sooner() -> None:
    assert chosen(bodies=40 * KIB, waiting=5).codec == 2
    assert chosen(bodies=40 * KIB, waiting=6).codec == 1


@pytest.mark.parametrize(("stated", "taken"), [(256, 64), (100, 64), (63, 32), (5, 4), (3, 0), (0, 0)])
def test_either_ceiling_holds(stated: int, taken: int) -> None:
    assert chosen(device_kib=stated) == chosen(operator_kib=stated) == Effort(2, 6, taken * KIB)


@pytest.mark.parametrize("waiting", [0, 100])
def test_it_is_of_what_the_device_has(waiting: float) -> None:
    assert chosen(frozenset(), waiting=waiting) == Effort(0, 6, 4 * KIB)
    assert chosen(frozenset({31}), waiting=waiting) == Effort(0, 6, 4 * KIB)
    assert chosen(frozenset({1}), waiting=waiting) == Effort(1, 6, 32 * KIB)
    assert chosen(frozenset({2}), waiting=waiting).codec == 2


def test_a_body_that_fits_no_packet_as_it_is_is_deflated_whatever_was_offered() -> None:
    found = effort(
        offered=frozenset(),
        device_max=64 * KIB,
        operator_max=64 * KIB,
        bodies_bytes=1,
        waiting=0,
        first_bytes=PAGE_BYTES_MAX + 1,
    )
    assert found == Effort(1, 6, 32 * KIB)


def test_without_deflate_a_busy_service_takes_the_least_of_ppmd() -> None:
    assert chosen(frozenset({2}), waiting=100) == Effort(2, 6, 4 * KIB)


@given(
    st.frozensets(st.integers(0, 31), max_size=4),
    st.integers(0, CONTEXT_BYTES_MAX),
    st.integers(0, CONTEXT_BYTES_MAX),
    st.integers(0, 1 << 20),
    st.floats(0, 1000),
)
def test_it_is_always_within_bounds(
    offered: frozenset[int], device_max: int, operator_max: int, bodies: int, waiting: float
) -> None:
    found = effort(
        offered=offered,
        device_max=device_max,
        operator_max=operator_max,
        bodies_bytes=bodies,
        waiting=waiting,
    )
    assert found.codec in offered | {0}
    assert found.context_bytes in CONTEXTS_BYTES
    assert found.context_bytes <= min(device_max, operator_max)


def test_the_largest_budget_is_the_largest_of_contexts() -> None:
    assert CONTEXTS_BYTES[-1] == CONTEXT_BYTES_MAX
