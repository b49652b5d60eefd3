"""The JSON form of `Fetch` and `Piece` (SPEC.md, "JSON")."""

from __future__ import annotations

from tidelog.wire import fields
from tidelog.wire.fetching import Fetch, Piece, checked
from tidelog.wire.jsontext import JsonValue, Object, base64_of, octets
from tidelog.wire.limits import PAGE_BYTES_DEFAULT, REQUEST_ID_STOP


def written(frame: Fetch | Piece) -> dict[str, JsonValue]:
    """Write either frame."""
    return from_fetch(frame) if isinstance(frame, Fetch) else from_piece(frame)


def from_fetch(frame: Fetch) -> dict[str, JsonValue]:
    """Write a request."""
    given: dict[str, JsonValue] = {"type": "fetch", "id": frame.rid, "dictionary": frame.dictionary}
    if frame.offset:
        given["offset"] = frame.offset
    if frame.page_bytes != PAGE_BYTES_DEFAULT:
        given["page_bytes"] = frame.page_bytes
    return given


def to_fetch(given: Object) -> Fetch:
    """Read a request."""
    frame = Fetch(
        rid=given.uint("id", REQUEST_ID_STOP, default=0),
        dictionary=fields.dictionary(given.take("dictionary")),
        offset=fields.deflated_bytes(given.take("offset", 0), "offset"),
        page_bytes=given.optional("page_bytes", fields.page_bytes, PAGE_BYTES_DEFAULT),
    )
    given.done()
    return frame


def from_piece(frame: Piece) -> dict[str, JsonValue]:
    """Write a piece."""
    given: dict[str, JsonValue] = {"type": "piece", "id": frame.rid, "dictionary": frame.dictionary}
    if frame.size:
        given["size"] = frame.size
    if frame.offset:
        given["offset"] = frame.offset
    if frame.data:
        given["data64"] = base64_of(frame.data)
    return given


def to_piece(given: Object) -> Piece:
    """Read a piece."""
    frame = Piece(
        rid=given.uint("id", REQUEST_ID_STOP),
        dictionary=fields.dictionary(given.take("dictionary")),
        size=fields.deflated_bytes(given.take("size", 0), "size"),
        offset=fields.deflated_bytes(given.take("offset", 0), "offset"),
        data=given.optional("data64", lambda value: octets(value, "data64"), b""),
    )
    given.done()
    return checked(frame)
