"""A store in memory: for ``":memory:"``, tests and the simulation, where a "reboot" keeps the object."""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tidelog.codec.dictionaries import Dictionary
from tidelog.replica.ports import (
    COPIES_MAX,
    Changes,
    Copy,
    Holding,
    Mark,
    OutboxEntry,
    Record,
    Snapshot,
    Weight,
)
from tidelog.replica.tokens import Token
from tidelog.store.memory_bodies import MemoryBodies
from tidelog.wire.frames import KIND_APPLICATION_FIRST, KIND_MESSAGE, KIND_STUB
from tidelog.wire.limits import OUTBOX_ID_BYTES, SEQ_STOP
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import KINDS as REVISIONS


@dataclass(slots=True)
class _Log:
    """One incarnation of a channel: records by seq, and their seqs ascending for range reads."""

    records: dict[int, Record] = field(default_factory=dict)
    seqs: list[int] = field(default_factory=list)
    body_bytes: int = 0
    numbers: dict[int, int] = field(default_factory=dict)

    def put(self, record: Record, bodies: MemoryBodies) -> None:
        before = self.records.get(record.seq)
        bodies.release(before)
        bodies.refer(record)
        if before is None:
            insort(self.seqs, record.seq)
        else:
            self.body_bytes -= len(before.body)
        self.body_bytes += len(record.body)
        self.records[record.seq] = record

    def drop(self, seqs: RangeSet, bodies: MemoryBodies) -> None:
        for start, stop in seqs.runs:
            low, high = bisect_left(self.seqs, start), bisect_left(self.seqs, stop)
            for seq in self.seqs[low:high]:
                gone = self.records.pop(seq)
                bodies.release(gone)
                self.body_bytes -= len(gone.body)
                self.numbers.pop(seq, None)
            del self.seqs[low:high]

    def between(self, start: int, stop: int, limit: int) -> list[Record]:
        low, high = bisect_left(self.seqs, start), bisect_left(self.seqs, stop)
        return [self.records[seq] for seq in self.seqs[low : min(high, low + max(limit, 0))]]

    def same(self, record: Record) -> int:
        """The seq of the same message: its own, or the lowest where there are few; 0 for none."""
        found = self.records.get(record.seq)
        if found is not None and _begin_alike(found, record):
            return record.seq
        if len(self.seqs) > COPIES_MAX:
            return 0
        return next((seq for seq in self.seqs if _said(self.records[seq]) == _said(record)), 0)


def _is_own_message(record: Record, since: int) -> bool:
    """Whether a record that this device wrote is one that it can send again."""
    return record.time >= since and record.kind not in REVISIONS and not record.left_out


def _begin_alike(one: Record, other: Record) -> bool:
    """Whether one may be the beginning of the other, or both the same."""
    least = min(len(one.body), len(other.body))
    alike = replace(one, body=one.body[:least], left_out=one.size - least)
    return _said(alike) == _said(replace(other, body=other.body[:least], left_out=other.size - least))


def _said(record: Record) -> tuple[str, int, int, str, bytes, int]:
    """What makes two records the same message, whatever their numbers."""
    return record.author, record.sent, record.kind, record.content_type, record.body, record.left_out


