"""Records in and out as JSON lines: ``{"channel": .., "author": .., "ts": .., "body": ..}``.

``ts`` is Unix milliseconds; a body that is no text stands in ``body64``. ``sent``, ``kind`` and
``content_type`` are written where they differ from ``ts``, 0 and empty, and may be given. ``seq`` is written
for the reader; an import numbers anew, from the channel's head on, and leaves other fields out. So a record
that was edited is written as it now stands, and one that was deleted is not. Large bodies are written whole.

An import is one transaction, whatever its size: it is in whole or not at all, and while it lasts the
write-ahead log takes as much room again as the records.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from tidelog.wire.errors import UsageError
from tidelog.wire.fingerprints import SUM_STOP, fingerprint
from tidelog.wire.frames import KIND_APPLICATION_FIRST, KIND_DELETE, KIND_EDIT, KIND_MESSAGE, KIND_STUB
from tidelog.wire.limits import (
    BODY_BYTES_MAX,
    CHUNK_GRAIN_BYTES,
    CONTENT_TYPE_BYTES_MAX,
    KIND_STOP,
    LARGE_BYTES_MAX,
    TIME_MS_STOP,
)
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import read_edit
from tidelog.wire.stubs import stub_body, stub_for, stub_of
from tidelog.wire.topics import is_channel, is_user
from tidelog_service.engine.blobs import Blobs
from tidelog_service.engine.ports import Head, NewRow, Row
from tidelog_service.store import enrolment
from tidelog_service.store.database import Database, Fields
from tidelog_service.store.models import Channel, User
from tidelog_service.store.records import RecordStore

_BATCH: Final = 2_000
"""Rows inserted, or read, at a time; more are not faster."""

_BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bodies read at a time by an export, or held at a time by an import, but for one that is larger itself."""

_PIECE_BYTES: Final = 32 * CHUNK_GRAIN_BYTES
"""A row of a large body that is imported."""


class ImportLine(NamedTuple):
    """A record to import; a tuple because there are millions.

    Attributes:
        number: the line in its file, from 1, for messages.
        channel: a valid name.
        author: a valid user name.
        ts: when it was written, Unix milliseconds; becomes its time, or that of the record before it in the
            channel where that is later.
        sent: the author's clock, Unix milliseconds.
        body: at most `LARGE_BYTES_MAX` bytes.
        kind: 0 for a message.
        content_type: a media type, or empty.
    """

    number: int
    channel: str
    author: str
    ts: int
    sent: int
    body: bytes
    kind: int = 0
    content_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        records: how many were stored.
        users: names of those made, in the order seen.
        channels: names of those made, in the order seen.
    """

    records: int
    users: tuple[str, ...]
    channels: tuple[str, ...]


def read_lines(lines: Iterable[str | bytes]) -> Iterator[ImportLine]:
    """Parse JSON lines; empty ones are skipped.

    Args:
        lines: as a file yields them.

    Raises:
        UsageError: a line is not such an object (``import_line``); the message has its number.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _parsed(number, line)
            except (ValueError, TypeError, RecursionError) as error:
                raise UsageError(
                    f"line {number}: {error}",
                    code="import_line",
                    hint="correct the line and import the file again; nothing was stored",
                ) from error


def import_records(
    database: Database,
    lines: Iterable[ImportLine],
    *,
    progress: Callable[[int], None] | None = None,
    now_ms: enrolment.Clock = enrolment.unix_ms,
) -> ImportReport:
    """Store records, in the order given, at the end of their channels; all of them or, on any error, none.

    Users and channels that are missing are made; the authors of a channel made here become its members. An
    existing channel's members stay as they are: a file of messages gives nobody the right to read. Edits and
    deletes name their targets by seq and fit only where the channel's numbers come out as they were.

    Args:
        database: nothing may serve from it (`DataFolder.lock`).
        lines: as `read_lines` gives them.
        progress: called with the number of records done so far, every 2,000 of them and at the end.
        now_ms: the clock, for the creation of users and channels.

    Raises:
        UsageError: from ``lines``, or out of numbers (``log_full``, ``channels_full``).
        Unavailable: the database failed.
    """
    importing = _Import(database, now_ms())
    source = iter(lines)
    with database.transaction():
        while batch := list(islice(_some(source), _BATCH)):
            importing.add(batch)
            if progress is not None:
                progress(importing.records)
        importing.finish()
    database.empty_log()
    return ImportReport(
        records=importing.records, users=tuple(importing.users), channels=tuple(importing.channels)
    )


