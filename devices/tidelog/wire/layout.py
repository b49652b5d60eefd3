"""Positional fields of an array: what is at its default at the end is left out (SPEC.md, "Packed frames")."""

from __future__ import annotations

from dataclasses import dataclass

from tidelog.wire.cbor import Value
from tidelog.wire.errors import ProtocolError


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The fields of one kind of array.

    Attributes:
        what: the array's name in errors.
        required: how many fields at the beginning have no default.
        defaults: of the fields after these.
        extensible: whether further items are ignored (the outer array of a frame) or an error.
    """

    what: str
    required: int
    defaults: tuple[Value, ...]
    extensible: bool = False

    def trimmed(self, items: list[Value]) -> list[Value]:
        """The items, of which there is one a field, without the defaults at the end."""
        stop = len(items)
        while stop > self.required and items[stop - 1] == self.defaults[stop - 1 - self.required]:
            stop -= 1
        return items[:stop]

    def filled(self, items: object) -> list[Value]:
        """One item a field, from an array that came without its last defaults.

        Raises:
            ProtocolError: it is no array, a required field is missing, or there are too many items.
        """
        if not isinstance(items, list):
            raise ProtocolError(f"{self.what} is not an array")
        if len(items) < self.required:
            raise ProtocolError(f"{self.what} has {len(items)} fields, and needs {self.required}")
        given = len(items) - self.required
        if given > len(self.defaults):
            if not self.extensible:
                raise ProtocolError(f"{self.what} has more than {self.required + len(self.defaults)} fields")
            return items[: self.required + len(self.defaults)]
        return [*items, *self.defaults[given:]]
