"""Records of several logs in the order in which an answer takes them, read no further than needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

from tidelog.codec.context import Entry, Key, order
from tidelog.codec.page import Rule
from tidelog.wire.metadata import Meta
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standings
from tidelog_service.engine.ports import Log, Row, Store

_BATCH_FIRST: Final = 64
_BATCH_MAX: Final = 1_024
_BATCH_BYTES: Final = 1 << 18
"""Read at a time from one log: small where few records are wanted, bounded where bodies are large."""

_FIRST_RECORDS: Final = 1_024
_FIRST_BYTES: Final = 1 << 20
_FIRST_LEAST: Final = 4
"""Read at first from all logs together: where the oldest come first, all are looked at before any goes on."""


def entry_of(channel: str, row: Row) -> Entry:
    """A stored record as pages and contexts take it."""
    meta = Meta(row.author, row.time, row.kind, row.sent - row.time, row.content_type)
    return Entry(channel, row.seq, meta, row.body, len(row.body))


class Line:
    """Some seqs of one log, read in batches.

    Args:
        store: where.
        log: of which log.
        seqs: finite; those without a record are passed over.
        oldest_first: ascending, else descending.
        others: how many lines are read beside it, itself included.

    Attributes:
        log: see above.
    """

    __slots__ = ("_found", "_oldest_first", "_others", "_rest", "_seqs", "_store", "log")

    def __init__(
        self, store: Store, log: Log, seqs: RangeSet, *, oldest_first: bool, others: int = 1
    ) -> None:
        """See the class."""
        self._others = others
        self.log = log
        self._store = store
        self._seqs = self._rest = seqs
        self._oldest_first = oldest_first
        self._found: list[int] = []

    def __iter__(self) -> Iterator[Entry]:
        """The records."""
        batch = max(min(_BATCH_FIRST, _FIRST_RECORDS // self._others), _FIRST_LEAST)
        bytes_max = min(_BATCH_BYTES, _FIRST_BYTES // self._others)
        while self._rest:
            rows = self._store.rows(
                self.log.id,
                self._rest,
                records_max=batch,
                bytes_max=bytes_max,
                newest_first=not self._oldest_first,
            )
            # A store may stop anywhere after the first row: only what lies before the last one was looked at.
            self._rest = self._rest & self._beyond(rows[-1].seq) if rows else EMPTY
            self._found += [row.seq for row in rows]
            yield from [entry_of(self.log.name, row) for row in rows]
            batch = min(4 * batch, _BATCH_MAX)
            bytes_max = _BATCH_BYTES

    def _beyond(self, seq: int) -> RangeSet:
        return RangeSet([(seq + 1, max(self._seqs.stop, seq + 1)) if self._oldest_first else (0, seq)])

    def voids(self) -> RangeSet:
        """The seqs that were looked at so far and have no record."""
        looked = self._seqs - self._rest
        return EMPTY if looked.count == len(self._found) else looked - RangeSet.of(self._found)


def ordered(lines: Sequence[Line], rule: Rule) -> Iterator[Entry]:
    """Records of several logs by a rule; exactly as `Rule.ordered` puts them."""
    if rule.by_channel or rule.oldest_first:
        return rule.ordered([iter(line) for line in lines])
    return newest(lines)


class _Latest:
    """A line whose next record is known; the one with the newest comes first."""

    __slots__ = ("entry", "key", "rest")

    def __init__(self, entry: Entry, rest: Iterator[Entry]) -> None:
        self.entry = entry
        self.key = order(entry)
        self.rest = rest

    def __lt__(self, other: _Latest) -> bool:
        return other.key < self.key


def newest(lines: Sequence[Line]) -> Iterator[Entry]:
    """Put descending lines together as `tidelog.codec.context.merged` does, the newest first.

    No log is read before its newest time could come first.
    """
    waiting = sorted(lines, key=lambda line: line.log.time)
    heap: list[_Latest] = []
    while heap or waiting:
        while waiting and (not heap or waiting[-1].log.time >= heap[0].key[0]):
            _push(heap, iter(waiting.pop()))
        if heap:
            latest = heappop(heap)
            yield latest.entry
            _push(heap, latest.rest)


def _push(heap: list[_Latest], rest: Iterator[Entry]) -> None:
    entry = next(rest, None)
    if entry is not None:
        heappush(heap, _Latest(entry, rest))


class StoredHeld:
    """What a device holds, from the service's store; `tidelog.codec.context.Held`.

    Args:
        store: where the records are.
        logs: those in scope, by name.
        account: what the device has.
    """

    __slots__ = ("_held", "_logs", "_store")

    def __init__(self, store: Store, logs: Mapping[str, Log], account: Standings) -> None:
        """See the class."""
        self._store = store
        self._logs = logs
        self._held = {one.channel: one.kept for one in account if one.have and one.channel in logs}

    def seqs(self) -> Mapping[str, RangeSet]:
        """See `tidelog.codec.context.Held`."""
        return self._held

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        """See `tidelog.codec.context.Held`."""
        by_channel: dict[str, list[int]] = {}
        for channel, seq in keys:
            by_channel.setdefault(channel, []).append(seq)
        found = {
            (entry.channel, entry.seq): entry
            for channel, seqs in by_channel.items()
            for entry in Line(self._store, self._logs[channel], RangeSet.of(seqs), oldest_first=True)
        }
        return [found[key] for key in keys if key in found]

    def newest(self) -> Iterator[Entry]:
        """See `tidelog.codec.context.Held`."""
        return newest(
            [
                Line(self._store, self._logs[channel], seqs, oldest_first=False)
                for channel, seqs in self._held.items()
            ]
        )
