"""The packed form of `Audit` and `Verdict` (SPEC.md, "Audit", "Verdict"); neither has a JSON form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tidelog.wire import fields, packed_queries, runs
from tidelog.wire.audit_frames import Audit, Span, Verdict, ascending
from tidelog.wire.cbor import Value
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import SyncRequest, Type
from tidelog.wire.layout import Layout
from tidelog.wire.limits import (
    AUDIT_PIECES_MAX,
    REQUEST_ID_STOP,
    SEQ_STOP,
    STATEMENTS_MAX,
)
from tidelog.wire.packed_sync import to_set
from tidelog.wire.page_frames import Resync

AUDIT: Final = Layout(what="an audit", required=1, defaults=(b"", b"", [], []), extensible=True)
SPAN: Final = Layout(what="a span of an audit", required=4, defaults=())
VERDICT: Final = Layout(what="a verdict", required=1, defaults=(0, 0, b""), extensible=True)

_TOTAL_BYTES: Final = 8
_SUM_BYTES: Final = 4


def written(frame: Audit | Verdict) -> tuple[Type, list[Value]]:
    """Write either frame: its type, and the items of its array."""
    if isinstance(frame, Audit):
        return Type.AUDIT, _from_audit(frame)
    return Type.VERDICT, _from_verdict(frame)


def read(kind: int, items: list[Value]) -> Audit | Verdict:
    """Read either frame, by its type."""
    return _to_audit(items) if kind == Type.AUDIT else _to_verdict(items)


def _from_audit(frame: Audit) -> list[Value]:
    told = frame.request
    request = told if isinstance(told, int) else packed_queries.from_request(told)
    total = b"" if frame.total is None else frame.total.to_bytes(_TOTAL_BYTES)
    spans: list[Value] = [[one.place, one.start, one.stop, _from_sums(one.sums)] for one in frame.spans]
    return AUDIT.trimmed([request, total, _from_sums(frame.channels), spans, list(frame.patterns)])


def _to_audit(items: list[Value]) -> Audit:
    request, total, channels, spans_, patterns = AUDIT.filled(items)
    spans = tuple(
        [_to_span(item) for item in fields.items(spans_, AUDIT_PIECES_MAX, "the spans of an audit")]
    )
    if sum(len(span.sums) for span in spans) > AUDIT_PIECES_MAX:
        raise ProtocolError(f"an audit of more than {AUDIT_PIECES_MAX} pieces", wire_code=Code.LIMIT)
    if not ascending(spans):
        raise ProtocolError("the spans of an audit do not ascend")
    if isinstance(request, int) and (not total or channels or spans):
        raise ProtocolError("an audit of all is of one sum")
    return Audit(
        request=_to_request(request),
        total=_to_total(fields.octets(total, "the sum of an audit")),
        channels=_to_sums(channels, STATEMENTS_MAX),
        spans=spans,
        patterns=fields.named(patterns, fields.pattern, "patterns"),
    )


def _to_request(value: object) -> SyncRequest | Resync | int:
    if isinstance(value, int):
        return fields.uint(value, REQUEST_ID_STOP, "a request id")
    return packed_queries.to_request(fields.octets(value, "the request of an audit"))


def audit_id(items: list[Value]) -> int:
    """The rid of an audit whose other fields may be wrong; 0 where there is none."""
    if items and isinstance(items[0], int):
        return fields.uint(items[0], REQUEST_ID_STOP, "a request id")
    return packed_queries.inner_id(items)


def _from_verdict(frame: Verdict) -> list[Value]:
    """Write the answer."""
    return VERDICT.trimmed([frame.rid, frame.lacking, frame.news, runs.encode(frame.differing)])


def _to_verdict(items: list[Value]) -> Verdict:
    """Read the answer."""
    rid, lacking, news, differing = VERDICT.filled(items)
    places = to_set(differing)
    if places.stop > 2 + STATEMENTS_MAX + AUDIT_PIECES_MAX:
        raise ProtocolError("a verdict on more sums than an audit can have", wire_code=Code.LIMIT)
    return Verdict(
        rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
        lacking=fields.uint(lacking, SEQ_STOP, "how many are lacking"),
        news=fields.uint(news, 2 * STATEMENTS_MAX + 1, "how many channels have news"),
        differing=places,
    )


def _to_total(data: bytes) -> int | None:
    if len(data) not in (0, _TOTAL_BYTES):
        raise ProtocolError(f"the sum of an audit is not {_TOTAL_BYTES} bytes")
    return int.from_bytes(data) if data else None


def _from_sums(sums: Iterable[int]) -> bytes:
    return b"".join(one.to_bytes(_SUM_BYTES) for one in sums)


def _to_sums(value: object, count_max: int) -> tuple[int, ...]:
    data = fields.octets(value, "the sums of an audit")
    if len(data) % _SUM_BYTES:
        raise ProtocolError(f"the sums of an audit are not {_SUM_BYTES} bytes each")
    if len(data) > _SUM_BYTES * count_max:
        raise ProtocolError(f"an audit of more than {count_max} sums", wire_code=Code.LIMIT)
    return tuple([int.from_bytes(data[at : at + _SUM_BYTES]) for at in range(0, len(data), _SUM_BYTES)])


def _to_span(item: object) -> Span:
    place, start, stop, sums_ = SPAN.filled(item)
    sums = _to_sums(sums_, AUDIT_PIECES_MAX)
    span = Span(
        fields.uint(place, STATEMENTS_MAX, "a channel's place"),
        fields.seq(start, SEQ_STOP, "the start of a span"),
        fields.uint(stop, SEQ_STOP, "the stop of a span"),
        sums,
    )
    if not 0 < len(sums) <= span.stop - span.start:
        raise ProtocolError("a span of an audit has no pieces, or more than seqs")
    return span
