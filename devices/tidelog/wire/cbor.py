"""The part of CBOR (RFC 8949) that packed frames use, read with bounded work (SPEC.md, "Packed frames").

Integers, byte strings, text, arrays of known length, ``false``, ``true`` and ``null``; nothing else. cbor2
would also decode tags (regular expressions and dates among them) and ignore bytes after the first item, so
the heads are walked first; only a payload that passes is given to it.
"""

from __future__ import annotations

from typing import Final

import cbor2

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import ITEMS_MAX, NESTING_MAX

Value = int | str | bytes | None | list["Value"]
"""What an item can be."""

_REFUSED: Final = 0
_STRING: Final = -1
_ARRAY: Final = -2
_INFO: Final = 0x1F
_INFO_DIRECT_STOP: Final = 24
_HEADS: Final = ((2, 8), (3, 16), (5, 32), (9, 64))
"""Bytes of a head whose number has so many bits, where it does not fit the first byte."""

_MAJORS_REFUSED: Final = {5: "a map", 6: "a tag", 7: "a float or an unknown simple value"}


def head_bytes(number: int) -> int:
    """What a number below 2^64 takes, or the head of an array of so many items (RFC 8949, section 3)."""
    return next(size for size, bits in _HEADS if not number >> bits) if number >= _INFO_DIRECT_STOP else 1


def dumps(items: list[Value]) -> bytes:
    """Write an array with the shortest heads (RFC 8949, section 4.1)."""
    return cbor2.dumps(items)


def loads(payload: bytes, *, start: int) -> list[Value]:
    """Read the one array that fills the payload from ``start`` on.

    Raises:
        ProtocolError: it is cut short, followed by more, not an array, holds anything but the items above
            or text that is not UTF-8; or it has too many items (code LIMIT).
    """
    _walk(payload, start)
    try:
        items = cbor2.loads(payload[start:], max_depth=NESTING_MAX + 1, allow_indefinite=False)
    except (cbor2.CBORDecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"not CBOR: {error}") from error
    if not isinstance(items, list):
        raise ProtocolError("a frame is not a CBOR array")
    return items


def _walk(data: bytes, start: int) -> None:
    """Follow the heads from ``start`` to the end; builds nothing."""
    at, end, items = start, len(data), 1
    left = 1  # items still to come in the innermost array
    outer: list[int] = []  # the same for the arrays around it
    while left or outer:
        if not left:
            left = outer.pop()
            continue
        left -= 1
        if at >= end:
            raise ProtocolError("a frame is cut short")
        step = _STEPS[data[at]]
        if step > 0:
            at += step
        elif step == _STRING:
            at = sum(_argument(data, at))
        elif step == _ARRAY:
            outer.append(left)
            left, at = _argument(data, at)
            items += left
            _bound(items, len(outer))
        else:
            raise ProtocolError(f"a frame holds {_refused(data[at])}")
    if at != end:
        raise ProtocolError("a frame is cut short" if at > end else "bytes after the end of a frame")


def _bound(items: int, depth: int) -> None:
    if items > ITEMS_MAX:
        raise ProtocolError(f"a frame has more than {ITEMS_MAX} items", wire_code=Code.LIMIT)
    if depth > NESTING_MAX:
        raise ProtocolError(f"arrays are nested more than {NESTING_MAX} deep")


def _argument(data: bytes, at: int) -> tuple[int, int]:
    """The length in the head at ``at``, and where the head ends; cut short, that is beyond the end."""
    info = data[at] & _INFO
    if info < _INFO_DIRECT_STOP:
        return info, at + 1
    stop = at + 1 + (1 << info - _INFO_DIRECT_STOP)
    return int.from_bytes(data[at + 1 : stop], "big"), stop


def _refused(head: int) -> str:
    if head & _INFO == _INFO:
        return "an item of indefinite length"
    return _MAJORS_REFUSED.get(head >> 5, "a reserved head")


def _steps() -> tuple[int, ...]:
    """For each head: bytes to the next item where the head alone tells, or what else to do."""
    steps = [_REFUSED] * 256
    for info in range(_INFO_DIRECT_STOP):
        steps[info] = steps[0x20 | info] = 1
        steps[0x40 | info] = steps[0x60 | info] = 1 + info
        steps[0x80 | info] = _ARRAY
    for power in range(4):
        info = _INFO_DIRECT_STOP + power
        steps[info] = steps[0x20 | info] = 1 + (1 << power)
        steps[0x40 | info] = steps[0x60 | info] = _STRING
        steps[0x80 | info] = _ARRAY
    for simple in (0xF4, 0xF5, 0xF6):
        steps[simple] = 1
    return tuple(steps)


_STEPS: Final = _steps()
