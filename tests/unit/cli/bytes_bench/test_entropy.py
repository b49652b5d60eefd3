"""Entropies against sums done by hand."""

from __future__ import annotations

import math

import pytest

from tidelog_cli.bytes_bench.corpus import Row
from tidelog_cli.bytes_bench.entropy import (
    choose_bits,
    column_bits,
    conditional_bits,
    half_octave,
    ranks,
    time_bits,
)


def test_what_is_certain_takes_no_bits() -> None:
    assert conditional_bits("abababab") == 0
    assert conditional_bits("a") == conditional_bits("") == 0


def test_conditional_bits_by_hand() -> None:
    # After a: b, b, c, so log2(3/2) twice and log2 3; after b and c always a. Six pairs.
    assert conditional_bits("ababaca") == pytest.approx((2 * math.log2(1.5) + math.log2(3)) / 6)


def test_ranks_move_to_the_front() -> None:
    assert ranks(["x", "x", "y", "x", "z", "y"]) == [-1, 0, -1, 1, -1, 2]


@pytest.mark.parametrize(
    ("value", "bucket", "width"),
    [(0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 4, 2), (5, 4, 2), (6, 5, 2), (8, 6, 4), (12, 7, 4)],
)
def test_buckets_of_half_an_octave(value: int, bucket: int, width: int) -> None:
    assert half_octave(value) == (bucket, math.log2(width))


def test_a_steady_clock_takes_no_bits() -> None:
    assert time_bits([1_000 * n for n in range(300)]) == 0


def test_many_different_steps_are_coded_by_bucket() -> None:
    # 128 steps from 128 to 191: one bucket, 64 wide, which is certain; 6 bits say where in it.
    times = [0]
    for n in range(128):
        times.append(times[-1] + 128 + n % 64)
    assert time_bits(times) == pytest.approx(6)


def test_which_of_how_many() -> None:
    assert choose_bits(10_000, 0) == pytest.approx(0, abs=1e-6)
    assert choose_bits(6, 2) == pytest.approx(math.log2(15))


def test_columns_are_means_over_channels() -> None:
    # Channel a by hand as above: 7 records; channel b: one author, steady clock: 3 records of no bits.
    letters = [Row("a", n, f"u{letter}", 10 * n, n % 2, b"") for n, letter in enumerate("xyxyxzx", start=1)]
    steady = [Row("b", n, "u", 5 * n, 0, b"") for n in range(1, 4)]
    bits = column_bits([*letters, *steady])
    # Ranks of xyxyxzx: -1 -1 1 1 1 -1 1. After -1: -1, 1, 1; after 1: 1, 1, -1.
    hand = (2 * (math.log2(3) + 2 * math.log2(1.5))) / 6
    assert bits.authors == pytest.approx(hand * 7 / 10)
    assert (bits.times, bits.kinds) == (0, 0)
    assert bits.total == bits.authors
