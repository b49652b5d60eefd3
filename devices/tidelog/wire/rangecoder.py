"""An adaptive range coder for the columns of a page (SPEC.md, "The range coder").

A symbol of any alphabet costs one step, not one for each of its bits as in a binary coder: about a
microsecond in Python. Counts learn from few symbols, which is what a page has, and can be primed from counts
of held records. Whole numbers only, so that every implementation computes the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_BITS: Final = 48
_TOP: Final = 1 << _BITS
_BOTTOM: Final = 1 << 32
"""The interval is kept at least this wide: `TOTAL_MAX` parts of it are then 65,536 wide each."""
_SHIFT: Final = _BITS - 8
_MASK: Final = (1 << _SHIFT) - 1
_BYTES: Final = _BITS // 8
_PLAIN_BITS: Final = 16
_FULL: Final = 0xFF

TOTAL_MAX: Final = 1 << 16
"""The counts of a model are halved where they add up to more: old symbols fade, and a step stays exact."""


class Encoder:
    """Turns steps into the shortest bytes that tell them."""

    __slots__ = ("_low", "_out", "_range")

    def __init__(self) -> None:
        """Start with the whole interval."""
        self._low = 0
        self._range = _TOP
        self._out = bytearray()

    def encode(self, start: int, size: int, total: int) -> None:
        """Narrow the interval.

        Args:
            start: sum of the counts of the symbols before this one.
            size: its own count, at least 1.
            total: sum of all counts, at most ``TOTAL_MAX``.
        """
        part = self._range // total
        low = self._low + start * part
        span = part * size
        if low >= _TOP:
            low -= _TOP
            self._carry()
        while span < _BOTTOM:
            self._out.append(low >> _SHIFT)
            low = (low & _MASK) << 8
            span <<= 8
        self._low = low
        self._range = span

    def bits(self, value: int, count: int) -> None:
        """Write the ``count`` lowest bits of a value as they are, the highest first, 16 to a step."""
        while count > _PLAIN_BITS:
            count -= _PLAIN_BITS
            self.encode(value >> count & (1 << _PLAIN_BITS) - 1, 1, 1 << _PLAIN_BITS)
        self.encode(value & (1 << count) - 1, 1, 1 << count)

    def finish(self) -> bytes:
        """End; nothing may follow.

        Returns:
            the number within the interval that has the most zeros at its end, without them.
        """
        low, stop = self._low, self._low + self._range
        bits = next(bits for bits in range(_BITS, -1, -8) if -(-low >> bits) << bits < stop)
        value = -(-low >> bits) << bits
        if value >= _TOP:
            value -= _TOP
            self._carry()
        return bytes(self._out + value.to_bytes(_BYTES)).rstrip(b"\0")

    def _carry(self) -> None:
        at = len(self._out) - 1
        while self._out[at] == _FULL:
            self._out[at] = 0
            at -= 1
        self._out[at] += 1


class Decoder:
    """Reads what `Encoder` wrote. After the end it reads zeros: any bytes mean something, in bounded work.

    Args:
        data: from a peer, of any content.
    """

    __slots__ = ("_at", "_code", "_data", "_part", "_range")

    def __init__(self, data: bytes) -> None:
        """Start at the first byte."""
        self._data = data
        self._code = int.from_bytes(data[:_BYTES].ljust(_BYTES, b"\0"))
        self._at = _BYTES
        self._range = _TOP
        self._part = 1

    @property
    def spent(self) -> bool:
        """Whether all bytes were looked at, and the last is not a zero: no encoder writes others."""
        return self._at >= len(self._data) and not self._data.endswith(b"\0")

    def slot(self, total: int) -> int:
        """Where in ``total`` the next symbol lies; `take` it before anything else."""
        self._part = self._range // total
        return min(self._code // self._part, total - 1)

    def take(self, start: int, size: int) -> None:
        """Narrow the interval to the symbol that holds the slot."""
        span = self._part * size
        # The rest that a division left over belongs to no symbol; only damage leads there.
        code = min(self._code - start * self._part, span - 1)
        while span < _BOTTOM:
            byte = self._data[self._at] if self._at < len(self._data) else 0
            code = code << 8 | byte
            self._at += 1
            span <<= 8
        self._code = code
        self._range = span

    def bits(self, count: int) -> int:
        """Read ``count`` bits as they are."""
        value = 0
        while count > _PLAIN_BITS:
            count -= _PLAIN_BITS
            value = value << _PLAIN_BITS | self._plain(_PLAIN_BITS)
        return value << count | self._plain(count)

    def _plain(self, count: int) -> int:
        value = self.slot(1 << count)
        self.take(value, 1)
        return value


class Frequencies:
    """How often each symbol of an alphabet came; every one may always come.

    Args:
        symbols: size of the alphabet, some hundreds at most.
        step: weight of a symbol that came, against the 1 that each has from the start.
        seen: (symbol, times) of history, each symbol once.
    """

    __slots__ = ("_counts", "_step", "_total")

    def __init__(self, symbols: int, step: int, seen: Iterable[tuple[int, int]] = ()) -> None:
        """See the class."""
        self._counts = [1] * symbols
        for symbol, times in seen:
            self._counts[symbol] += step * times
        self._step = step
        self._total = sum(self._counts)
        self._halve()

    def encode(self, coder: Encoder, symbol: int) -> None:
        """Write a symbol and learn it."""
        coder.encode(sum(self._counts[:symbol]), self._counts[symbol], self._total)
        self._learn(symbol)

    def decode(self, coder: Decoder) -> int:
        """Read a symbol and learn it."""
        rest = coder.slot(self._total)
        start = symbol = 0
        for count in self._counts:
            if count > rest:
                break
            rest -= count
            start += count
            symbol += 1
        coder.take(start, self._counts[symbol])
        self._learn(symbol)
        return symbol

    def grow(self, symbols: int) -> None:
        """Make the alphabet at least this large."""
        more = symbols - len(self._counts)
        if more > 0:
            self._counts += [1] * more
            self._total += more
            self._halve()

    def add(self, weights: Sequence[int]) -> None:
        """Add a weight to each count."""
        self._counts = [count + weight for count, weight in zip(self._counts, weights, strict=True)]
        self._total = sum(self._counts)
        self._halve()

    def _learn(self, symbol: int) -> None:
        self._counts[symbol] += self._step
        self._total += self._step
        self._halve()

    def _halve(self) -> None:
        while self._total > TOTAL_MAX:
            self._counts = [count + 1 >> 1 for count in self._counts]
            self._total = sum(self._counts)
