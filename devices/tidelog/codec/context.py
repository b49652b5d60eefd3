"""Which held records prime a page: the same on both sides, by the same statement (SPEC.md, "Context").

First the records around what is lacking, in rings, up to half of the budget; then the newest. Readings of a
sensor look like their neighbours; a small channel alone would not fill the budget.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice, repeat
from typing import Final, NamedTuple, Protocol

from tidelog.codec import bodies
from tidelog.wire.metadata import Meta
from tidelog.wire.ranges import EMPTY, RangeSet

BODY_BYTES_MAX: Final = 1_024
"""Larger bodies are no context: they crowd out many small ones, and cut ones are always larger."""

HISTORY_MIN: Final = 128
HISTORY_MAX: Final = 512
HISTORY_EACH: Final = 8
"""Held records that prime the columns, for each record of the page: 4 us each, and more bring nothing."""

LOOKS_MAX: Final = 16_384
"""Steps of each of the two walks: bounds the work where records are empty, too large, or far apart."""

_BATCH: Final = 128
_FEW: Final = 32
"""Read at a time: keys of rings go into one statement, the newest are not read further than needed."""

Key = tuple[str, int]
"""Channel and seq."""


class Entry(NamedTuple):
    """A record that both sides hold, or one of a page.

    Attributes:
        body: of a held record it may be left out, empty, where it is larger than ``BODY_BYTES_MAX``.
        body_bytes: of the whole body.
    """

    channel: str
    seq: int
    meta: Meta
    body: bytes
    body_bytes: int


class Held(Protocol):
    """The records that both sides know the device to hold with their whole bodies, as the request stated."""

    def seqs(self) -> Mapping[str, RangeSet]:
        """The seqs stated, by channel in scope; not each has a record."""
        ...

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        """The records of these keys, in this order; keys without one are passed over.

        Args:
            keys: of `seqs`, some hundreds at most.
        """
        ...

    def newest(self) -> Iterator[Entry]:
        """All of them as `merged` puts them: the newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What primes a page.

    Attributes:
        records: whose bodies prime the codec, in `order`.
        history: whose metadata primes the columns, the nearest to the page first.
    """

    records: tuple[Entry, ...] = ()
    history: tuple[Entry, ...] = ()

    def text(self) -> bytes:
        """The context as codecs take it."""
        return bodies.joined(entry.body for entry in self.records)


def order(entry: Entry) -> tuple[int, bytes, int]:
    """By time, then channel, in UTF-8, then seq: how contexts and records of several channels go."""
    return entry.meta.time, entry.channel.encode(), entry.seq


def merged(lines: Iterable[Iterable[Entry]], *, oldest_first: bool = False) -> Iterator[Entry]:
    """Put channels together: by turns the one of the next records that comes first in `order`.

    Args:
        lines: one a channel, by seq: descending, or ascending where the oldest come first.
        oldest_first: which way; else the newest come first.
    """
    return merge(*lines, key=order, reverse=not oldest_first)


def in_order(keys: Sequence[Key], read: Callable[[str, RangeSet], Iterable[Entry]]) -> list[Entry]:
    """The records of some keys, in their order; each channel is read once, keys without one are left out.

    Args:
        keys: of any channels.
        read: the records of some seqs of a channel.
    """
    by_channel: dict[str, list[int]] = {}
    for channel, seq in keys:
        by_channel.setdefault(channel, []).append(seq)
    found = {
        (channel, entry.seq): entry
        for channel, seqs in by_channel.items()
        for entry in read(channel, RangeSet.of(seqs))
    }
    return [found[key] for key in keys if key in found]


def history_records(records: int) -> int:
    """How many held records prime the columns of a page of so many records."""
    return min(max(HISTORY_MIN, HISTORY_EACH * records), HISTORY_MAX)


def choose(
    lacking: Sequence[tuple[str, RangeSet]], held: Held, budget_bytes: int, *, history: int = HISTORY_MAX
) -> Context:
    """Find what primes a page.

    Args:
        lacking: what the device lacks of each channel that the page has a part of, in their order.
        held: what the device holds, as the request stated it.
        budget_bytes: of bodies with their ends, at most ``CONTEXT_BYTES_MAX``; 0 for none.
        history: records of history, see `history_records`.
    """
    chosen = _Chosen(budget_bytes // 2)
    found: list[Entry] = []
    keys = _rings(lacking, held.seqs())
    while (len(found) < history or not chosen.full) and (some := list(islice(keys, _BATCH))):
        near = held.entries(some)
        found += near
        chosen.add(near)
    chosen.widen(budget_bytes)
    newest = islice(held.newest(), LOOKS_MAX)
    while not chosen.full and (entries := list(islice(newest, _FEW))):
        chosen.add(entries)
    return Context(records=chosen.ordered(), history=tuple(found[:history]))


class _Chosen:
    """Records taken until the next would pass the budget."""

    __slots__ = ("_budget_bytes", "_entries", "_size", "full")

    def __init__(self, budget_bytes: int) -> None:
        self._entries: dict[Key, Entry] = {}
        self._size = 0
        self._budget_bytes = budget_bytes
        self.full = not budget_bytes

    def add(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            key = entry.channel, entry.seq
            if self.full or key in self._entries or entry.body_bytes > BODY_BYTES_MAX:
                continue
            size = bodies.size(entry.body)
            if self._size + size > self._budget_bytes:
                self.full = True
                return
            self._size += size
            self._entries[key] = entry

    def widen(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self.full = not budget_bytes

    def ordered(self) -> tuple[Entry, ...]:
        return tuple(sorted(self._entries.values(), key=order))


def _rings(lacking: Sequence[tuple[str, RangeSet]], held: Mapping[str, RangeSet]) -> Iterator[Key]:
    """For each run of what is lacking the nearest held record below and above it; then the next ones."""
    ways: list[tuple[str, Iterator[int]]] = []
    for channel, seqs in lacking:
        have = held.get(channel, EMPTY)
        for start, stop in seqs.runs:
            ways += [(channel, _below(have, start)), (channel, _above(have, stop))]
    seen: set[Key] = set()
    for key in islice(_turns(ways), LOOKS_MAX):
        if key not in seen:
            seen.add(key)
            yield key


def _turns(ways: list[tuple[str, Iterator[int]]]) -> Iterator[Key]:
    """One of each in turn, until all have ended."""
    while ways:
        if len(ways) == 1:  # the newest alone are missing: most of the time
            channel, way = ways[0]
            yield from zip(repeat(channel), way, strict=False)
            return
        left = []
        for channel, way in ways:
            seq = next(way, None)
            if seq is not None:
                left.append((channel, way))
                yield channel, seq
        ways = left


def _below(seqs: RangeSet, stop: int) -> Iterator[int]:
    """The seqs below, descending."""
    for i in range(bisect_left(seqs.runs, (stop, 0)) - 1, -1, -1):
        first, end = seqs.runs[i]
        yield from reversed(range(first, min(end, stop)))


def _above(seqs: RangeSet, start: int) -> Iterator[int]:
    """The seqs from here on, ascending."""
    for i in range(max(bisect_left(seqs.runs, (start, 0)) - 1, 0), len(seqs.runs)):
        first, end = seqs.runs[i]
        yield from range(max(first, start), end)