def export_records(database: Database, channel: str | None = None) -> Iterator[dict[str, Any]]:
    """Records as objects for JSON lines, by channel name and seq.

    Reads a piece at a time, also beside a running service: each channel up to its head at that moment.

    Args:
        database: open.
        channel: this one only.

    Raises:
        UsageError: there is no such channel (``no_channel``).
    """
    logs = Channel.select(Channel.id, Channel.name, Channel.floor, Channel.head).order_by(Channel.name)
    found = database.select(logs if channel is None else logs.where(Channel.name == channel))
    if channel is not None and not found:
        raise UsageError(
            f"there is no channel {channel!r}",
            code="no_channel",
            hint="`tidelog channel list` shows those there are",
        )
    return _exported(RecordStore(database), found)


class _Import:
    """Numbers and times of an import under way."""

    def __init__(self, database: Database, now: int) -> None:
        self.records = 0
        self.users: list[str] = []
        self.channels: list[str] = []
        self._database = database
        self._store = RecordStore(database)
        self._now = now
        self._user_ids: dict[str, int] = {}
        self._tails: dict[str, _Tail] = {}

    def add(self, batch: list[ImportLine]) -> None:
        self._store.append([self._row(line) for line in batch])
        self.records += len(batch)

    def finish(self) -> None:
        self._store.advance(
            {
                tail.channel_id: Head(tail.head, tail.time, 0, tail.sum, tail.body_bytes)
                for tail in self._tails.values()
            }
        )
        for tail in self._tails.values():
            for user_id in tail.members:
                enrolment.insert_member(self._database, tail.channel_id, user_id, self._now)
        if self.users or self.channels:
            enrolment.bump(self._database)

    def _row(self, line: ImportLine) -> NewRow:
        author_id = self._user_ids.get(line.author) or self._user_id(line.author)
        tail = self._tails.get(line.channel) or self._tail(line.channel)
        tail.head += 1
        tail.time = max(tail.time, line.ts)
        if tail.made:
            tail.members[author_id] = None
        line = self._stored_apart(line, tail)
        row = NewRow(
            tail.channel_id,
            tail.head,
            author_id,
            tail.time,
            line.sent,
            line.kind,
            line.content_type,
            line.body,
            tail.sum,
            tail.body_bytes,
        )
        share = fingerprint(line.channel, tail.head, line.kind, line.author, line.content_type, line.body)
        tail.sum = (tail.sum + share) % SUM_STOP
        tail.body_bytes += len(line.body)
        return row

    def _stored_apart(self, line: ImportLine, tail: _Tail) -> ImportLine:
        """The line with a stub, where its body is a large one."""
        if len(line.body) <= BODY_BYTES_MAX:
            return line
        stub, blobs = stub_for(line.body, kind=line.kind), self._store.blobs
        # On its way from no device, and at once a record's.
        blob = blobs.begin("", stub.digest, stub.size, self._now)
        for at in range(0, stub.size, _PIECE_BYTES):
            blob = blobs.add(blob, line.body[at : at + _PIECE_BYTES], self._now)
        blobs.attach(blob.id, tail.channel_id, tail.head)
        return line._replace(kind=KIND_STUB, body=stub_body(stub))

    def _user_id(self, name: str) -> int:
        rows = self._database.select(User.select(User.id).where(User.name == name))
        if not rows:
            self.users.append(name)
        made = rows[0][0] if rows else enrolment.insert_user(self._database, name, self._now)
        return self._user_ids.setdefault(name, made)

    def _tail(self, name: str) -> _Tail:
        rows = self._standing(name)
        made = not rows
        if made:
            self.channels.append(name)
            enrolment.insert_channel(self._database, name, self._now)
            rows = self._standing(name)
        ((channel_id, head, time, total, size),) = rows
        tail = _Tail(
            channel_id=channel_id,
            made=made,
            head=head,
            time=time,
            sum=total % SUM_STOP,
            body_bytes=size,
        )
        return self._tails.setdefault(name, tail)

    def _standing(self, name: str) -> list[Fields]:
        columns = (Channel.id, Channel.head, Channel.time, Channel.sum, Channel.bytes)
        return self._database.select(Channel.select(*columns).where(Channel.name == name))


@dataclass(slots=True, kw_only=True)
class _Tail:
    """The end of a channel that is being written; ``members`` is an ordered set."""

    channel_id: int
    made: bool
    head: int
    time: int
    sum: int
    body_bytes: int
    members: dict[int, None] = field(default_factory=dict)


