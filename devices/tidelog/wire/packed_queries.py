"""The packed form of `Query`, `Manifest` and `Estimate` (SPEC.md, "Query", "Manifest", "Estimate")."""

from __future__ import annotations

from itertools import islice
from typing import Final

from tidelog.wire import fields, packed_pages, packed_sync, runs, series
from tidelog.wire.cbor import Value, dumps, loads
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import SyncRequest, Type
from tidelog.wire.layout import Layout
from tidelog.wire.limits import (
    BODY_SIZE_STOP,
    KIND_STOP,
    REQUEST_ID_STOP,
    SEQ_STOP,
    STATEMENTS_MAX,
    TIME_MS_STOP,
    VERSION,
)
from tidelog.wire.packed_sync import to_set
from tidelog.wire.page_frames import Resync
from tidelog.wire.queries import Cursor, Estimate, Filter, Listed, Manifest, Query
from tidelog.wire.ranges import RangeSet

QUERY: Final = Layout(what="a query", required=1, defaults=(0, [], []), extensible=True)
FILTER: Final = Layout(what="a filter", required=0, defaults=(0, 0, 0, [], [], [], 0))
CURSOR: Final = Layout(what="where to go on", required=1, defaults=(0,))
MANIFEST: Final = Layout(what="a manifest", required=1, defaults=(0, [], b""), extensible=True)
LISTED: Final = Layout(what="a channel of a manifest", required=1, defaults=(b"", None, 0, 1))
ESTIMATE: Final = Layout(what="an estimate", required=1, defaults=(0, 0, 0, 0), extensible=True)

_SYNC: Final = VERSION << 5 | Type.SYNC
_RESYNC: Final = VERSION << 5 | Type.RESYNC


def written(frame: Query | Manifest | Estimate) -> tuple[Type, list[Value]]:
    """Write one of the frames: its type, and the items of its array."""
    match frame:
        case Query():
            return Type.QUERY, from_query(frame)
        case Manifest():
            return Type.MANIFEST, from_manifest(frame)
        case Estimate():
            return Type.ESTIMATE, from_estimate(frame)


def read(kind: int, items: list[Value]) -> Query | Manifest | Estimate:
    """Read one of the frames, by its type."""
    match kind:
        case Type.QUERY:
            return to_query(items)
        case Type.MANIFEST:
            return to_manifest(items)
    return to_estimate(items)


def from_query(frame: Query) -> list[Value]:
    """Write a request."""
    after = CURSOR.trimmed([*frame.after]) if frame.after is not None else []
    return QUERY.trimmed([from_request(frame.request), int(frame.depth), _from_filter(frame.filter), after])


def to_query(items: list[Value]) -> Query:
    """Read a request."""
    request, depth, filter_, after = QUERY.filled(items)
    return Query(
        request=to_request(fields.octets(request, "the request of a query")),
        depth=fields.depth(depth),
        filter=_to_filter(filter_),
        after=_to_cursor(after),
    )


def inner_id(items: list[Value]) -> int:
    """The rid of what has a request as its first item, whose others may be wrong; 0 where there is none."""
    data = items[0] if items else b""
    if not isinstance(data, bytes) or not data:
        return 0
    if data[0] == _RESYNC:
        return packed_pages.resync_id(data)
    return fields.uint(next(iter(loads(data, start=1)), 0), REQUEST_ID_STOP, "a request id")


def from_request(request: SyncRequest | Resync) -> bytes:
    """Write the request that is in another frame."""
    if isinstance(request, Resync):
        return bytes([_RESYNC]) + packed_pages.from_resync(request)
    return bytes([_SYNC]) + dumps(packed_sync.from_sync(request))


def to_request(data: bytes) -> SyncRequest | Resync:
    """Read the request that is in another frame.

    Raises:
        ProtocolError: it is none.
    """
    if data[:1] == bytes([_RESYNC]):
        return packed_pages.to_resync(data)
    if data[:1] == bytes([_SYNC]):
        return packed_sync.to_sync(loads(data, start=1))
    raise ProtocolError("what a query or an audit asks about is said by a Sync or a Resync")


