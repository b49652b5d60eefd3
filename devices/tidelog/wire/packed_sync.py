"""The packed form of `SyncRequest`, `Delta` and `Push`: what a device lacks, and the records themselves.

Bodies are plain here (SPEC.md, "Sync", "Delta", "Push", "Codecs").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import Final

from tidelog.wire import columns, fields, models, runs, series
from tidelog.wire.cbor import Value
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.frames import CODEC_NONE, Delta, Part, Push, Record, SyncRequest
from tidelog.wire.layout import Layout
from tidelog.wire.limits import (
    CODEC_STOP,
    DICTIONARY_STOP,
    EPOCH_STOP,
    PAGE_BYTES_DEFAULT,
    PAGE_RECORDS_MAX,
    REQUEST_ID_STOP,
    SEQ_STOP,
    STATEMENTS_MAX,
)
from tidelog.wire.ranges import EMPTY, RangeSet, Run
from tidelog.wire.statements import Statement

SYNC: Final = Layout(
    what="a sync request",
    required=1,
    defaults=([], 0, 0, PAGE_BYTES_DEFAULT, 0, 0, 0, 0),
    extensible=True,
)
STATEMENT: Final = Layout(what="a statement", required=1, defaults=(b"", None, None))
DELTA: Final = Layout(what="a delta", required=1, defaults=(0, [], [], b"", []), extensible=True)
PART: Final = Layout(what="a part", required=1, defaults=(b"", None, 0, 1, b""))
PUSH: Final = Layout(what="a push", required=5, defaults=(0, b""), extensible=True)
COLUMNS: Final = Layout(what="the columns", required=0, defaults=columns.DEFAULTS)

_STATED_ONLY, _OLDEST_FIRST, _LIVE, _BY_CHANNEL = 1, 2, 4, 8
_PAGES, _KEEP, _PLAIN, _SECONDS = 16, 32, 64, 128
_FLAGS_STOP: Final = _SECONDS << 1


def from_sync(frame: SyncRequest) -> list[Value]:
    """Write a request."""
    flags = (
        (0 if frame.everywhere else _STATED_ONLY)
        | (_OLDEST_FIRST if frame.oldest_first else 0)
        | (_LIVE if frame.live else 0)
        | (_PLAIN if frame.plain else 0)
        | (_BY_CHANNEL if frame.by_channel else 0)
        | (_PAGES if frame.pages else 0)
        | (_KEEP if frame.keep else 0)
        | (_SECONDS if frame.seconds else 0)
    )
    return SYNC.trimmed(
        [
            frame.rid,
            from_statements(frame.statements),
            flags,
            sum(1 << codec for codec in set(frame.codecs)),
            frame.page_bytes,
            models.context_code(frame.context_bytes),
            frame.dictionary,
            frame.newest,
            frame.room,
        ]
    )


def to_sync(items: list[Value]) -> SyncRequest:
    """Read a request; its codecs come out ascending."""
    rid, statements, flags_, codecs_, page_bytes_, context, dictionary, newest, room = SYNC.filled(items)
    flags = fields.uint(flags_, 1 << 16, "the flags of a request")
    if flags >= _FLAGS_STOP:
        raise ProtocolError("an unknown flag of a request", wire_code=Code.UNSUPPORTED)
    codecs = fields.uint(codecs_, 1 << CODEC_STOP, "codecs")
    return SyncRequest(
        rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
        statements=to_statements(statements),
        everywhere=not flags & _STATED_ONLY,
        page_bytes=fields.page_bytes(page_bytes_),
        codecs=tuple([codec for codec in range(CODEC_STOP) if codecs >> codec & 1]),
        oldest_first=bool(flags & _OLDEST_FIRST),
        live=bool(flags & _LIVE),
        plain=bool(flags & _PLAIN),
        by_channel=bool(flags & _BY_CHANNEL),
        pages=bool(flags & _PAGES),
        keep=bool(flags & _KEEP),
        seconds=bool(flags & _SECONDS),
        context_bytes=models.context_bytes(fields.uint(context, models.CONTEXT_CODES, "context")),
        newest=fields.uint(newest, SEQ_STOP, "newest"),
        room=fields.room(room),
        dictionary=fields.uint(dictionary, DICTIONARY_STOP, "a dictionary"),
    )


def from_statements(statements: Sequence[Statement]) -> list[Value]:
    """Write what a device says of channels."""
    epochs = series.epochs([statement.epoch for statement in statements])
    return [_from_statement(one, epoch) for one, epoch in zip(statements, epochs, strict=True)]


def to_statements(value: object) -> tuple[Statement, ...]:
    """Read what a device says of channels, each at most once."""
    rows = [STATEMENT.filled(item) for item in fields.items(value, STATEMENTS_MAX, "statements")]
    names = fields.distinct([fields.channel(row[0]) for row in rows], "channels of a request")
    epochs = series.read_epochs([row[2] for row in rows])
    return tuple(
        [
            Statement(channel=name, epoch=epoch, have=to_set(row[1]), want=_to_want(row[3]))
            for name, epoch, row in zip(names, epochs, rows, strict=True)
        ]
    )


def _from_statement(statement: Statement, epoch: Value) -> Value:
    want = None if statement.want is None else runs.encode(statement.want)
    return STATEMENT.trimmed([statement.channel, runs.encode(statement.have), epoch, want])


def to_set(value: object) -> RangeSet:
    """Read a set of seqs."""
    return EMPTY if value == b"" else runs.decode(fields.octets(value, "a have-set"))


def _to_want(value: object) -> RangeSet | None:
    return None if value is None else to_set(value)


def from_delta(frame: Delta) -> list[Value]:
    """Write a page."""
    records = [record for part in frame.parts for record in part.records]
    epochs = series.epochs([part.epoch for part in frame.parts])
    return DELTA.trimmed(
        [
            frame.rid,
            int(frame.more),
            [_from_part(part, epoch) for part, epoch in zip(frame.parts, epochs, strict=True)],
            COLUMNS.trimmed(columns.encode(records)),
            _joined(records),
            list(frame.gone),
        ]
    )


def to_delta(items: list[Value]) -> Delta:
    """Read a page."""
    rid, flags_, parts_, columns_, bodies, gone = DELTA.filled(items)
    flags = fields.uint(flags_, 2 * CODEC_STOP, "the flags of a delta")
    _check_plain(flags >> 1)
    rows = [PART.filled(item) for item in fields.items(parts_, STATEMENTS_MAX, "parts")]
    names = fields.distinct([fields.channel(row[0]) for row in rows], "channels of a delta")
    epochs = series.read_epochs([row[2] for row in rows])
    seqs = [to_set(row[1]) for row in rows]
    records = iter(_to_records(seqs, columns_, bodies))
    return Delta(
        rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
        more=bool(flags & 1),
        parts=tuple(
            [
                _to_part(name, epoch, row, tuple(islice(records, held.count)))
                for name, epoch, held, row in zip(names, epochs, seqs, rows, strict=True)
            ]
        ),
        gone=_to_gone(gone, names),
    )


def from_push(frame: Push) -> list[Value]:
    """Write records as they were stored."""
    part = frame.part
    return PUSH.trimmed(
        [
            part.channel,
            runs.encode(_seqs(part.records)),
            part.epoch,
            COLUMNS.trimmed(columns.encode(part.records)),
            _joined(part.records),
            CODEC_NONE,
            runs.encode(part.voids),
        ]
    )


def to_push(items: list[Value]) -> Push:
    """Read records as they were stored."""
    channel, seqs_, epoch, columns_, bodies, codec, voids = PUSH.filled(items)
    _check_plain(fields.uint(codec, CODEC_STOP, "a codec"))
    seqs = to_set(seqs_)
    if not seqs:
        raise ProtocolError("a push without a record")
    part = Part(
        channel=fields.channel(channel),
        epoch=fields.uint(epoch, EPOCH_STOP, "an epoch"),
        head=seqs.stop - 1,
        voids=to_set(voids),
        records=tuple(_to_records([seqs], columns_, bodies)),
    )
    return Push(part=part)


def _seqs(records: Sequence[Record]) -> RangeSet:
    """The seqs of a part's records; the columns have no others, so their order must be that of the set."""
    found: list[Run] = []
    start = stop = 1
    for record in records:
        seq = record.seq
        if seq < stop:
            raise UsageError(f"seq {seq} is below {stop}", code="seq")
        if seq > stop:
            if stop > start:
                found.append((start, stop))
            start = seq
        stop = seq + 1
    if stop > start:
        found.append((start, stop))
    return RangeSet.of_sorted(found)