def _some(lines: Iterator[ImportLine]) -> Iterator[ImportLine]:
    """Lines, until their bodies come to `_BATCH_BYTES_MAX`."""
    size = 0
    while size < _BATCH_BYTES_MAX and (line := next(lines, None)) is not None:
        size += len(line.body)
        yield line


def _parsed(number: int, line: str | bytes) -> ImportLine:
    given = json.loads(line)
    if not isinstance(given, dict):
        raise TypeError("not a JSON object")
    ts = _whole(given, "ts", stop=TIME_MS_STOP)
    return ImportLine(
        number,
        _name(given, "channel", is_channel),
        _name(given, "author", is_user),
        ts,
        _whole(given, "sent", stop=TIME_MS_STOP, default=ts),
        _body(given),
        _kind(given),
        _content_type(given),
    )


def _name(given: dict[str, Any], key: str, valid: Callable[[str], bool]) -> str:
    name = _text(given, key)
    if not valid(name):
        raise ValueError(f"not a valid {key}: {name[:80]!r}")
    return name


def _whole(given: dict[str, Any], key: str, *, stop: int, default: int | None = None) -> int:
    value = given.get(key, default)
    if type(value) is not int or not 0 <= value < stop:
        raise ValueError(f"{key!r} must be a whole number from 0 to {stop - 1}, not {str(value)[:40]}")
    return value


def _kind(given: dict[str, Any]) -> int:
    kind = _whole(given, "kind", stop=KIND_STOP, default=KIND_MESSAGE)
    if KIND_MESSAGE < kind < KIND_APPLICATION_FIRST:
        raise ValueError(f"'kind' {kind} is no message's: 0, or {KIND_APPLICATION_FIRST} and above")
    return kind


def _body(given: dict[str, Any]) -> bytes:
    if ("body" in given) == ("body64" in given):
        raise ValueError("an object has either 'body' or 'body64'")
    if "body" in given:
        body = _text(given, "body").encode()
    else:
        body = base64.b64decode(_text(given, "body64"), validate=True)
    if len(body) > LARGE_BYTES_MAX:
        raise ValueError(f"a body of {len(body)} bytes; {LARGE_BYTES_MAX} are allowed")
    return body


def _content_type(given: dict[str, Any]) -> str:
    if "content_type" not in given:
        return ""
    content_type = _text(given, "content_type")
    if len(content_type.encode()) > CONTENT_TYPE_BYTES_MAX:
        raise ValueError(f"'content_type' is longer than {CONTENT_TYPE_BYTES_MAX} bytes")
    return content_type


def _text(given: dict[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str):
        raise TypeError(f"{key!r} must be a string")
    return value


def _exported(store: RecordStore, logs: list[Fields]) -> Iterator[dict[str, Any]]:
    for channel_id, name, floor, head in logs:
        start = floor
        while start <= head:
            wanted = RangeSet([(start, head + 1)])
            rows = store.rows(
                channel_id, wanted, records_max=_BATCH, bytes_max=_BATCH_BYTES_MAX, newest_first=False
            )
            if not rows:
                break
            for row in rows:
                whole = _whole_of(row, store.blobs, channel_id) if row.kind != KIND_DELETE else None
                if whole is not None:
                    yield _object(name, whole)
            start = rows[-1].seq + 1


def as_it_stands(row: Row) -> Row:
    """A record as whoever reads the log now is to see it: an edit as what it has made of the first one."""
    if row.kind != KIND_EDIT:
        return row
    edit = read_edit(row.body)
    return row._replace(kind=edit.kind, time=edit.time, sent=edit.time, body=edit.content)


def _whole_of(row: Row, blobs: Blobs, channel_id: int) -> Row | None:
    """A record as it now stands, its body whole; ``None`` where a large one went since it was read."""
    stub = stub_of(row.kind, row.body)
    row = as_it_stands(row)
    if stub is None:
        return row
    blob = blobs.of_record(channel_id, row.seq)
    body = b"".join(blobs.pieces(blob.id, 0, blob.size)) if blob is not None else b""
    return row._replace(kind=stub.kind, body=body) if len(body) == stub.size else None


def _object(channel: str, row: Row) -> dict[str, Any]:
    written: dict[str, Any] = {"channel": channel, "seq": row.seq, "author": row.author, "ts": row.time}
    if row.sent != row.time:
        written["sent"] = row.sent
    if row.kind:
        written["kind"] = row.kind
    if row.content_type:
        written["content_type"] = row.content_type
    try:
        written["body"] = row.body.decode()
    except UnicodeDecodeError:
        written["body64"] = base64.b64encode(row.body).decode()
    return written
