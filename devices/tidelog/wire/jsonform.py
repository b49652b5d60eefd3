"""The JSON encoding of the same frames, for people, ``mosquitto_pub`` and small scripts (SPEC.md, "JSON").

As strict as the packed one: a field that is not known is most likely mistyped, so it is an error that names
it. Ranges are half-open here too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidelog.wire import (
    fields,
    json_dictionaries,
    json_enrolling,
    json_large,
    json_marks,
    json_messages,
    json_primed,
    json_queries,
    json_sync,
    jsontext,
)
from tidelog.wire.anyframe import Frame
from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.enrolling import Enrol, Roster
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.frames import Delta, Fault, Messages, Push, Receipts, SyncRequest
from tidelog.wire.jsontext import JsonValue, Object
from tidelog.wire.large import Ask, Chunk, Portion, Upload
from tidelog.wire.limits import REQUEST_ID_STOP
from tidelog.wire.marks import MarkRequest, Marks
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.parcels import Parcel
from tidelog.wire.primed import PrimedPush
from tidelog.wire.queries import Estimate, Manifest, Query

_READERS: Final[dict[str, Callable[[Object], Frame]]] = {
    "message": json_messages.to_message,
    "messages": json_messages.to_messages,
    "receipts": json_messages.to_receipts,
    "error": json_messages.to_fault,
    "sync": json_sync.to_sync,
    "delta": json_sync.to_delta,
    "push": json_sync.to_push,
    "fetch": json_dictionaries.to_fetch,
    "piece": json_dictionaries.to_piece,
    "primed": json_primed.to_primed,
    "manifest": json_queries.to_manifest,
    "estimate": json_queries.to_estimate,
    "enrol": json_enrolling.to_enrol,
    "roster": json_enrolling.to_roster,
    "mark": json_marks.to_request,
    "marks": json_marks.to_marks,
    "ask": json_large.to_ask,
    "chunk": json_large.to_chunk,
    "portion": json_large.to_portion,
    "upload": json_large.to_upload,
}


def encode(frame: Frame) -> bytes:
    """Write a frame as UTF-8 without spaces.

    Returns:
        a payload that begins with ``{``; it may be larger than ``PACKET_BYTES_MAX``, as with
        `tidelog.wire.packed.encode`.

    Raises:
        UsageError: the frame is one that has no form in JSON (``encoding``).
    """
    if isinstance(frame, Audit | Verdict):
        raise UsageError(f"no JSON form of {type(frame).__name__}", code="encoding")
    if isinstance(frame, Fetch | Piece):
        return jsontext.dumps(json_dictionaries.written(frame))
    if isinstance(frame, Query | Manifest | Estimate):
        return jsontext.dumps(_queried(frame))
    if isinstance(frame, Enrol | Roster):
        return jsontext.dumps(json_enrolling.written(frame))
    if isinstance(frame, MarkRequest | Marks):
        return jsontext.dumps(json_marks.written(frame))
    if isinstance(frame, Ask | Chunk | Portion | Upload):
        return jsontext.dumps(json_large.written(frame))
    return jsontext.dumps(_written(frame))


def decode(payload: bytes) -> Frame:
    """Read a frame; work and memory are bounded whatever the payload.

    Raises:
        ProtocolError: with code UNSUPPORTED (type or error code), LIMIT or MALFORMED.
    """
    given = Object(jsontext.loads(payload), "a payload")
    word = given.take("type")
    if not isinstance(word, str) or word not in _READERS:
        raise ProtocolError(f"unknown type {fields.shown(word)}", wire_code=Code.UNSUPPORTED)
    given.what = f"type {word!r}"
    return _READERS[word](given)


def request_id(payload: bytes) -> int:
    """The rid of a request, whatever else is wrong with it.

    Raises:
        ProtocolError: it cannot be read.
    """
    return Object(jsontext.loads(payload), "a payload").uint("id", REQUEST_ID_STOP)


def _queried(frame: Query | Manifest | Estimate) -> dict[str, JsonValue]:
    match frame:
        case Query():
            if not isinstance(frame.request, SyncRequest):
                raise UsageError("no JSON form of a request by token", code="encoding")
            return json_queries.from_query(frame, json_sync.from_sync(frame.request))
        case Manifest():
            return json_queries.from_manifest(frame)
        case Estimate():
            return json_queries.from_estimate(frame)


def _written(  # noqa: PLR0911 - one a type
    frame: Messages | Parcel | SyncRequest | Resync | Receipts | Delta | Page | Push | PrimedPush | Fault,
) -> dict[str, JsonValue]:
    match frame:
        case Messages():
            return json_messages.from_messages(frame)
        case SyncRequest():
            return json_sync.from_sync(frame)
        case Receipts():
            return json_messages.from_receipts(frame)
        case Delta():
            return json_sync.from_delta(frame)
        case Push():
            return json_sync.from_push(frame)
        case PrimedPush():
            return json_primed.from_primed(frame)
        case Fault():
            return json_messages.from_fault(frame)
        case Parcel() | Resync() | Page():
            raise UsageError(f"no JSON form of {type(frame).__name__}", code="encoding")
