"""Packed payloads put together by hand, right or wrong."""

from __future__ import annotations

import cbor2
import pytest

from tidelog.wire import packed
from tidelog.wire.errors import ProtocolError
from tidelog.wire.limits import VERSION


def payload_of(kind: int, *items: object) -> bytes:
    """A frame of this type, whatever its fields."""
    return bytes([VERSION << 5 | kind]) + cbor2.dumps(list(items))


def refusal(payload: bytes) -> ProtocolError:
    """The error with which a payload is refused; nothing but a `ProtocolError` passes."""
    with pytest.raises(ProtocolError) as caught:
        packed.decode(payload)
    return caught.value
