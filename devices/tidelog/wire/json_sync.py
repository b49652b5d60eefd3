"""The JSON form of `SyncRequest`, `Delta` and `Push` (SPEC.md, "JSON")."""

from __future__ import annotations

from itertools import pairwise

from tidelog.wire import fields
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Delta, Part, Push, Record, SyncRequest
from tidelog.wire.json_bodies import body_fields
from tidelog.wire.json_messages import kind_and_type
from tidelog.wire.json_queries import taken
from tidelog.wire.json_ranges import from_ranges, to_ranges
from tidelog.wire.json_revisions import from_body, to_body
from tidelog.wire.jsontext import JsonValue, Object
from tidelog.wire.limits import (
    BODY_SIZE_STOP,
    CODEC_STOP,
    EPOCH_STOP,
    KIND_STOP,
    PAGE_BYTES_DEFAULT,
    PAGE_RECORDS_MAX,
    REQUEST_ID_STOP,
    SEQ_STOP,
    STATEMENTS_MAX,
    TIME_MS_STOP,
)
from tidelog.wire.queries import Query
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.statements import Statement


def from_sync(frame: SyncRequest) -> dict[str, JsonValue]:
    """Write a request."""
    given: dict[str, JsonValue] = {"type": "sync", "id": frame.rid}
    if not frame.everywhere:
        given["channels"] = [statement.channel for statement in frame.statements]
    have = {
        statement.channel: _from_have(statement)
        for statement in frame.statements
        if frame.everywhere or statement.epoch or statement.have
    }
    want = {
        statement.channel: from_ranges(statement.want)
        for statement in frame.statements
        if statement.want is not None
    }
    if have:
        given["have"] = have
    if want:
        given["want"] = want
    if frame.page_bytes != PAGE_BYTES_DEFAULT:
        given["page_bytes"] = frame.page_bytes
    if frame.codecs:
        given["codecs"] = list(frame.codecs)
    return given | {name: True for name in ("oldest_first", "live", "plain") if getattr(frame, name)}


def to_sync(given: Object) -> SyncRequest | Query:
    """Read a request; with a filter or for less than records, it is a query."""
    chosen = taken(given)
    channels = given.optional("channels", _to_channels, None)
    have = _to_have(given.take("have", {}))
    want = _to_want(given.take("want", {}))
    scope = list(have | want) if channels is None else channels
    for name in have | want:
        if name not in scope:
            raise ProtocolError(f"{name!r} is stated and not among the channels")
    fields.items(scope, STATEMENTS_MAX, "statements")
    frame = SyncRequest(
        rid=given.uint("id", REQUEST_ID_STOP, default=0),
        statements=tuple(_statement(name, have, want) for name in scope),
        everywhere=channels is None,
        page_bytes=given.optional("page_bytes", fields.page_bytes, PAGE_BYTES_DEFAULT),
        codecs=given.optional("codecs", _to_codecs, ()),
        oldest_first=given.flag("oldest_first"),
        live=given.flag("live"),
        plain=given.flag("plain"),
    )
    given.done()
    if chosen is None:
        return frame
    depth, filter_, after = chosen
    return Query(request=frame, depth=depth, filter=filter_, after=after)


def _statement(name: str, have: dict[str, tuple[int, RangeSet]], want: dict[str, RangeSet]) -> Statement:
    epoch, held = have.get(name, (0, EMPTY))
    return Statement(channel=name, epoch=epoch, have=held, want=want.get(name))


def _from_have(statement: Statement) -> JsonValue:
    ranges = from_ranges(statement.have)
    return {"epoch": statement.epoch, "ranges": ranges} if statement.epoch else ranges


def _to_have(value: object) -> dict[str, tuple[int, RangeSet]]:
    return {fields.channel(name): _to_held(held) for name, held in _entries(value, "have")}


def _to_held(value: object) -> tuple[int, RangeSet]:
    """Ranges, or an object of epoch and ranges; without an epoch they speak of whatever it is now."""
    if isinstance(value, list):
        return 0, to_ranges(value)
    given = Object(value, "an entry of have")
    held = given.uint("epoch", EPOCH_STOP, default=0), given.optional("ranges", to_ranges, EMPTY)
    given.done()
    return held


def _to_want(value: object) -> dict[str, RangeSet]:
    return {fields.channel(name): to_ranges(ranges) for name, ranges in _entries(value, "want")}


def _entries(value: object, what: str) -> list[tuple[str, object]]:
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} is not an object: {fields.shown(value)}")
    if len(value) > STATEMENTS_MAX:
        raise ProtocolError(f"{what}: more than {STATEMENTS_MAX} channels", wire_code=Code.LIMIT)
    return list(value.items())


def _to_channels(value: object) -> list[str]:
    names = [fields.channel(name) for name in fields.items(value, STATEMENTS_MAX, "channels")]
    return fields.distinct(names, "channels")


