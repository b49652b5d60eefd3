"""A payload in either encoding: the first byte tells, ``{`` is JSON (SPEC.md, "Two encodings")."""

from __future__ import annotations

from enum import Enum
from typing import Final

from tidelog.wire import jsonform, packed
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import ProtocolError

_JSON_FIRST: Final = b"{"


class Encoding(Enum):
    """How a frame is written; an answer is written as its request was."""

    PACKED = "packed"
    JSON = "json"

    @classmethod
    def of(cls, payload: bytes) -> Encoding:
        """The encoding of a payload, by its first byte; nothing else is looked at."""
        return cls.JSON if payload[:1] == _JSON_FIRST else cls.PACKED


def encode(frame: Frame, encoding: Encoding) -> bytes:
    """Write a frame.

    Args:
        frame: its values are within the limits of `tidelog.wire.limits`.
        encoding: how.

    Returns:
        a payload; it may be larger than ``PACKET_BYTES_MAX``, see there.
    """
    if encoding is Encoding.JSON:
        return jsonform.encode(frame)
    return packed.encode(frame)


def decode(payload: bytes) -> tuple[Frame, Encoding]:
    """Read a frame.

    Args:
        payload: what came from the peer, of any length and content.

    Raises:
        ProtocolError: it is malformed, too large, or of another version; nothing else is ever raised.
    """
    encoding = Encoding.of(payload)
    if encoding is Encoding.JSON:
        return jsonform.decode(payload), encoding
    return packed.decode(payload), encoding


def request_id(payload: bytes) -> int:
    """The rid of a request that `decode` refused; 0 where even that cannot be read.

    Args:
        payload: what came on a sync topic, of any length and content.
    """
    read = jsonform.request_id if Encoding.of(payload) is Encoding.JSON else packed.request_id
    try:
        return read(payload)
    except ProtocolError:
        return 0
