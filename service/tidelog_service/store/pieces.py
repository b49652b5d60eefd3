"""How a have-set's missing records are read: which seqs go into which statement.

For two ranges joined by ``OR`` SQLite reads and sorts all rows of both before it returns the first. So a long
run is a statement of its own, a range of keys; short runs are pooled into one ``IN (...)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import Final, TypeVar

from tidelog.wire.ranges import RangeSet, Run

RUN_SHORT_MAX: Final = 16
"""A run of so many seqs or fewer is pooled: seeking them one by one costs less than another statement."""

POOL_MAX: Final = 256
"""Seqs in one pool: 200 single holes take one statement."""

Pool = list[int]
"""Single seqs, in the order in which they are to be read."""

_T = TypeVar("_T")


def pieces(seqs: RangeSet, *, newest_first: bool) -> Iterator[Run | Pool]:
    """Cut a set into what one statement each reads.

    Args:
        seqs: every run is finite.
        newest_first: from the largest seq down, else from the smallest up.

    Yields:
        runs and pools, in the order asked for; each seq is in one of them.
    """
    pool: Pool = []
    for start, stop in reversed(seqs.runs) if newest_first else seqs.runs:
        short = stop - start <= RUN_SHORT_MAX
        if pool and (not short or len(pool) + stop - start > POOL_MAX):
            yield pool
            pool = []
        if short:
            pool += reversed(range(start, stop)) if newest_first else range(start, stop)
        else:
            yield start, stop
    if pool:
        yield pool


def padded(values: Sequence[_T]) -> list[_T]:
    """Repeat the last value up to a power of two.

    ``IN`` takes repeated values as one, and so nine statements do for all lists up to `POOL_MAX`: they stay
    prepared.
    """
    size = 1 << (len(values) - 1).bit_length()
    return list(chain(values, repeat(values[-1], size - len(values))))
