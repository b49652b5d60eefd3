"""Records of several logs in the order in which an answer takes them, read no further than needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

from tidelog.codec.context import BODY_BYTES_MAX, Entry, Key, in_order, order
from tidelog.codec.page import Rule
from tidelog.wire.frames import KIND_DELETE
from tidelog.wire.metadata import Meta
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import concerns, voided_by
from tidelog.wire.standings import Standings
from tidelog_service.engine.cutting import beginning
from tidelog_service.engine.ports import Log, Row, Store

_BATCH_FIRST: Final = 64
_BATCH_REMEMBERED: Final = 128
_BATCH_MAX: Final = 1_024
_BATCH_BYTES: Final = 1 << 18
"""Read at a time from one log: small where few records are wanted, bounded where bodies are large."""

_FIRST_RECORDS: Final = 1_024
_FIRST_BYTES: Final = 1 << 20
_FIRST_LEAST: Final = 4
"""Read at first from all logs together: where the oldest come first, all are looked at before any goes on."""

MEMORY_BYTES: Final = 64 << 20
"""Of records kept for the next answers: the newest of some hundred logs."""

_ENTRY_BYTES: Final = 500
"""What a record takes beside its body, in Python."""


def entry_of(channel: str, row: Row, max_body: int = 0) -> Entry:
    """A stored record as pages and contexts take it; of a page maybe the beginning of its body only."""
    seq, author, time, sent, kind, content_type, body = row
    first = beginning(kind, body, max_body)
    meta = Meta(author, time, kind, sent - time, content_type, len(body) - len(first))
    return Entry(channel, seq, meta, first, len(body))


class Memory:
    """The records that primed the last answers, by log: the next one is mostly primed with the same.

    A record never changes under its epoch and seq, but an edit or a delete may end it: then nothing of its
    log is known any more.

    Args:
        bytes_max: of all records kept.
    """

    __slots__ = ("_bytes", "_bytes_max", "_logs")

    def __init__(self, bytes_max: int = MEMORY_BYTES) -> None:
        """See the class."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._logs: OrderedDict[tuple[int, int, int], dict[int, Entry]] = OrderedDict()

    def of(self, log: Log) -> Mapping[int, Entry]:
        """What is kept of a log's incarnation, by seq; it counts as used."""
        key = log.id, log.epoch, log.revisions
        if key not in self._logs:
            return {}
        self._logs.move_to_end(key)
        return self._logs[key]

    def add(self, log: Log, entries: Sequence[Entry]) -> None:
        """Keep records of a log; where all are too many, the logs longest unused go."""
        kept = self._logs.setdefault((log.id, log.epoch, log.revisions), {})
        for entry in entries:
            if entry.seq not in kept:
                kept[entry.seq] = entry if entry.body_bytes <= BODY_BYTES_MAX else entry._replace(body=b"")
                self._bytes += _weight(entry)
        while self._bytes > self._bytes_max:
            _, gone = self._logs.popitem(last=False)
            self._bytes -= sum(map(_weight, gone.values()))


def _weight(entry: Entry) -> int:
    """What it takes here; the body of a large one is of no use to a context, and is not kept."""
    return _ENTRY_BYTES + (entry.body_bytes if entry.body_bytes <= BODY_BYTES_MAX else 0)


