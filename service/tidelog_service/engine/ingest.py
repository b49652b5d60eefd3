"""Storing a batch of messages: membership, numbers, duplicates, receipts (SPEC.md, "Messages").

One transaction a batch. The channel's counter is taken inside it, duplicates are filtered after that and
before numbers are given, so that the numbers stay dense whatever the network repeats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from tidelog.wire.digest import answer_digest, message_digest
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.fingerprints import SUM_STOP, fingerprint
from tidelog.wire.frames import (
    KIND_APPLICATION_FIRST,
    KIND_MESSAGE,
    KIND_STUB,
    Message,
    Receipt,
    Receipts,
    Rejection,
)
from tidelog.wire.limits import ANSWER_DIGEST_BYTES, BODY_BYTES_MAX, LARGE_BYTES_MAX, MESSAGE_WINDOW
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import KINDS as REVISIONS
from tidelog_service.engine.blobs import Brought
from tidelog_service.engine.ports import Head, Log, NewRow, OutboxKey, Stand, Store, Taken, Terminal
from tidelog_service.engine.revising import Looks, revised

RECEIPTS_MAX = 512
"""Receipts in one packet: with the longest channel names, each another one, they fit."""

JSON_RECEIPTS_MAX = 128
"""The same in JSON, with the names of the fields."""

_KNOWN = (*REVISIONS, KIND_STUB)
"""Kinds of the protocol's own."""

_Told = TypeVar("_Told", Receipt, Rejection)


class Draft(NamedTuple):
    """A message on its way into the store."""

    terminal: Terminal
    outbox: bytes
    message: Message
    encoding: Encoding


class Stored(NamedTuple):
    """A record that a batch added, with the log that it went to and the device that wrote it, or none.

    ``outbox`` and ``n`` are those of its message; 0 for one without a number.
    """

    log: Log
    row: NewRow
    author: str
    device: str
    outbox: bytes = b""
    n: int = 0


class _Line(NamedTuple):
    """Whom answers go to and how: those to messages without a number travel apart from the others."""

    key: OutboxKey
    encoding: Encoding
    numbered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Receipts for one outbox of one device."""

    device: str
    encoding: Encoding
    receipts: Receipts


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What a batch came to; valid once its transaction is on disk.

    Attributes:
        stored: the new records in the order of their numbers.
        answers: what to tell the devices.
        duplicates: how many messages had been stored before.
        rejections: how many were refused, by code.
    """

    stored: tuple[Stored, ...]
    answers: tuple[Answer, ...]
    duplicates: int
    rejections: dict[Code, int]

    def stands(self) -> Iterator[Stand]:
        """How far the logs have come to which something was added."""
        heads = {(stored.log.id, stored.log.epoch): stored.row.seq for stored in self.stored}
        return (Stand(*log, head) for log, head in heads.items())


class Also(Protocol):
    """Adds records of others to a batch, inside its transaction, before it is written."""

    def __call__(self, add: Add) -> None:
        """Call ``add`` for each."""
        ...


class Add(Protocol):
    """Gives a record that no device sent the next number of its log, in the batch that is open."""

    def __call__(self, log: Log, author_id: int, author: str, *, body: bytes, content_type: str) -> int:
        """Returns the number."""
        ...


def ingest(
    drafts: Sequence[Draft],
    store: Store,
    now_ms: int,
    *,
    also: Also | None = None,
    large_max: int = LARGE_BYTES_MAX,
) -> Ingested:
    """Store a batch in one transaction.

    Args:
        drafts: messages in the order of arrival.
        store: outside a transaction.
        now_ms: the service's clock, Unix milliseconds.
        also: adds to it.
        large_max: bytes of a large body that is taken.

    Returns:
        what was stored and what to answer; on disk when this returns.

    Raises:
        Unavailable: the store failed; nothing of the batch was kept, so it may be tried again whole.
    """
    batch = _Batch(store=store, now_ms=now_ms, brought=Brought(store.blobs, large_max))
    with store.transaction():
        batch.prepare(drafts)
        for draft in drafts:
            batch.take(draft)
        if also is not None:
            also(batch.add)
        batch.write()
    return batch.result()