def _from_part(part: Part, epoch: Value) -> Value:
    """The head travels as its distance from the last record: 0 on every page that reaches it."""
    last = part.records[-1].seq if part.records else 0
    return PART.trimmed(
        [
            part.channel,
            runs.encode(_seqs(part.records)),
            epoch,
            part.head - last,
            part.floor,
            runs.encode(part.voids),
        ]
    )


def _to_part(channel: str, epoch: int, row: list[Value], records: tuple[Record, ...]) -> Part:
    ahead, floor, voids = row[3:]
    last = records[-1].seq if records else 0
    return Part(
        channel=channel,
        epoch=epoch,
        head=fields.uint(last + fields.uint(ahead, SEQ_STOP, "a head"), SEQ_STOP, "a head"),
        floor=fields.seq(floor, SEQ_STOP, "a floor"),
        voids=to_set(voids),
        records=records,
    )


def _to_gone(value: object, names: list[str]) -> tuple[str, ...]:
    gone = [fields.channel(name) for name in fields.items(value, STATEMENTS_MAX, "channels that are gone")]
    fields.distinct([*names, *gone], "channels of a delta")
    return tuple(gone)


def _joined(records: Sequence[Record]) -> bytes:
    return b"".join(record.body for record in records)


def _check_plain(codec: int) -> None:
    if codec != CODEC_NONE:
        raise ProtocolError(f"bodies in codec {codec}", wire_code=Code.UNSUPPORTED)


def _to_records(sets: list[RangeSet], columns_: Value, bodies: Value) -> list[Record]:
    """Put the records of all parts together, in the order of the parts."""
    count = sum(seqs.count for seqs in sets)
    if count > PAGE_RECORDS_MAX:
        raise ProtocolError(f"more than {PAGE_RECORDS_MAX} records", wire_code=Code.LIMIT)
    if not count and columns_:
        raise ProtocolError("columns without records")
    told = columns.decode(COLUMNS.filled(columns_), count)
    return told.records(list(chain.from_iterable(sets)), fields.octets(bodies, "bodies"))