def _from_filter(filter_: Filter) -> list[Value]:
    return FILTER.trimmed(
        [
            filter_.since,
            filter_.until,
            filter_.newest,
            list(filter_.authors),
            list(filter_.kinds),
            list(filter_.patterns),
            filter_.max_body,
        ]
    )


def _to_filter(value: object) -> Filter:
    since, until, newest, authors, kinds, patterns, max_body = FILTER.filled(value)
    return Filter(
        since=fields.uint(since, TIME_MS_STOP, "since"),
        until=fields.uint(until, TIME_MS_STOP, "until"),
        newest=fields.uint(newest, SEQ_STOP, "newest"),
        authors=fields.named(authors, fields.user, "authors"),
        kinds=fields.named(kinds, lambda kind: fields.uint(kind, KIND_STOP, "a kind"), "kinds"),
        patterns=fields.named(patterns, fields.pattern, "patterns"),
        max_body=fields.max_body(max_body),
    )


def _to_cursor(value: object) -> Cursor | None:
    if value == []:
        return None
    channel, seq = CURSOR.filled(value)
    return Cursor(fields.channel(channel), fields.uint(seq, SEQ_STOP, "a seq"))


def from_manifest(frame: Manifest) -> list[Value]:
    """Write a page of numbers."""
    epochs = series.epochs([one.epoch for one in frame.channels])
    sizes = [size for one in frame.channels for size in one.sizes]
    channels: list[Value] = [
        LISTED.trimmed([one.channel, runs.encode(one.seqs), epoch, _ahead(one.head, one.seqs), one.floor])
        for one, epoch in zip(frame.channels, epochs, strict=True)
    ]
    return MANIFEST.trimmed([frame.rid, int(frame.more), channels, series.dense(sizes)])


def to_manifest(items: list[Value]) -> Manifest:
    """Read a page of numbers."""
    rid, more, channels, sizes_ = MANIFEST.filled(items)
    rows = [LISTED.filled(item) for item in fields.items(channels, STATEMENTS_MAX, "channels")]
    names = fields.distinct([fields.channel(row[0]) for row in rows], "channels of a manifest")
    epochs = series.read_epochs([row[2] for row in rows])
    sets = [to_set(row[1]) for row in rows]
    fields.listed(sets)
    sizes = iter(series.read_dense(sizes_, sum(seqs.count for seqs in sets), "sizes"))
    return Manifest(
        rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
        more=bool(fields.uint(more, 2, "more")),
        channels=tuple(
            Listed(
                channel=name,
                epoch=epoch,
                head=fields.uint(
                    max(seqs.stop - 1, 0) + fields.uint(row[3], SEQ_STOP, "a head"), SEQ_STOP, "a head"
                ),
                floor=fields.seq(row[4], SEQ_STOP, "a floor"),
                seqs=seqs,
                sizes=tuple(islice(sizes, seqs.count)),
            )
            for name, epoch, seqs, row in zip(names, epochs, sets, rows, strict=True)
        ),
    )


def _ahead(head: int, seqs: RangeSet) -> int:
    """The head by its distance from the last record told."""
    return head - max(seqs.stop - 1, 0)


def from_estimate(frame: Estimate) -> list[Value]:
    """Write an estimate."""
    return ESTIMATE.trimmed([frame.rid, frame.records, frame.pages, frame.page_bytes, frame.body_bytes])


def to_estimate(items: list[Value]) -> Estimate:
    """Read an estimate."""
    rid, records, pages, page_bytes, body_bytes = ESTIMATE.filled(items)
    return Estimate(
        rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
        records=fields.uint(records, SEQ_STOP, "records"),
        pages=fields.uint(pages, SEQ_STOP, "pages"),
        page_bytes=fields.uint(page_bytes, BODY_SIZE_STOP, "bytes"),
        body_bytes=fields.uint(body_bytes, BODY_SIZE_STOP, "bytes"),
    )
