"""The packed encoding: one byte of version and type, then mostly one CBOR array (SPEC.md, "Packed frames").

Fields are positional; what is at its default at the end of an array is left out. A decoder of this version
ignores further items of the outer array, so that later revisions can add fields; everything else is strict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidelog.wire import (
    cbor,
    fields,
    packed_audits,
    packed_dictionaries,
    packed_enrolling,
    packed_large,
    packed_marks,
    packed_messages,
    packed_pages,
    packed_parcels,
    packed_primed,
    packed_queries,
    packed_sync,
)
from tidelog.wire.anyframe import Frame
from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.cbor import Value
from tidelog.wire.enrolling import Enrol, Roster
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.frames import Delta, Fault, Messages, Push, Receipts, SyncRequest, Type
from tidelog.wire.large import Ask, Chunk, Portion, Upload
from tidelog.wire.layout import Layout
from tidelog.wire.limits import PACKET_BYTES_MAX, REQUEST_ID_STOP, VERSION, VERSION_STOP
from tidelog.wire.marks import MarkRequest, Marks
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.parcels import Parcel
from tidelog.wire.primed import PrimedPush
from tidelog.wire.queries import Estimate, Manifest, Query

FAULT: Final = Layout(what="a fault", required=1, defaults=(0, "", 0), extensible=True)

_TYPE_BITS: Final = 5
_TYPE_MASK: Final = 0x1F
_FIRST_BYTES: Final = {kind: bytes([VERSION << _TYPE_BITS | kind]) for kind in Type}
_REQUESTS: Final = tuple(
    _FIRST_BYTES[kind] for kind in (Type.SYNC, Type.FETCH, Type.ENROL, Type.MARK, Type.ASK, Type.CHUNK)
)
"""Those that begin with an array that begins with a rid."""

_WHOLE: Final[dict[int, Callable[[bytes], Frame]]] = {
    Type.PARCEL: packed_parcels.to_parcel,
    Type.RESYNC: packed_pages.to_resync,
    Type.PAGE: packed_pages.to_page,
}
"""Readers of those that are not one array."""

_FAMILIES: Final[dict[int, Callable[[int, list[Value]], Frame]]] = {
    Type.FETCH: packed_dictionaries.read,
    Type.PIECE: packed_dictionaries.read,
    Type.QUERY: packed_queries.read,
    Type.MANIFEST: packed_queries.read,
    Type.ESTIMATE: packed_queries.read,
    Type.ENROL: packed_enrolling.read,
    Type.ROSTER: packed_enrolling.read,
    Type.MARK: packed_marks.read,
    Type.MARKS: packed_marks.read,
    Type.ASK: packed_large.read,
    Type.CHUNK: packed_large.read,
    Type.PORTION: packed_large.read,
    Type.UPLOAD: packed_large.read,
    Type.AUDIT: packed_audits.read,
    Type.VERDICT: packed_audits.read,
}
"""Readers of frames that come in families, each in a module of its own."""


def encode(frame: Frame) -> bytes:
    """Write a frame.

    Args:
        frame: its values are within the limits of `tidelog.wire.limits`.

    Returns:
        a payload. It may be larger than ``PACKET_BYTES_MAX``, which no decoder takes: who builds batches
        and pages measures and splits them.

    Raises:
        UsageError: message numbers or seqs do not ascend.
    """
    match frame:
        case Resync():
            return _FIRST_BYTES[Type.RESYNC] + packed_pages.from_resync(frame)
        case Parcel():
            return _FIRST_BYTES[Type.PARCEL] + packed_parcels.from_parcel(frame)
        case Page():
            return _FIRST_BYTES[Type.PAGE] + packed_pages.from_page(frame)
        case Fetch() | Piece():
            kind, items = packed_dictionaries.written(frame)
        case Query() | Manifest() | Estimate():
            kind, items = packed_queries.written(frame)
        case Enrol() | Roster():
            kind, items = packed_enrolling.written(frame)
        case MarkRequest() | Marks():
            kind, items = packed_marks.written(frame)
        case Ask() | Chunk() | Portion() | Upload():
            kind, items = packed_large.written(frame)
        case Audit() | Verdict():
            kind, items = packed_audits.written(frame)
        case _:
            kind, items = _written(frame)
    return _FIRST_BYTES[kind] + cbor.dumps(items)


def decode(payload: bytes) -> Frame:
    """Read a frame; work and memory are bounded whatever the payload.

    Args:
        payload: what came from the peer.

    Raises:
        ProtocolError: with code VERSION, UNSUPPORTED (type, codec or coding), LIMIT or MALFORMED.
    """
    if len(payload) > PACKET_BYTES_MAX:
        raise ProtocolError(f"a payload of {len(payload)} bytes", wire_code=Code.LIMIT)
    if not payload:
        raise ProtocolError("an empty payload")
    version, kind = payload[0] >> _TYPE_BITS, payload[0] & _TYPE_MASK
    if version != VERSION:
        raise ProtocolError(f"version {version}", wire_code=Code.VERSION, highest_version=VERSION)
    if kind in _WHOLE:
        return _WHOLE[kind](payload)
    items = cbor.loads(payload, start=1)
    if kind in _FAMILIES:
        return _FAMILIES[kind](kind, items)
    return _read(kind, items)


def request_id(payload: bytes) -> int:
    """The rid of a request, whatever else is wrong with it; 0 for what is none.

    Raises:
        ProtocolError: it cannot be read.
    """
    if payload[:1] == _FIRST_BYTES[Type.RESYNC]:
        return packed_pages.resync_id(payload)
    if payload[:1] == _FIRST_BYTES[Type.QUERY]:
        return packed_queries.inner_id(cbor.loads(payload, start=1))
    if payload[:1] == _FIRST_BYTES[Type.AUDIT]:
        return packed_audits.audit_id(cbor.loads(payload, start=1))
    if payload[:1] not in _REQUESTS:
        return 0
    return fields.uint(next(iter(cbor.loads(payload, start=1)), 0), REQUEST_ID_STOP, "a request id")


def _written(  # noqa: PLR0911 - one a type
    frame: Messages | SyncRequest | Receipts | Delta | Push | PrimedPush | Fault,
) -> tuple[Type, list[Value]]:
    match frame:
        case Messages():
            return Type.MESSAGES, packed_messages.from_messages(frame)
        case SyncRequest():
            return Type.SYNC, packed_sync.from_sync(frame)
        case Receipts():
            return Type.RECEIPTS, packed_messages.from_receipts(frame)
        case Delta():
            return Type.DELTA, packed_sync.from_delta(frame)
        case Push():
            return Type.PUSH, packed_sync.from_push(frame)
        case PrimedPush():
            return Type.PRIMED, packed_primed.from_primed(frame)
        case Fault():
            return Type.FAULT, FAULT.trimmed(_from_fault(frame))


def _read(kind: int, items: list[Value]) -> Frame:  # noqa: PLR0911 - one a type
    match kind:
        case Type.MESSAGES:
            return packed_messages.to_messages(items)
        case Type.SYNC:
            return packed_sync.to_sync(items)
        case Type.RECEIPTS:
            return packed_messages.to_receipts(items)
        case Type.DELTA:
            return packed_sync.to_delta(items)
        case Type.PUSH:
            return packed_sync.to_push(items)
        case Type.PRIMED:
            return packed_primed.to_primed(items)
        case Type.FAULT:
            return _to_fault(items)
    raise ProtocolError(f"unknown type {kind}", wire_code=Code.UNSUPPORTED)


def _from_fault(frame: Fault) -> list[Value]:
    return [int(frame.code), frame.rid, fields.cut_text(frame.text), frame.version]


def _to_fault(items: list[Value]) -> Fault:
    code, rid, text, version = FAULT.filled(items)
    return Fault(
        code=fields.code(code),
        rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
        text=fields.fault_text(text),
        version=fields.uint(version, VERSION_STOP, "a version"),
    )
