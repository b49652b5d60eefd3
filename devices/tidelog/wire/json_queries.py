"""The JSON form of `Query`, `Manifest` and `Estimate` (SPEC.md, "JSON").

A query is a ``sync`` with more fields.
"""

from __future__ import annotations

from tidelog.wire import fields
from tidelog.wire.errors import ProtocolError
from tidelog.wire.jsontext import JsonValue, Object
from tidelog.wire.limits import (
    BODY_SIZE_STOP,
    EPOCH_STOP,
    KIND_STOP,
    MANIFEST_RECORDS_MAX,
    REQUEST_ID_STOP,
    SEQ_STOP,
    STATEMENTS_MAX,
    TIME_MS_STOP,
)
from tidelog.wire.queries import NO_FILTER, Cursor, Depth, Estimate, Filter, Listed, Manifest, Query
from tidelog.wire.ranges import RangeSet

_MODES = {depth.name.lower(): depth for depth in Depth}


def from_query(frame: Query, request: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Write a request.

    Args:
        frame: it.
        request: what it says beside, written.
    """
    given = dict(request)
    if frame.depth:
        given["mode"] = frame.depth.name.lower()
    for name in ("since", "until", "newest", "max_body"):
        if value := getattr(frame.filter, name):
            given[name] = value
    for name in ("authors", "kinds", "patterns"):
        if several := getattr(frame.filter, name):
            given[name] = list(several)
    if frame.after is not None:
        given["after"] = {"channel": frame.after.channel, "seq": frame.after.seq}
    return given


def taken(given: Object) -> tuple[Depth, Filter, Cursor | None] | None:
    """Take what a ``sync`` has of a query; ``None`` where it is none."""
    depth = given.optional("mode", _to_depth, Depth.DELTA)
    filter_ = Filter(
        since=given.uint("since", TIME_MS_STOP, default=0),
        until=given.uint("until", TIME_MS_STOP, default=0),
        newest=given.uint("newest", SEQ_STOP, default=0),
        authors=given.optional("authors", lambda value: fields.named(value, fields.user, "authors"), ()),
        kinds=given.optional("kinds", lambda value: fields.named(value, _to_kind, "kinds"), ()),
        patterns=given.optional(
            "patterns", lambda value: fields.named(value, fields.pattern, "patterns"), ()
        ),
        max_body=given.optional("max_body", fields.max_body, 0),
    )
    after = given.optional("after", _to_cursor, None)
    if not depth and filter_ == NO_FILTER and after is None:
        return None
    return depth, filter_, after


def _to_depth(value: object) -> Depth:
    if not isinstance(value, str) or value not in _MODES:
        raise ProtocolError(f"a mode is one of {', '.join(_MODES)}, not {fields.shown(value)}")
    return _MODES[value]


def _to_kind(value: object) -> int:
    return fields.uint(value, KIND_STOP, "a kind")


def _to_cursor(value: object) -> Cursor:
    given = Object(value, "after")
    found = Cursor(fields.channel(given.take("channel")), given.uint("seq", SEQ_STOP, default=0))
    given.done()
    return found


def from_manifest(frame: Manifest) -> dict[str, JsonValue]:
    """Write a page of numbers."""
    records: list[JsonValue] = [
        {"channel": one.channel, "seq": seq, "size": size}
        for one in frame.channels
        for seq, size in zip(one.seqs, one.sizes, strict=True)
    ]
    return {
        "type": "manifest",
        "id": frame.rid,
        "more": frame.more,
        "channels": {one.channel: _from_listed(one) for one in frame.channels},
        "records": records,
    }


def _from_listed(one: Listed) -> JsonValue:
    given: dict[str, JsonValue] = {"epoch": one.epoch, "head": one.head}
    return given | {"floor": one.floor} if one.floor != 1 else given


def to_manifest(given: Object) -> Manifest:
    """Read a page of numbers."""
    rid, more = given.uint("id", REQUEST_ID_STOP), given.flag("more")
    channels = given.take("channels")
    if not isinstance(channels, dict):
        raise ProtocolError(f"channels is not an object: {fields.shown(channels)}")
    fields.items(list(channels), STATEMENTS_MAX, "channels")
    found: dict[str, dict[int, int]] = {fields.channel(name): {} for name in channels}
    for item in fields.items(given.take("records"), MANIFEST_RECORDS_MAX, "records"):
        record = Object(item, "a record")
        name = fields.channel(record.take("channel"))
        if name not in found:
            raise ProtocolError(f"a record of {name!r}, which is not among the channels")
        seq = fields.seq(record.take("seq"), SEQ_STOP, "seq")
        if seq in found[name]:
            raise ProtocolError(f"record {seq} of {name!r} is there twice")
        found[name][seq] = record.uint("size", BODY_SIZE_STOP)
        record.done()
    given.done()
    return Manifest(
        rid=rid,
        more=more,
        channels=tuple(
            _to_listed(name, Object(told, "a channel"), found[name]) for name, told in channels.items()
        ),
    )


def _to_listed(name: str, given: Object, sizes: dict[int, int]) -> Listed:
    one = Listed(
        channel=name,
        epoch=given.uint("epoch", EPOCH_STOP),
        head=given.uint("head", SEQ_STOP),
        floor=given.optional("floor", lambda value: fields.seq(value, SEQ_STOP, "floor"), 1),
        seqs=RangeSet.of(sizes),
        sizes=tuple(sizes[seq] for seq in sorted(sizes)),
    )
    given.done()
    if one.seqs.stop > one.head + 1:
        raise ProtocolError(f"a record of {name!r} above its head")
    return one


def from_estimate(frame: Estimate) -> dict[str, JsonValue]:
    """Write an estimate."""
    return {
        "type": "estimate",
        "id": frame.rid,
        "records": frame.records,
        "pages": frame.pages,
        "bytes": frame.page_bytes,
        "body_bytes": frame.body_bytes,
    }


def to_estimate(given: Object) -> Estimate:
    """Read an estimate."""
    frame = Estimate(
        rid=given.uint("id", REQUEST_ID_STOP),
        records=given.uint("records", SEQ_STOP),
        pages=given.uint("pages", SEQ_STOP),
        page_bytes=given.uint("bytes", BODY_SIZE_STOP),
        body_bytes=given.uint("body_bytes", BODY_SIZE_STOP),
    )
    given.done()
    return frame
