"""The packed form of `Fetch` and `Piece`: a dictionary on its way (SPEC.md, "Fetch", "Piece")."""

from __future__ import annotations

from typing import Final

from tidelog.wire import fields
from tidelog.wire.cbor import Value
from tidelog.wire.fetching import Fetch, Piece, checked
from tidelog.wire.frames import Type
from tidelog.wire.layout import Layout
from tidelog.wire.limits import PAGE_BYTES_DEFAULT, REQUEST_ID_STOP

FETCH: Final = Layout(what="a fetch", required=2, defaults=(0, PAGE_BYTES_DEFAULT), extensible=True)
PIECE: Final = Layout(what="a piece", required=2, defaults=(0, 0, b""), extensible=True)


def written(frame: Fetch | Piece) -> tuple[Type, list[Value]]:
    """Write either frame: its type, and the items of its array."""
    if isinstance(frame, Fetch):
        return Type.FETCH, from_fetch(frame)
    return Type.PIECE, from_piece(frame)


def read(kind: int, items: list[Value]) -> Fetch | Piece:
    """Read either frame, by its type."""
    return to_fetch(items) if kind == Type.FETCH else to_piece(items)


def from_fetch(frame: Fetch) -> list[Value]:
    """Write a request."""
    return FETCH.trimmed([frame.rid, frame.dictionary, frame.offset, frame.page_bytes])


def to_fetch(items: list[Value]) -> Fetch:
    """Read a request."""
    rid, dictionary, offset, page_bytes = FETCH.filled(items)
    return Fetch(
        rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
        dictionary=fields.dictionary(dictionary),
        offset=fields.deflated_bytes(offset, "an offset"),
        page_bytes=fields.page_bytes(page_bytes),
    )


def from_piece(frame: Piece) -> list[Value]:
    """Write a piece."""
    return PIECE.trimmed([frame.rid, frame.dictionary, frame.size, frame.offset, frame.data])


def to_piece(items: list[Value]) -> Piece:
    """Read a piece."""
    rid, dictionary, size, offset, data = PIECE.filled(items)
    return checked(
        Piece(
            rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
            dictionary=fields.dictionary(dictionary),
            size=fields.deflated_bytes(size, "the size of a dictionary"),
            offset=fields.deflated_bytes(offset, "an offset"),
            data=fields.octets(data, "a piece"),
        )
    )
