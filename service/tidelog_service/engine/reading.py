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
_BATCH_MAX: Final = 128
_BATCH_BYTES: Final = 1 << 18
"""Read at a time from one log: small where few records are wanted, bounded where bodies are large."""


def entry_of(channel: str, row: Row, rule: Rule) -> Entry:
    """A stored record as pages and contexts take it."""
    seq, author, time, sent, kind, content_type, body = row
    meta = Meta(author, time, kind, sent - time, content_type)
    return Entry(channel, seq, rule.told(meta) if rule.seconds else meta, body, len(body))


class Line:
    """Some seqs of one log, read in batches.

    Args:
        store: where.
        log: of which log.
        seqs: finite; those without a record are passed over.
        rule: ascending where the oldest come first, else descending; and how times are told.
        read: records that were read before, by seq: not read again.

    Attributes:
        log: see above.
    """

    __slots__ = ("_found", "_oldest_first", "_read", "_rest", "_rule", "_seqs", "_store", "log")

    def __init__(
        self,
        store: Store,
        log: Log,
        seqs: RangeSet,
        *,
        rule: Rule,
        read: Mapping[int, Entry] | None = None,
    ) -> None:
        """See the class."""
        self.log = log
        self._store = store
        self._seqs = self._rest = seqs
        self._rule = rule
        self._oldest_first = rule.oldest_first
        self._found = 0
        self._read = read

    def __iter__(self) -> Iterator[Entry]:
        """The records."""
        batch = _BATCH_FIRST
        while self._rest:
            some = self._rest.oldest(batch) if self._oldest_first else self._rest.newest(batch)
            self._rest -= some
            entries = self._entries(some)
            self._found += len(entries)
            yield from entries
            batch = min(2 * batch, _BATCH_MAX)

    def voids(self) -> RangeSet:
        """The seqs that were looked at so far and have no record; only after nothing more is taken."""
        looked = self._seqs - self._rest
        if looked.count == self._found:
            return EMPTY
        return looked - RangeSet.of(entry.seq for entry in self._stored(looked))

    def _entries(self, seqs: RangeSet) -> list[Entry]:
        """The records of a few seqs, in order."""
        if not self._read:
            return self._stored(seqs)
        known = {seq: self._read[seq] for seq in seqs if seq in self._read}
        rest = seqs - RangeSet.of(known) if known else seqs
        found = known | {entry.seq: entry for entry in self._stored(rest)}
        return [found[seq] for seq in sorted(found, reverse=not self._oldest_first)]

    def _stored(self, seqs: RangeSet) -> list[Entry]:
        entries: list[Entry] = []
        while seqs:
            rows = self._store.rows(
                self.log.id,
                seqs,
                records_max=seqs.count,
                bytes_max=_BATCH_BYTES,
                newest_first=not self._oldest_first,
            )
            entries += [entry_of(self.log.name, row, self._rule) for row in rows]
            # A store may stop anywhere after the first row: only what lies before the last one was looked at.
            seqs = seqs & self._beyond(rows[-1].seq) if rows else EMPTY
        return entries

    def _beyond(self, seq: int) -> RangeSet:
        return RangeSet([(seq + 1, max(self._seqs.stop, seq + 1)) if self._oldest_first else (0, seq)])


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
    if len(lines) == 1:
        yield from lines[0]
        return
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
        rule: how the answer tells of records.
    """

    __slots__ = ("_held", "_logs", "_read", "_rule", "_store")

    def __init__(self, store: Store, logs: Mapping[str, Log], account: Standings, rule: Rule) -> None:
        """See the class."""
        self._store = store
        # Context is read from the newest down, whatever comes first in the answer.
        self._rule = Rule(seconds=rule.seconds)
        self._logs = logs
        self._held = {one.channel: one.kept for one in account if one.have and one.channel in logs}
        self._read: dict[str, dict[int, Entry]] = {}

    def seqs(self) -> Mapping[str, RangeSet]:
        """See `tidelog.codec.context.Held`."""
        return self._held

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        """See `tidelog.codec.context.Held`."""
        by_channel: dict[str, list[int]] = {}
        for channel, seq in keys:
            by_channel.setdefault(channel, []).append(seq)
        for channel, seqs in by_channel.items():
            read = self._read.setdefault(channel, {})
            for entry in Line(self._store, self._logs[channel], RangeSet.of(seqs), rule=self._rule):
                read[entry.seq] = entry
        return [self._read[channel][seq] for channel, seq in keys if seq in self._read[channel]]

    def newest(self) -> Iterator[Entry]:
        """See `tidelog.codec.context.Held`."""
        return newest([self._line(channel, seqs) for channel, seqs in self._held.items()])

    def _line(self, channel: str, seqs: RangeSet) -> Line:
        read = self._read.get(channel, {})
        return Line(self._store, self._logs[channel], seqs, rule=self._rule, read=read)
