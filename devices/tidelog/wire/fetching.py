"""The frames with which a device fetches a dictionary, piece by piece (SPEC.md, "Fetch", "Piece").

As with `tidelog.wire.frames`, validation of what a peer sent happens in the decoders.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tidelog.wire.errors import ProtocolError
from tidelog.wire.limits import PAGE_BYTES_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """A device asks for a piece of a dictionary.

    Attributes:
        rid: the request's id, echoed in the answer.
        dictionary: its id, at least ``TRAINED_ID_MIN``.
        offset: bytes of the deflated dictionary that the device has.
        page_bytes: the largest answer, payload bytes.
    """

    rid: int
    dictionary: int
    offset: int = 0
    page_bytes: int = PAGE_BYTES_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a dictionary, as `tidelog.codec.dictionaries.deflated` writes it.

    Attributes:
        rid: the request's id.
        dictionary: its id.
        size: bytes of the whole deflated dictionary; 0 where the service does not have it (any more).
        offset: bytes before this piece.
        data: the piece; empty only where nothing follows the offset.
    """

    rid: int
    dictionary: int
    size: int = 0
    offset: int = 0
    data: bytes = field(default=b"", repr=False)


def checked(piece: Piece) -> Piece:
    """The piece of a peer, which lies within its whole; both decoders share this.

    Raises:
        ProtocolError: it goes on beyond the end, or brings nothing where something follows.
    """
    stop = piece.offset + len(piece.data)
    if stop > piece.size:
        raise ProtocolError("a piece of a dictionary lies beyond its end")
    if not piece.data and piece.offset < piece.size:
        raise ProtocolError("an empty piece of a dictionary")
    return piece
