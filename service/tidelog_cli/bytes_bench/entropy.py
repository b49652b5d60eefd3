"""How many bits authors, times, kinds and have-sets take, by static empirical entropies of a whole log.

An entropy of order 0 would be meaningless for times (nearly all differences of a chat are distinct) and far
too kind to a coder for authors (who speaks depends on who spoke). So each column is modelled as well as is
possible with a few dozen states, and the mean over the log is the bound:

- authors: H(rank in a move-to-front list | rank before);
- times: H(bucket of the difference to the record before | bucket before) + log2 of the bucket's width, in
  buckets of half an octave; where all differences together take fewer than 64 values, H(value | value
  before);
- kinds: H(kind | kind before).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tidelog_cli.bytes_bench.corpus import Row

_FEW: Final = 64
"""Distinct differences below which they are symbols themselves, as a sensor's are."""

_NEW: Final = -1
"""The rank of a name that was not seen before; the name itself is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnBits:
    """Means over a log, bits a record."""

    authors: float
    times: float
    kinds: float

    @property
    def total(self) -> float:
        """All columns together."""
        return self.authors + self.times + self.kinds


def column_bits(log: Iterable[Row]) -> ColumnBits:
    """The entropies of a log's columns, each channel for itself, weighted by its records."""
    channels: defaultdict[str, list[Row]] = defaultdict(list)
    for row in log:
        channels[row.channel].append(row)
    rows = max(1, sum(map(len, channels.values())))

    def mean(column: list[float]) -> float:
        return sum(column) / rows

    parts = channels.values()
    return ColumnBits(
        authors=mean([len(part) * conditional_bits(ranks([row.author for row in part])) for part in parts]),
        times=mean([len(part) * time_bits([row.time for row in part]) for part in parts]),
        kinds=mean([len(part) * conditional_bits([row.kind for row in part]) for part in parts]),
    )


def conditional_bits(symbols: Sequence[Hashable]) -> float:
    """H(symbol | symbol before), bits a symbol; 0 where there are fewer than two."""
    pairs = Counter(pairwise(symbols))
    before = Counter(symbols[:-1])
    bits = sum(n * math.log2(before[first] / n) for (first, _), n in pairs.items())
    return bits / max(1, len(symbols) - 1)


def ranks(names: Iterable[str]) -> list[int]:
    """Each name's place in a list where what is named moves to the front."""
    order: list[str] = []
    found = []
    for name in names:
        known = name in order
        found.append(order.index(name) if known else _NEW)
        if known:
            order.remove(name)
        order.insert(0, name)
    return found


def time_bits(times: Sequence[int]) -> float:
    """Bits a time, given those before it.

    Args:
        times: ascending, milliseconds.
    """
    steps = [later - earlier for earlier, later in pairwise(times)]
    if len(set(steps)) < _FEW:
        return conditional_bits(steps)
    buckets = [half_octave(step) for step in steps]
    within = sum(width for _, width in buckets) / len(buckets)
    return conditional_bits([bucket for bucket, _ in buckets]) + within


def half_octave(value: int) -> tuple[int, float]:
    """The bucket of a number from 0 on, and log2 of the bucket's width: 0, 1, 2, 3, 4-5, 6-7, 8-11 ..."""
    if value <= 1:
        return value, 0.0
    octave = value.bit_length() - 1
    return 2 * octave + (value >> (octave - 1) & 1), float(octave - 1)


def choose_bits(n: int, k: int) -> float:
    """log2 of n over k: which k of n things."""
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)
