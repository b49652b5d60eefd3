"""How far the records of a device compress, as its last pages showed: how much to read for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidelog.codec import bodies
from tidelog.codec.context import Entry

_RATIO_FIRST: Final = 4.0
"""How far bodies compress, before anything is known of a device's."""

_MARGIN: Final = 1.25
"""More is read than the last page's ratio asks for: a page that is not full costs another one."""

_COLUMN_BYTES_FIRST: Final = 3.0
"""Columns of a record, before anything is known of them."""

DEVICES_MAX: Final = 65_536
"""Devices whose experience is remembered, some hundred bytes each; beyond that all start anew."""


@dataclass(slots=True)
class Experience:
    """What the last pages of a device came to.

    Attributes:
        ratio: bytes of text for each byte that it was compressed to, at least 1.
        column_bytes: of the columns, for each record.
    """

    ratio: float = _RATIO_FIRST
    column_bytes: float = _COLUMN_BYTES_FIRST

    def text_bytes(self, page_bytes: int) -> int:
        """How much of bodies to read for a page of so many bytes."""
        return int(page_bytes * self.ratio * _MARGIN)

    def columns_bytes(self, text_bytes: int, records: int, room_bytes: int) -> int:
        """What the columns will take of a page's room.

        Args:
            text_bytes: of all records that may go.
            records: how many, at least 1.
            room_bytes: for bodies and columns together.
        """
        each = text_bytes / records / self.ratio + self.column_bytes
        return int(self.column_bytes * min(records, room_bytes / each))

    def learn(self, taken: Sequence[Entry], *, data_bytes: int, columns_bytes: int) -> None:
        """Note what a page came to.

        Args:
            taken: its records, at least one.
            data_bytes: of their bodies, compressed.
            columns_bytes: of their columns.
        """
        text = sum(bodies.size(entry.body) for entry in taken)
        self.ratio = max(text / max(data_bytes, 1), 1.0)
        self.column_bytes = columns_bytes / len(taken)


class Experiences:
    """Those of all devices, as far as they are remembered.

    Args:
        devices_max: how many.
    """

    def __init__(self, *, devices_max: int = DEVICES_MAX) -> None:
        """See the class."""
        self._devices_max = devices_max
        self._by_device: dict[str, Experience] = {}

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._by_device)

    def of(self, device: str) -> Experience:
        """A device's, to be added to."""
        if device not in self._by_device and len(self) >= self._devices_max:
            self._by_device.clear()
        return self._by_device.setdefault(device, Experience())
