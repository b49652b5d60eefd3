"""Cutting a set of seqs into statements."""

from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.ranges import RangeSet
from tidelog_service.store.pieces import POOL_MAX, RUN_SHORT_MAX, padded, pieces

_RUNS = st.lists(
    st.tuples(st.integers(1, 5_000), st.integers(0, 60)).map(lambda run: (run[0], run[0] + run[1])),
    max_size=300,
).map(RangeSet)


@given(_RUNS, st.booleans())
def test_pieces_cover_the_set_once_and_in_order(seqs: RangeSet, newest_first: bool) -> None:  # noqa: FBT001 - given
    """Every seq is in exactly one piece, and pieces follow the order asked for."""
    step = -1 if newest_first else 1
    cut = list(pieces(seqs, newest_first=newest_first))
    read = chain.from_iterable(range(*piece)[::step] if isinstance(piece, tuple) else piece for piece in cut)
    assert list(read) == list(seqs)[::step]
    assert all(len(piece) <= POOL_MAX for piece in cut if isinstance(piece, list))


def test_two_hundred_single_holes_are_one_piece() -> None:
    """Holes far apart share a statement."""
    (pool,) = pieces(RangeSet.of(range(1, 10_000, 50)), newest_first=True)
    assert pool == list(range(9_951, 0, -50))


def test_a_long_run_is_a_range_and_ends_the_pool_before_it() -> None:
    """Reading order is kept where short and long runs alternate."""
    seqs = RangeSet([(1, 2), (10, 11 + RUN_SHORT_MAX), (50, 51), (60, 61)])
    assert list(pieces(seqs, newest_first=False)) == [[1], (10, 11 + RUN_SHORT_MAX), [50, 60]]
    assert list(pieces(seqs, newest_first=True)) == [[60, 50], (10, 11 + RUN_SHORT_MAX), [1]]


@given(st.lists(st.integers(), min_size=1, max_size=POOL_MAX))
def test_padding_keeps_the_values_and_makes_few_lengths(values: list[int]) -> None:
    """Lists of up to 256 values take nine lengths, and hold nothing new."""
    out = padded(values)
    assert out[: len(values)] == values
    assert set(out) == set(values)
    assert len(out) in {1, 2, 4, 8, 16, 32, 64, 128, 256}
    assert len(out) < 2 * len(values)
