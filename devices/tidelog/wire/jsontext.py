"""JSON text read with bounded work, and objects whose fields are taken one by one (SPEC.md, "JSON").

Python's reader alone takes NaN, fractions, numbers of any length, a field given twice, and as many nested
arrays as the stack allows.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn, TypeVar

from tidelog.wire import fields
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import JSON_DIGITS_MAX, NESTING_MAX, PACKET_BYTES_MAX

T = TypeVar("T")

JsonValue = int | str | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
"""What is written."""

_NEEDED: Final = object()

# A string, whole or cut short, or one bracket: each character is looked at once, whatever the text.
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def base64_of(data: bytes) -> str:
    """Bytes as JSON can hold them."""
    return base64.b64encode(data).decode("ascii")


def octets(value: object, what: str) -> bytes:
    """The inverse of `base64_of`, of a peer's value."""
    if not isinstance(value, str) or not value.isascii():
        raise ProtocolError(f"{what} is not Base64: {fields.shown(value)}")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ProtocolError(f"{what} is not Base64: {error}") from error


def dumps(value: JsonValue) -> bytes:
    """Write JSON without spaces, as UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def loads(payload: bytes) -> object:
    """Read one JSON value; numbers are whole.

    Raises:
        ProtocolError: it is not JSON in UTF-8, nested too deep, or larger than a packet (code LIMIT).
    """
    if len(payload) > PACKET_BYTES_MAX:
        raise ProtocolError(f"a payload of {len(payload)} bytes", wire_code=Code.LIMIT)
    try:
        text = payload.decode("utf8")
        _bound_nesting(text)
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_refused,
            parse_constant=_refused,
        )
    except ValueError as error:
        raise ProtocolError(f"not JSON: {error}") from error


def _bound_nesting(text: str) -> None:
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        bracket = found[0]
        if bracket in "[{":
            depth += 1
            if depth > NESTING_MAX:
                raise ProtocolError(f"arrays and objects are nested more than {NESTING_MAX} deep")
        elif bracket in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in made if names.count(name) > 1)
        raise ProtocolError(f"a field is given twice: {fields.shown(twice)}")
    return made


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > JSON_DIGITS_MAX:
        raise ProtocolError(f"a number of more than {JSON_DIGITS_MAX} digits", wire_code=Code.LIMIT)
    return int(digits)


def _refused(text: str) -> NoReturn:
    raise ProtocolError(f"not a whole number: {fields.shown(text)}")


class Object:
    """An object of a peer, whose fields are taken by name; what nobody took is a mistake.

    Args:
        value: what was decoded.
        what: the object's name in errors.

    Attributes:
        what: the object's name in errors.

    Raises:
        ProtocolError: it is not an object.
    """

    __slots__ = ("_left", "what")

    def __init__(self, value: object, what: str) -> None:
        """See the class."""
        if not isinstance(value, dict):
            raise ProtocolError(f"{what} is not an object: {fields.shown(value)}")
        self._left: dict[str, object] = dict(value)
        self.what = what

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and was not taken."""
        return name in self._left

    def take(self, name: str, default: object = _NEEDED) -> object:
        """The value of a field, or the default.

        Raises:
            ProtocolError: it is not there and has no default.
        """
        if name not in self._left:
            if default is not _NEEDED:
                return default
            raise ProtocolError(f"{self.what} needs the field {name!r}")
        return self._left.pop(name)

    def uint(self, name: str, stop: int, default: int | None = None) -> int:
        """A whole number from 0 up to but not including ``stop``."""
        if default is not None and name not in self._left:
            return default
        return fields.uint(self.take(name), stop, name)

    def flag(self, name: str) -> bool:
        """True or false; false where it is not given."""
        return name in self._left and fields.boolean(self._left.pop(name), name)

    def optional(self, name: str, read: Callable[[object], T], default: T) -> T:
        """What ``read`` makes of a field, or the default where it is not given."""
        return read(self._left.pop(name)) if name in self._left else default

    def done(self) -> None:
        """Say that all known fields were taken.

        Raises:
            ProtocolError: one is left, most likely mistyped; it is named.
        """
        for name in self._left:
            raise ProtocolError(f"{self.what} has no field {fields.shown(name)}")
