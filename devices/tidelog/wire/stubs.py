"""The body of a stub: what a log has of a large body (SPEC.md, "Large bodies").

To a log it is a record like others, and small; only who stores the bytes, or shows the record, looks inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from tidelog.wire import fields, varint
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import KIND_APPLICATION_FIRST, KIND_EDIT, KIND_MESSAGE, KIND_STUB
from tidelog.wire.limits import (
    BODY_BYTES_MAX,
    BODY_DIGEST_BYTES,
    KIND_STOP,
    STUB_FIRST_BYTES_MAX,
)
from tidelog.wire.revisions import read_edit

_TEXT_BYTES: Final = 256
_MAGIC_BYTES: Final = 16
"""What `stub_for` takes of a text, and of anything else: so many tell what it is."""

_UTF8_BYTES: Final = 4
"""The longest character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """What a log has of a large body.

    Attributes:
        kind: of the message whose body it is.
        size: bytes of the body.
        digest: `body_digest` of it.
        first: its beginning, up to ``STUB_FIRST_BYTES_MAX`` bytes.
    """

    kind: int = KIND_MESSAGE
    size: int
    digest: bytes
    first: bytes = field(repr=False)


def stub_body(stub: Stub) -> bytes:
    """Write the body of a stub."""
    return varint.encode([stub.kind, stub.size]) + stub.digest + stub.first


def read_stub(body: bytes) -> Stub:
    """Read the body of a stub.

    Raises:
        ProtocolError: it is malformed, of a body that would go inline or of none that there can be.
    """
    kind, at = varint.first(body, 0)
    size, at = varint.first(body, at)
    stop = at + BODY_DIGEST_BYTES
    return checked(
        Stub(
            kind=fields.uint(kind, KIND_STOP, "a kind"),
            size=fields.large_bytes(size, "the size of a body"),
            digest=fields.body_digest(body[at:stop]),
            first=body[stop:],
        )
    )


def checked(stub: Stub) -> Stub:
    """A peer's stub, if it is one; both encodings share this.

    Raises:
        ProtocolError: it is not.
    """
    if KIND_MESSAGE < stub.kind < KIND_APPLICATION_FIRST:
        raise ProtocolError(f"a stub of kind {stub.kind}", wire_code=Code.UNSUPPORTED)
    if stub.size <= BODY_BYTES_MAX:
        raise ProtocolError(f"a stub of {stub.size} bytes: they go inline")
    if len(stub.first) > STUB_FIRST_BYTES_MAX:
        raise ProtocolError(f"a stub has {len(stub.first)} first bytes", wire_code=Code.LIMIT)
    return stub


def stub_of(kind: int, body: bytes) -> Stub | None:
    """The stub that a record is, or that an edit puts in its place; ``None`` where there is none.

    Args:
        kind: the record's.
        body: all of it.
    """
    try:
        if kind == KIND_EDIT:
            edit = read_edit(body)
            kind, body = edit.kind, edit.content
        return read_stub(body) if kind == KIND_STUB else None
    except ProtocolError:
        return None


def stub_for(body: bytes, *, kind: int = KIND_MESSAGE) -> Stub:
    """The stub of a body.

    Args:
        body: more than ``BODY_BYTES_MAX`` bytes, at most ``LARGE_BYTES_MAX``.
        kind: of its message.
    """
    return Stub(kind=kind, size=len(body), digest=body_digest([body]), first=_beginning(body))


def body_digest(pieces: Iterable[bytes]) -> bytes:
    """``BODY_DIGEST_BYTES`` over a body, given in pieces."""
    hashed = blake2b(digest_size=BODY_DIGEST_BYTES)
    for piece in pieces:
        hashed.update(piece)
    return hashed.digest()


def _beginning(body: bytes) -> bytes:
    """The first line or two of a text, else what tells the type of a file."""
    for cut in range(_UTF8_BYTES):
        first = body[: _TEXT_BYTES - cut]
        try:
            text = first.decode()
        except UnicodeDecodeError:
            continue
        if text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
            return first
    return body[:_MAGIC_BYTES]