@dataclass(slots=True, kw_only=True)
class _Batch:
    """The state of one batch while its transaction is open."""

    store: Store
    now_ms: int
    brought: Brought
    logs: dict[tuple[int, str], Log] = field(default_factory=dict)
    heads: dict[int, Head] = field(default_factory=dict)
    voided: dict[int, RangeSet] = field(default_factory=lambda: defaultdict(lambda: EMPTY))
    looks: Looks = field(default_factory=Looks)
    numbers: dict[OutboxKey, RangeSet] = field(default_factory=dict)
    known: dict[tuple[OutboxKey, int], Taken] = field(default_factory=dict)
    stored: list[Stored] = field(default_factory=list)
    taken: list[tuple[OutboxKey, Taken]] = field(default_factory=list)
    changed: set[OutboxKey] = field(default_factory=set)
    receipts: dict[_Line, list[Receipt]] = field(default_factory=lambda: defaultdict(list))
    rejections: dict[_Line, list[Rejection]] = field(default_factory=lambda: defaultdict(list))
    authors: dict[str, str] = field(default_factory=dict)
    duplicates: int = 0

    def prepare(self, drafts: Sequence[Draft]) -> None:
        """Read, in a few queries, all that the batch needs to know."""
        names: dict[int, set[str]] = defaultdict(set)
        asked: dict[OutboxKey, set[int]] = defaultdict(set)
        for draft in drafts:
            names[draft.terminal.user_id].add(draft.message.channel)
            self.authors[draft.terminal.device] = draft.terminal.user
            if draft.message.n:
                asked[OutboxKey(draft.terminal.device, draft.outbox)].add(draft.message.n)
        for user_id, wanted in names.items():
            for name, log in self.store.writable(user_id, sorted(wanted)).items():
                self.logs[user_id, name] = log
        self.numbers = self.store.numbers(list(asked))
        for key, ns in asked.items():
            self._recall(key, ns)

    def _recall(self, key: OutboxKey, ns: Iterable[int]) -> None:
        numbers = self.numbers.setdefault(key, EMPTY)
        seen = [n for n in ns if n in numbers]
        if seen:
            for n, taken in self.store.taken(key, seen).items():
                self.known[key, n] = taken

    def take(self, draft: Draft) -> None:
        """Decide about one message."""
        key = OutboxKey(draft.terminal.device, draft.outbox)
        n = draft.message.n
        log = self.logs.get((draft.terminal.user_id, draft.message.channel))
        refused = self._refused(key, draft.message, log)
        if (key, n) in self.known:
            self._repeat(key, draft, log)
        elif refused is not None or log is None:
            self._reject(key, draft, Code.NO_CHANNEL if refused is None else refused)
        elif n and n in self.numbers[key]:
            # Spent on a message that was refused.
            self._reject(key, draft, Code.CONFLICT)
        elif draft.message.kind in REVISIONS:
            self._revise(key, draft, log)
        else:
            self._add(key, draft, log)

    def _add(self, key: OutboxKey, draft: Draft, log: Log) -> None:
        try:
            self._place(key, draft, draft.message, log)
        except ProtocolError as error:
            self._reject(key, draft, error.wire_code)

    def _revise(self, key: OutboxKey, draft: Draft, log: Log) -> None:
        """An edit or a delete: stored like any other, and what it is about goes."""
        gone = self.voided[log.id]
        fill = draft.encoding is Encoding.JSON
        try:
            message, voids = revised(
                draft.message, log, draft.terminal.user, self.store, gone=gone, looks=self.looks, fill=fill
            )
            self._place(key, draft, message, log)
        except ProtocolError as error:
            self._reject(key, draft, error.wire_code)
        else:
            self.voided[log.id] = gone | voids

    def _place(self, key: OutboxKey, draft: Draft, message: Message, log: Log) -> None:
        """Store a message, with the bytes that its device has brought for it where it is a stub."""
        upload = self.brought.upload_of(draft.terminal.device, message)
        self._store(key, draft, message, log)
        self.brought.take(upload, log.id, self.heads[log.id].seq)

    def _reject(self, key: OutboxKey, draft: Draft, code: Code) -> None:
        """Refuse a message; where that is for good its number is spent: no hole stays below later ones."""
        n = draft.message.n
        rejection = Rejection(n=n, code=code, digest=answer_digest(draft.message))
        self.rejections[_line(key, draft)].append(rejection)
        if n and code not in (Code.WINDOW, Code.BUSY, Code.BLOB):
            self._spend(key, n)

    def _spend(self, key: OutboxKey, n: int) -> None:
        """Note a number as taken, and with it those that a device may not send any more once it sends this.

        A device that was set back to a backup leaves holes that it never fills; without this they would stay
        for good and stop its outbox a window later.
        """
        if n not in self.numbers[key]:
            left_behind = [(1, n - MESSAGE_WINDOW + 1)] if n > MESSAGE_WINDOW else []
            self.numbers[key] |= RangeSet.of_sorted([*left_behind, (n, n + 1)])
            self.changed.add(key)

    def _refused(self, key: OutboxKey, message: Message, log: Log | None) -> Code | None:
        # First: whatever else is wrong, a number far above the others must not be spent.
        if message.n and message.n >= max(1, self.numbers[key].stop) + MESSAGE_WINDOW:
            return Code.WINDOW
        if log is None:
            return Code.NO_CHANNEL
        if KIND_MESSAGE < message.kind < KIND_APPLICATION_FIRST and message.kind not in _KNOWN:
            return Code.UNSUPPORTED
        if len(message.body) > BODY_BYTES_MAX:
            return Code.LIMIT
        return None

    def _repeat(self, key: OutboxKey, draft: Draft, log: Log | None) -> None:
        """A number stored before: the same message gets its receipt again, another one a conflict."""
        known = self.known[key, draft.message.n]
        if known.digest != message_digest(draft.message):
            self._reject(key, draft, Code.CONFLICT)
        elif log is None or log.id != known.channel_id:
            # The user has left the channel since: its epoch is no longer theirs to know.
            self._reject(key, draft, Code.NO_CHANNEL)
        else:
            self.duplicates += 1
            self._receipt(key, draft, log, known)

    def _store(self, key: OutboxKey, draft: Draft, message: Message, log: Log) -> None:
        """Give a message the next number; its digest is that of what its device sent."""
        terminal = draft.terminal
        row = self._row(log, terminal.user_id, terminal.user, message)
        self.stored.append(Stored(log, row, terminal.user, terminal.device, key.outbox, message.n))
        digest = message_digest(draft.message) if message.n else b""
        taken = Taken(message.n, log.id, row.seq, row.time, digest)
        if message.n:
            self.taken.append((key, taken))
            self.known[key, message.n] = taken
            self._spend(key, message.n)
        self._receipt(key, draft, log, taken)

    def add(self, log: Log, author_id: int, author: str, *, body: bytes, content_type: str) -> int:
        """See `Add`."""
        message = Message(n=0, channel=log.name, body=body, content_type=content_type)
        row = self._row(log, author_id, author, message)
        self.stored.append(Stored(log, row, author, ""))
        return row.seq

    def _row(self, log: Log, author_id: int, author: str, message: Message) -> NewRow:
        """A message as a record: with the next number and time, and with what all before it came to."""
        head = self.heads.get(log.id) or Head(log.head, log.time, 0, log.sum, log.body_bytes)
        seq, time = head.seq + 1, max(self.now_ms, head.time)
        kind, media, body = message.kind, message.content_type, message.body
        share = fingerprint(log.name, seq, kind, author, media, body)
        self.heads[log.id] = Head(
            seq,
            time,
            head.revised + (kind in REVISIONS),
            (head.sum + share) % SUM_STOP,
            head.body_bytes + len(body),
        )
        sent = message.sent or time
        return NewRow(log.id, seq, author_id, time, sent, kind, media, body, head.sum, head.body_bytes)

    def _receipt(self, key: OutboxKey, draft: Draft, log: Log, taken: Taken) -> None:
        receipt = Receipt(
            n=taken.n,
            channel=log.name,
            epoch=log.epoch,
            seq=taken.seq,
            time=taken.time,
            digest=taken.digest[:ANSWER_DIGEST_BYTES],
        )
        self.receipts[_line(key, draft)].append(receipt)

    def write(self) -> None:
        """Put the batch into the open transaction."""
        if self.stored:
            self.store.append([stored.row for stored in self.stored])
            self.store.advance(self.heads)
            for channel_id, seqs in self.voided.items():
                self.store.erase(channel_id, seqs)
            self.brought.write()
        if self.changed:
            self.store.remember(self.taken, {key: self.numbers[key] for key in self.changed})

    def result(self) -> Ingested:
        """What came of it."""
        rejected: dict[Code, int] = defaultdict(int)
        for refusals in self.rejections.values():
            for refusal in refusals:
                rejected[refusal.code] += 1
        return Ingested(
            stored=tuple(self.stored),
            answers=tuple(self._answers()),
            duplicates=self.duplicates,
            rejections=dict(rejected),
        )

    def _answers(self) -> Iterable[Answer]:
        for line in {**self.receipts, **self.rejections}:
            key, encoding, numbered = line
            receipts = _told(self.receipts.get(line, ()), numbered=numbered)
            rejections = _told(self.rejections.get(line, ()), numbered=numbered)
            highest = max(0, self.numbers.get(key, EMPTY).stop - 1)
            step = JSON_RECEIPTS_MAX if encoding is Encoding.JSON else RECEIPTS_MAX
            for at in range(0, max(len(receipts), len(rejections)), step):
                frame = Receipts(
                    outbox=key.outbox,
                    highest=highest,
                    author=self.authors[key.device],
                    receipts=receipts[at : at + step],
                    rejections=rejections[at : at + step],
                )
                yield Answer(device=key.device, encoding=encoding, receipts=frame)


def _line(key: OutboxKey, draft: Draft) -> _Line:
    return _Line(key, draft.encoding, draft.message.n > 0)


def _told(items: Iterable[_Told], *, numbered: bool) -> tuple[_Told, ...]:
    """In the order of their numbers, and what came twice in the batch once.

    Two messages with the same number may both be refused: each is told apart by its digest.
    """
    if not numbered:
        return tuple(items)
    return tuple(sorted(dict.fromkeys(items), key=lambda item: item.n))
