"""The model of every column of a page: numbers some of which come again (SPEC.md, "Numbers").

A number is a known value, told by its symbol in the light of the symbol before it, or an escape followed by
its half octave and plain bits. Held records prime both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from tidelog.wire.errors import ProtocolError, UsageError
from tidelog.wire.rangecoder import Decoder, Encoder, Frequencies

QUANTITY_STOP: Final = 1 << 55
"""Numbers are below this: a signed difference of two times, folded, and some to spare."""

STEP: Final = 24
"""Weight of a number that came, against 1 for each that has not: few records teach much."""

KNOWN_MAX: Final = 32
"""Known values: sensors have a handful of intervals, and each context costs a count for each."""

_OFTEN: Final = 2
"""A value of the history is a known one where it came this often."""

_BUCKETS: Final = 110
"""Half octaves below `QUANTITY_STOP`."""

_BIAS: Final = 4
"""Weight, in symbols, of the counts without context in those with it."""


def bucket(value: int) -> int:
    """Which half octave: 0, 1, 2, 3, then two for each power of two."""
    high = max(value.bit_length() - 2, 0)
    return (high << 1) + (value >> high)


def width(at: int) -> int:
    """Plain bits of the numbers in a half octave."""
    return max((at >> 1) - 1, 0)


class Numbers:
    """Numbers of one column, learned as they are written or read.

    Args:
        history: sequences of consecutive numbers that both sides know.
    """

    __slots__ = ("_buckets", "_contexts", "_pairs", "_plain", "_symbols", "_values")

    def __init__(self, history: Iterable[Sequence[int]] = ()) -> None:
        """See the class."""
        lines = [list(line) for line in history]
        counts = Counter(value for line in lines for value in line)
        often = sorted((-n, value) for value, n in counts.items() if n >= _OFTEN)[:KNOWN_MAX]
        self._values = [0, *(value for _, value in often)]
        self._symbols = {value: i for i, value in enumerate(self._values) if i}
        told = sum(n for n, _ in often)
        self._plain = [1 + counts.total() + told, *(-n for n, _ in often)]
        symbol = self.symbol
        self._pairs = Counter(pair for line in lines for pair in pairwise([symbol(value) for value in line]))
        self._contexts: dict[int, Frequencies] = {}
        rest: Counter[int] = Counter()
        for value, n in counts.items():
            if value not in self._symbols:
                rest[bucket(value)] += n
        self._buckets = Frequencies(_BUCKETS, STEP, rest.items())

    def symbol(self, value: int) -> int:
        """What stands for a value as the one before: 0 where it is not known."""
        return self._symbols.get(value, 0)

    def encode(self, coder: Encoder, before: int, value: int) -> None:
        """Write a number after the symbol ``before``."""
        symbol = self.symbol(value)
        self._context(before).encode(coder, symbol)
        if not symbol:
            at = bucket(value)
            self._buckets.encode(coder, at)
            coder.bits(value, width(at))
            self._learn(value)

    def decode(self, coder: Decoder, before: int) -> int:
        """Read a number after the symbol ``before``; any bytes give one below `QUANTITY_STOP`."""
        symbol = self._context(before).decode(coder)
        if symbol:
            return self._values[symbol]
        at = self._buckets.decode(coder)
        bits = width(at)
        value = (at - 2 * bits << bits) | coder.bits(bits)
        self._learn(value)
        return value

    def _context(self, before: int) -> Frequencies:
        """The counts of what comes after a symbol."""
        found = self._contexts.get(before)
        if found is None:
            found = self._contexts[before] = self._primed(before)
        found.grow(len(self._values))
        return found

    def _primed(self, before: int) -> Frequencies:
        total = sum(self._plain)
        seen = [(symbol, self._pairs[before, symbol]) for symbol in range(len(self._plain))]
        counts = Frequencies(len(self._plain), STEP, seen)
        counts.add([_BIAS * STEP * n // total for n in self._plain])
        return counts

    def _learn(self, value: int) -> None:
        """Make a value a known one while there is room."""
        if len(self._values) <= KNOWN_MAX and value not in self._symbols:
            self._symbols[value] = len(self._values)
            self._values.append(value)


class Writer:
    """Writes numbers of several models into one string."""

    __slots__ = ("_coder",)

    def __init__(self) -> None:
        """Start empty."""
        self._coder = Encoder()

    def number(self, model: Numbers, before: int, value: int) -> int:
        """Write a number and return it.

        Raises:
            UsageError: it is negative or not below `QUANTITY_STOP`.
        """
        if not 0 <= value < QUANTITY_STOP:
            raise UsageError(f"a quantity of {value}", code="quantity")
        model.encode(self._coder, before, value)
        return value

    def finish(self) -> bytes:
        """The string; nothing may be written any more."""
        return self._coder.finish()


class Reader:
    """Reads what `Writer` wrote.

    Args:
        data: from a peer, of any content.
    """

    __slots__ = ("_coder",)

    def __init__(self, data: bytes) -> None:
        """See the class."""
        self._coder = Decoder(data)

    def number(self, model: Numbers, before: int, value: int = 0) -> int:  # noqa: ARG002 - as in `Writer`
        """Read a number below `QUANTITY_STOP`; the value given is not looked at."""
        return model.decode(self._coder, before)

    def finish(self) -> None:
        """See that nothing follows.

        Raises:
            ProtocolError: there are bytes that no number needed.
        """
        if not self._coder.spent:
            raise ProtocolError("columns: bytes after the last number")


Way = Writer | Reader
"""Either direction: one function walks the columns of a page both ways, so that they cannot part."""
