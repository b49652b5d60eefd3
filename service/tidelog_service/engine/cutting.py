"""Bodies that go by their beginnings, and the rest of them: see SPEC.md, "Query" and "Ask".

What primes a page is not touched by it: bodies of more than ``MAX_BODY_MIN`` bytes prime nothing on either
side, whether a device has all of them or not.
"""

from __future__ import annotations

from typing import Final

from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_STUB
from tidelog.wire.large import Ask, Portion
from tidelog.wire.limits import STUB_FIRST_BYTES_MAX
from tidelog.wire.payload import Encoding
from tidelog.wire.revisions import read_edit
from tidelog.wire.stubs import body_digest, stub_of
from tidelog_service.engine.blobs import room_bytes
from tidelog_service.engine.ports import Row

_CONTINUES: Final = 0b1000_0000
_CONTINUES_MASK: Final = 0b1100_0000
"""Bytes of a UTF-8 character after its first one."""

_UTF8_BYTES: Final = 4

_DIGEST_BYTES: Final = 80
"""The digest of a body that has no stub, in either form."""


def beginning(kind: int, body: bytes, max_body: int) -> bytes:
    """What travels of a record's body.

    Args:
        kind: the record's.
        body: all of it.
        max_body: bytes up to which it goes whole; 0 for any.

    Returns:
        the body, or its beginning; of an edit always all that stands before its content.
    """
    if not max_body or len(body) <= max_body or kind in (KIND_DELETE, KIND_STUB):
        return body
    start = len(body) - len(content_of(kind, body))
    if len(body) - start <= max_body:
        return body
    stop = start + STUB_FIRST_BYTES_MAX
    for cut in range(stop, stop - _UTF8_BYTES, -1):
        if body[cut] & _CONTINUES_MASK != _CONTINUES:
            return body[:cut]
    return body[:stop]


def content_of(kind: int, body: bytes) -> bytes:
    """The bytes of a message: of an edit what it puts in the place of the record before."""
    if kind != KIND_EDIT:
        return body
    try:
        return read_edit(body).content
    except ProtocolError:
        return body


def inline_portion(ask: Ask, row: Row, *, page_bytes_max: int, encoding: Encoding) -> Portion | None:
    """The portion of a body that the log itself has; ``None`` where it is none.

    Args:
        ask: of a device that may read the record.
        row: the record.
        page_bytes_max: the operator's bound on the payload.
        encoding: of the answer.
    """
    if row.kind == KIND_DELETE or stub_of(row.kind, row.body) is not None:
        return None
    body = content_of(row.kind, row.body)
    offset = min(ask.offset, len(body))
    room = room_bytes(min(ask.page_bytes, page_bytes_max) - _DIGEST_BYTES, encoding)
    data = body[offset : offset + room]
    return Portion(rid=ask.rid, size=len(body), offset=offset, data=data, digest=body_digest([body]))
