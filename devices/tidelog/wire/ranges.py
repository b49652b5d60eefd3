"""Have-sets: sets of whole numbers as sorted, disjoint, half-open runs (SPEC.md, "Have-sets").

Every range in the code is half-open: ``(3, 7)`` holds 3, 4, 5 and 6. All operations cost time by the
number of runs, never by the numbers in them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import Final, Self

from tidelog.wire.limits import SEQ_STOP

Run = tuple[int, int]
"""A half-open range ``(start, stop)``."""

_SPLICED_MAX: Final = 4
"""So few runs are put into a large set one by one: searching and copying beats going through all of it."""


_START: Final = itemgetter(0)
_STOP: Final = itemgetter(1)


class RangeSet:
    """An immutable set of seqs.

    Args:
        runs: ``(start, stop)`` pairs, half-open, in any order, overlapping or not; an empty pair
            (``start == stop``) is skipped.

    Raises:
        ValueError: a pair has ``start < 0`` or ``stop < start``.
    """

    __slots__ = ("runs",)
    runs: tuple[Run, ...]

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        """See the class."""
        self.runs = tuple(_coalesce(sorted(_checked(runs))))

    @classmethod
    def of_sorted(cls, runs: Iterable[Run]) -> Self:
        """Trust that runs are sorted, non-empty, disjoint and not adjacent; for decoders that checked."""
        made = cls.__new__(cls)
        made.runs = tuple(runs)
        return made

    @classmethod
    def of(cls, seqs: Iterable[int]) -> Self:
        """The set of single seqs, in any order; most of them are neighbours."""
        runs: list[Run] = []
        start = stop = 0
        for seq in sorted(seqs):
            if seq != stop or not runs:
                if seq < stop:
                    continue  # the same once more
                runs.append((seq, seq + 1))
                start = seq
            else:
                runs[-1] = (start, seq + 1)
            stop = seq + 1
        return cls(runs)

    @property
    def count(self) -> int:
        """How many numbers are in the set."""
        return sum(stop - start for start, stop in self.runs)

    @property
    def stop(self) -> int:
        """One more than the largest number; 0 for the empty set."""
        return self.runs[-1][1] if self.runs else 0

    @property
    def open_ended(self) -> bool:
        """Whether the last run has no end (``SEQ_STOP``)."""
        return self.stop >= SEQ_STOP

    def __contains__(self, seq: int) -> bool:
        """Whether the number is in the set; O(log runs)."""
        at = bisect_right(self.runs, (seq, SEQ_STOP + 1)) - 1
        return at >= 0 and self.runs[at][0] <= seq < self.runs[at][1]

    def __bool__(self) -> bool:
        """Whether there is any number in the set."""
        return bool(self.runs)

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same numbers."""
        return isinstance(other, RangeSet) and self.runs == other.runs

    def __hash__(self) -> int:
        """Equal sets hash alike."""
        return hash(self.runs)

    def __repr__(self) -> str:
        """Show the runs as Python would write them."""
        return f"RangeSet({list(self.runs)})"

    def __or__(self, other: RangeSet) -> RangeSet:
        """Numbers in either."""
        if not other.runs or not self.runs:
            return self if self.runs else other
        if len(other.runs) == 1 and other.runs[0][0] >= self.runs[-1][0]:
            return self._extended(other.runs[0])
        if len(other.runs) <= _SPLICED_MAX:
            return RangeSet.of_sorted(_spliced(self.runs, other.runs))
        return RangeSet.of_sorted(_coalesce(sorted(chain(self.runs, other.runs))))

    def __and__(self, other: RangeSet) -> RangeSet:
        """Numbers in both."""
        return RangeSet.of_sorted(_intersect(self.runs, other.runs))

    def __sub__(self, other: RangeSet) -> RangeSet:
        """Numbers in this one and not in the other."""
        if not other.runs or not self.runs:
            return self
        return RangeSet.of_sorted(_subtract(self.runs, other.runs))

    def __iter__(self) -> Iterator[int]:
        """Every number, ascending; costs time by the numbers, so only for small sets."""
        return chain.from_iterable(range(start, stop) for start, stop in self.runs)

    def newest(self, n: int) -> RangeSet:
        """The largest ``n`` numbers (all where there are fewer)."""
        taken: list[Run] = []
        for start, stop in reversed(self.runs):
            if n <= 0:
                break
            taken.append((max(start, stop - n), stop))
            n -= stop - start
        return RangeSet.of_sorted(reversed(taken))

    def oldest(self, n: int) -> RangeSet:
        """The smallest ``n`` numbers (all where there are fewer)."""
        taken: list[Run] = []
        for start, stop in self.runs:
            if n <= 0:
                break
            taken.append((start, min(stop, start + n)))
            n -= stop - start
        return RangeSet.of_sorted(taken)

    def _extended(self, run: Run) -> RangeSet:
        start, stop = self.runs[-1]
        if run[0] > stop:
            return RangeSet.of_sorted((*self.runs, run))
        if run[1] <= stop:
            return self
        return RangeSet.of_sorted((*self.runs[:-1], (start, run[1])))


def _checked(runs: Iterable[Run]) -> Iterator[Run]:
    for start, stop in runs:
        if start < 0 or stop < start:
            raise ValueError(f"not a half-open range: ({start}, {stop})")
        if start < stop:
            yield start, stop


def _coalesce(ordered: Iterable[Run]) -> list[Run]:
    out: list[Run] = []
    for start, stop in ordered:
        if out and start <= out[-1][1]:
            if stop > out[-1][1]:
                out[-1] = (out[-1][0], stop)
        else:
            out.append((start, stop))
    return out


def _spliced(runs: Iterable[Run], others: Iterable[Run]) -> list[Run]:
    """The union with a few runs; only neighbours that they touch are looked at."""
    out = list(runs)
    for start, stop in others:
        first = bisect_left(out, start, key=_STOP)
        last = bisect_right(out, stop, lo=first, key=_START)
        touched = [(start, stop), *out[first:last]]
        out[first:last] = [(min(map(_START, touched)), max(map(_STOP, touched)))]
    return out


def _intersect(left: tuple[Run, ...], right: tuple[Run, ...]) -> Iterator[Run]:
    i = j = 0
    while i < len(left) and j < len(right):
        start, stop = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < stop:
            yield start, stop
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1


def _subtract(left: tuple[Run, ...], right: tuple[Run, ...]) -> Iterator[Run]:
    j = 0
    for run_start, stop in left:
        start = run_start
        while j < len(right) and right[j][1] <= start:
            j += 1
        k = j
        while k < len(right) and right[k][0] < stop:
            if right[k][0] > start:
                yield start, right[k][0]
            start = max(start, right[k][1])
            k += 1
        if start < stop:
            yield start, stop


EMPTY: Final = RangeSet()
"""The set of nothing."""

EVERYTHING: Final = RangeSet([(1, SEQ_STOP)])
"""Every seq there can be."""