class MemoryStore:
    """`tidelog.replica.ports.Store` without a file: it forgets everything, the outbox too, with the process.

    A machine that is made anew from `load` finds what the one before it applied, as after a reboot.

    Args:
        random_bytes: makes the outbox id from a count of bytes; give a seeded one for repeatable runs.
    """

    def __init__(self, *, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        """See the class."""
        self._lock = threading.Lock()
        self._outbox_id = random_bytes(OUTBOX_ID_BYTES)
        self._next_n = 1
        self._outbox: dict[int, OutboxEntry] = {}
        self._holdings: dict[str, Holding] = {}
        self._tokens: dict[bytes, Token] = {}
        self._logs: dict[tuple[str, int], _Log] = {}
        self._dictionaries: dict[int, Dictionary] = {}
        self._seconds = False
        self._marks: dict[tuple[str, str], Mark] = {}
        self._user = ""
        self._bodies = MemoryBodies()

    def load(self) -> Snapshot:
        """Read what a machine starts from."""
        with self._lock:
            return Snapshot(
                outbox_id=self._outbox_id,
                next_n=self._next_n,
                outbox=tuple(self._outbox[n] for n in sorted(self._outbox)),
                holdings=tuple(self._holdings[name] for name in sorted(self._holdings)),
                tokens=tuple(self._tokens.values()),
                dictionaries=tuple(self._dictionaries),
                seconds=self._seconds,
                marks=tuple(self._marks[key] for key in sorted(self._marks)),
                user=self._user,
                earlier=tuple(sorted(self._earlier())),
            )

    def apply(self, changes: Changes) -> None:
        """Take over a step's changes, in the order that `Changes` gives."""
        with self._lock:
            for n in changes.settled:
                self._bodies.release(self._outbox.pop(n, None))
            for entry in changes.queued:
                self._bodies.release(self._outbox.get(entry.n))
                self._bodies.refer(entry)
                self._outbox[entry.n] = entry
            self._apply_logs(changes)
            self._holdings.update((holding.channel, holding) for holding in changes.holdings)
            self._next_n = max(self._next_n, changes.next_n)
            for scope in changes.forgotten:
                self._tokens.pop(scope, None)
            for token in changes.tokens:
                self._tokens.pop(token.scope, None)
                self._tokens[token.scope] = token
            for number in changes.outworn:
                self._dictionaries.pop(number, None)
            self._dictionaries.update((one.id, one) for one in changes.dictionaries)
            self._seconds |= changes.seconds
            self._marks.update(((one.channel, one.user), one) for one in changes.marks)
            self._user = changes.user or self._user
            self._bodies.keep(changes.parts)
            self._bodies.finish(changes.spoilt)

    def _apply_logs(self, changes: Changes) -> None:
        for channel, epoch, seqs in changes.dropped:
            if log := self._logs.get((channel, epoch)):
                log.drop(seqs, self._bodies)
        for epoch, record in changes.records:
            self._logs.setdefault((record.channel, epoch), _Log()).put(record, self._bodies)
        for channel, epoch, seq, n in changes.written:
            if (log := self._logs.get((channel, epoch))) and seq in log.records:
                log.numbers[seq] = n

    def records(self, channel: str, epoch: int, *, start: int, stop: int, limit: int) -> list[Record]:
        """At most ``limit`` records with ``start <= seq < stop``, ascending."""
        with self._lock:
            log = self._logs.get((channel, epoch))
            return log.between(start, stop, limit) if log else []

    def copies(self, record: Record, epoch: int) -> list[Copy]:
        """The same message in each other epoch; see `tidelog.replica.ports.Shelf`."""
        with self._lock:
            found = ((of, log, log.same(record)) for of, log in self._others(record.channel, epoch))
            return [Copy(of, seq, log.numbers.get(seq, 0)) for of, log, seq in found if seq]

    def own_earlier(
        self, channel: str, epoch: int, *, since: int, above: int, limit: int
    ) -> list[tuple[Copy, Record]]:
        """What this device wrote, of other epochs, by number; see `tidelog.replica.ports.Shelf`."""
        with self._lock:
            found = [
                (Copy(of, seq, n), log.records[seq])
                for of, log in self._others(channel, epoch)
                for seq, n in log.numbers.items()
                if n > above and _is_own_message(log.records[seq], since)
            ]
            return sorted(found, key=lambda one: (one[0].n, one[0]))[: max(limit, 0)]

    def _others(self, channel: str, epoch: int) -> list[tuple[int, _Log]]:
        return [(of, log) for (name, of), log in self._logs.items() if name == channel and of != epoch]

    def _earlier(self) -> Iterator[tuple[str, int]]:
        for (channel, epoch), log in self._logs.items():
            holding = self._holdings.get(channel)
            if log.seqs and (holding is None or holding.epoch != epoch):
                yield channel, epoch

    def weight(self, channel: str, epoch: int) -> Weight:
        """How many records of the channel are in the store, and their bodies' bytes."""
        with self._lock:
            log = self._logs.get((channel, epoch))
            return Weight(records=len(log.seqs), body_bytes=log.body_bytes) if log else Weight()

    def written(self, channel: str, epoch: int, *, above: int, besides: str) -> int:
        """How many messages above a seq others than a user wrote."""
        with self._lock:
            log = self._logs.get((channel, epoch))
            found = log.between(above + 1, SEQ_STOP, len(log.seqs)) if log else []
            return sum(one.author != besides and _is_message(one.kind) for one in found)

    def dictionary(self, number: int) -> Dictionary | None:
        """The trained dictionary of this id, or ``None``."""
        with self._lock:
            return self._dictionaries.get(number)

    def got(self, digest: bytes) -> int:
        """Bytes of a large body that are in the store, from its beginning."""
        with self._lock:
            return self._bodies.got(digest)

    def part(self, digest: bytes, start: int, stop: int) -> bytes:
        """Those from ``start`` up to ``stop``."""
        with self._lock:
            return self._bodies.part(digest, start, stop)

    def close(self) -> None:
        """Do nothing: the content stays for the next machine, as a file would."""


def _is_message(kind: int) -> bool:
    return kind in (KIND_MESSAGE, KIND_STUB) or kind >= KIND_APPLICATION_FIRST