class Line:
    """Some seqs of one log, read in batches.

    Args:
        store: where.
        log: of which log.
        seqs: finite; those without a record are passed over.
        rule: ascending where the oldest come first, else descending; and how times are told.
        others: how many lines are read beside it, itself included.
        memory: of records that were read before; nothing is kept, if not given.
        have: what the device has of the log, where the records are for it: deletes of nothing that it has
            are passed over.
        max_body: of larger bodies only the beginning is told; 0 for none. Not with a memory.

    Attributes:
        log: see above.
    """

    __slots__ = (
        "_found",
        "_have",
        "_max_body",
        "_memory",
        "_oldest_first",
        "_others",
        "_passed_over",
        "_rest",
        "_rule",
        "_seqs",
        "_store",
        "log",
    )

    def __init__(  # noqa: PLR0913 - what is read, and how it is told
        self,
        store: Store,
        log: Log,
        seqs: RangeSet,
        *,
        rule: Rule,
        others: int = 1,
        memory: Memory | None = None,
        have: RangeSet | None = None,
        max_body: int = 0,
    ) -> None:
        """See the class."""
        self.log = log
        self._max_body = max_body
        self._store = store
        self._seqs = self._rest = seqs
        self._rule = rule
        self._oldest_first = rule.oldest_first
        self._others = others
        self._memory = memory
        self._have = have
        self._found: list[int] = []
        self._passed_over: list[Row] = []

    def __iter__(self) -> Iterator[Entry]:
        """The records."""
        if self._memory is not None:
            yield from self._remembered(self._memory)
        yield from self._stored()

    def all(self) -> Sequence[Entry]:
        """The records, all at once: for a few hundred seqs, most of which have one."""
        return self._told(self._known(self._seqs, self._memory) if self._memory else list(self._stored()))

    def voids(self) -> RangeSet:
        """The seqs that were looked at so far and have no record, or a delete that was passed over."""
        looked = self._seqs - self._rest
        return EMPTY if looked.count == len(self._found) else looked - RangeSet.of(self._found)

    def tied(self, voids: RangeSet) -> RangeSet:
        """What has to be told as void with these: all that the deletes among them void.

        A receipt or a push that is late may still bring it, and the device would never hear of the delete.
        """
        deletes = ((row.kind, row.body) for row in self._passed_over if row.seq in voids)
        return voids | (voided_by(deletes) - (self._have or EMPTY))

    def _told(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        if not self._rule.seconds:
            return entries
        return [entry._replace(meta=self._rule.told(entry.meta)) for entry in entries]

    def _remembered(self, memory: Memory) -> Iterator[Entry]:
        """Some seqs at a time, as long as most of them have a record."""
        batch = _BATCH_FIRST
        while self._rest:
            some = self._rest.oldest(batch) if self._oldest_first else self._rest.newest(batch)
            entries = self._known(some, memory)
            self._rest -= some
            self._found += [entry.seq for entry in entries]
            yield from self._told(entries)
            if 2 * len(entries) < some.count:
                return
            batch = _BATCH_REMEMBERED

    def _known(self, seqs: RangeSet, memory: Memory) -> Sequence[Entry]:
        """The records of a few seqs, in order: remembered, or read and remembered."""
        known = memory.of(self.log)
        order = list(seqs) if self._oldest_first else list(seqs)[::-1]
        unknown = [seq for seq in order if seq not in known]
        if not unknown:
            return [known[seq] for seq in order]
        line = Line(self._store, self.log, RangeSet.of(unknown), rule=Rule(oldest_first=self._oldest_first))
        read = list(line)
        found = {entry.seq: entry for entry in read}
        entries = [found.get(seq) or known.get(seq) for seq in order]
        memory.add(self.log, read)
        return [entry for entry in entries if entry is not None]

    def _stored(self) -> Iterator[Entry]:
        """Some records at a time, however far apart they are."""
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
            rows = self._useful(rows)
            self._found += [row.seq for row in rows]
            yield from self._told([entry_of(self.log.name, row, self._max_body) for row in rows])
            batch = min(4 * batch, _BATCH_MAX)
            bytes_max = _BATCH_BYTES

    def _useful(self, rows: list[Row]) -> list[Row]:
        have = self._have
        if have is None or not self.log.revisions:
            return rows
        useful = [row for row in rows if concerns(row.kind, row.body, have)]
        if len(useful) < len(rows):
            self._passed_over += [row for row in rows if not concerns(row.kind, row.body, have)]
        return useful

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

    No deletes: to many devices they are void, and have never come.

    Args:
        store: where the records are.
        memory: those that were read before.
        logs: those in scope, by name.
        account: what the device has.
        rule: how the answer tells of records.

    Attributes:
        looked: how many records it was asked for so far.
    """

    __slots__ = ("_held", "_logs", "_memory", "_rule", "_store", "looked")

    def __init__(
        self, store: Store, memory: Memory, logs: Mapping[str, Log], account: Standings, rule: Rule
    ) -> None:
        """See the class."""
        self.looked = 0
        self._store = store
        self._memory = memory
        # Context is read from the newest down, whatever comes first in the answer.
        self._rule = Rule(seconds=rule.seconds)
        self._logs = logs
        self._held = {
            one.channel: kept & RangeSet([(1, logs[one.channel].head + 1)])
            for one in account
            if one.channel in logs and (kept := one.kept)
        }

    def seqs(self) -> Mapping[str, RangeSet]:
        """See `tidelog.codec.context.Held`."""
        return self._held

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        """See `tidelog.codec.context.Held`."""
        self.looked += len(keys)
        found = in_order(keys, lambda channel, seqs: self._line(channel, seqs).all())
        return [entry for entry in found if entry.meta.kind != KIND_DELETE]

    def newest(self) -> Iterator[Entry]:
        """See `tidelog.codec.context.Held`."""
        for entry in newest([self._line(channel, seqs) for channel, seqs in self._held.items()]):
            self.looked += 1
            if entry.meta.kind != KIND_DELETE:
                yield entry

    def _line(self, channel: str, seqs: RangeSet) -> Line:
        return Line(self._store, self._logs[channel], seqs, rule=self._rule, memory=self._memory)