def _to_codecs(value: object) -> tuple[int, ...]:
    ids = [fields.uint(codec, CODEC_STOP, "a codec") for codec in fields.items(value, CODEC_STOP, "codecs")]
    return tuple(sorted(fields.distinct(ids, "codecs")))


def from_delta(frame: Delta) -> dict[str, JsonValue]:
    """Write a page."""
    given: dict[str, JsonValue] = {
        "type": "delta",
        "id": frame.rid,
        "more": frame.more,
        "channels": {part.channel: _from_part(part) for part in frame.parts},
        "records": [
            {"channel": part.channel, **_from_record(record)}
            for part in frame.parts
            for record in part.records
        ],
    }
    return given | {"gone": list(frame.gone)} if frame.gone else given


def to_delta(given: Object) -> Delta:
    """Read a page."""
    rid = given.uint("id", REQUEST_ID_STOP)
    more = given.flag("more")
    channels = _entries(given.take("channels"), "channels")
    records: dict[str, list[Record]] = {fields.channel(name): [] for name, _ in channels}
    for item in fields.items(given.take("records"), PAGE_RECORDS_MAX, "records"):
        record = Object(item, "a record")
        name = fields.channel(record.take("channel"))
        if name not in records:
            raise ProtocolError(f"a record of {name!r}, which is not among the channels")
        records[name].append(_to_record(record))
    gone = _to_channels(given.take("gone", []))
    fields.distinct([*records, *gone], "channels of a delta")
    given.done()
    return Delta(
        rid=rid,
        more=more,
        parts=tuple(
            _to_part(name, Object(told, "a channel"), _ascending(records[name])) for name, told in channels
        ),
        gone=tuple(gone),
    )


def _from_part(part: Part) -> JsonValue:
    given: dict[str, JsonValue] = {"epoch": part.epoch, "head": part.head}
    if part.floor != 1:
        given["floor"] = part.floor
    return given | {"voids": from_ranges(part.voids)} if part.voids else given


def _to_part(name: str, given: Object, records: tuple[Record, ...]) -> Part:
    part = Part(
        channel=name,
        epoch=given.uint("epoch", EPOCH_STOP),
        head=given.uint("head", SEQ_STOP),
        floor=given.optional("floor", lambda value: fields.seq(value, SEQ_STOP, "floor"), 1),
        voids=given.optional("voids", to_ranges, EMPTY),
        records=records,
    )
    given.done()
    if records and records[-1].seq > part.head:
        raise ProtocolError(f"a record of {name!r} above its head")
    return part


def from_push(frame: Push) -> dict[str, JsonValue]:
    """Write records as they were stored."""
    part = frame.part
    given: dict[str, JsonValue] = {
        "type": "push",
        "channel": part.channel,
        "epoch": part.epoch,
        "records": [_from_record(record) for record in part.records],
    }
    return given | {"voids": from_ranges(part.voids)} if part.voids else given


def to_push(given: Object) -> Push:
    """Read records as they were stored."""
    listed = fields.items(given.take("records"), PAGE_RECORDS_MAX, "records")
    records = _ascending([_to_record(Object(item, "a record")) for item in listed])
    if not records:
        raise ProtocolError("a push without a record")
    part = Part(
        channel=fields.channel(given.take("channel")),
        epoch=given.uint("epoch", EPOCH_STOP),
        head=records[-1].seq,
        voids=given.optional("voids", to_ranges, EMPTY),
        records=records,
    )
    given.done()
    return Push(part=part)


def _ascending(records: list[Record]) -> tuple[Record, ...]:
    if any(after.seq <= before.seq for before, after in pairwise(records)):
        raise ProtocolError("the seqs of records do not ascend")
    return tuple(records)


def _from_record(record: Record) -> dict[str, JsonValue]:
    given: dict[str, JsonValue] = {"seq": record.seq, "author": record.author, "time": record.time}
    if record.sent != record.time:
        given["sent"] = record.sent
    given |= kind_and_type(record.kind, record.content_type)
    if record.size != len(record.body):
        # Only what is whole can be read as what its kind says.
        return given | {"size": record.size} | body_fields(record.body)
    return given | from_body(record.kind, record.body)


def _to_record(given: Object) -> Record:
    kind = given.uint("kind", KIND_STOP, default=0)
    body = to_body(kind, given)
    time = given.uint("time", TIME_MS_STOP)
    record = Record(
        seq=fields.seq(given.take("seq"), SEQ_STOP, "seq"),
        author=fields.user(given.take("author")),
        time=time,
        sent=given.uint("sent", TIME_MS_STOP, default=time),
        kind=kind,
        content_type=given.optional("content_type", fields.content_type, ""),
        body=body,
        size=given.uint("size", BODY_SIZE_STOP, default=len(body)),
    )
    given.done()
    if record.size < len(body):
        raise ProtocolError("size is below that of the body itself")
    return record
