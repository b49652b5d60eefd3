"""Varints: 7 bits a byte, least significant first, the top bit says that more follow (SPEC.md, "Columns")."""

from __future__ import annotations

from collections.abc import Iterable

from tidelog.wire.errors import ProtocolError
from tidelog.wire.limits import VARINT_BYTES_MAX

_BITS = 7
_MORE = 0x80


def zigzag(value: int) -> int:
    """Fold a signed number into an unsigned one: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unzigzag(value: int) -> int:
    """The inverse of `zigzag`."""
    return -((value + 1) >> 1) if value & 1 else value >> 1


def encode(values: Iterable[int]) -> bytes:
    """Write unsigned numbers one after the other.

    Args:
        values: each from 0 to 2**56 - 1.
    """
    numbers = list(values)
    if max(numbers, default=0) < _MORE:
        return bytes(numbers)  # most columns are of small numbers: ten times as fast
    out = bytearray()
    for number in numbers:
        value = number
        while value >= _MORE:
            out.append(value & 0x7F | _MORE)
            value >>= _BITS
        out.append(value)
    return bytes(out)


def sized(data: bytes) -> bytes:
    """A byte string after its length."""
    return encode([len(data)]) + data


def decode(data: bytes, *, count_max: int) -> list[int]:
    """Read all numbers of a byte string.

    Args:
        data: varints and nothing else.
        count_max: the most numbers to accept.

    Returns:
        the numbers, each below 2**56.

    Raises:
        ProtocolError: a varint is cut short, longer than 8 bytes or padded with zeros, or there are too many.
    """
    values = list(data) if data.isascii() else _decode(data)
    if len(values) > count_max:
        raise ProtocolError(f"{len(values)} numbers where {count_max} are allowed")
    return values


def first(data: bytes, at: int) -> tuple[int, int]:
    """Read one number within a byte string.

    Args:
        data: bytes from a peer.
        at: where the varint starts, at most the length.

    Returns:
        the number, below 2**56, and where the rest starts.

    Raises:
        ProtocolError: the varint is cut short, longer than 8 bytes or padded with zeros.
    """
    stop = at
    while stop < len(data) and data[stop] >= _MORE and stop - at < VARINT_BYTES_MAX:
        stop += 1
    values = decode(data[at : stop + 1], count_max=1)
    if not values:
        raise ProtocolError("a varint is cut short")
    return values[0], stop + 1


def _decode(data: bytes) -> list[int]:
    """Read numbers some of which take several bytes."""
    values: list[int] = []
    value = shift = 0
    for byte in data:
        if byte >= _MORE:
            value |= (byte & 0x7F) << shift
            shift += _BITS
            if shift >= _BITS * VARINT_BYTES_MAX:
                raise ProtocolError("a varint is longer than 8 bytes")
            continue
        if shift and not byte:
            raise ProtocolError("a varint is padded")
        values.append(byte << shift | value)
        value = shift = 0
    if shift:
        raise ProtocolError("a varint is cut short")
    return values
