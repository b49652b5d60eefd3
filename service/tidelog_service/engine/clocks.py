"""How wrong the clocks of devices are: measured by the way, with not a byte on the wire.

A message says when it was written by its device's clock. What the service's clock says when it comes is later
by the way that it took, and by as long as it waited in the outbox: a second, or a week. So it shows that the
clock is behind by so much at most, and the least of the last few says it best. A clock that is put forward
shows at once. One that is put back may show in the order of the device's own numbers, where a later message
was written "earlier": what was known is of no use then, and measuring begins anew. Else it takes `SPANS_MAX`
minutes with messages until it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from tidelog.wire import varint
from tidelog.wire.errors import ProtocolError, Unavailable
from tidelog_service.engine.ingest import Stored

SPAN_MS: Final = 60_000
"""Messages within a minute count as one: an outbox of a week is sent at once, and must not outvote others."""

SPANS_MAX: Final = 8
"""The last so many minutes with messages count: a slow clock drifts, and old minutes would hide it."""

TOLD_MS: Final = 1_000
"""The estimate is written down where it has moved so far, or with a new minute.

Messages that two threads write at once may be so far out of order, too.
"""

_NUMBERS_MAX: Final = 3 + 2 * SPANS_MAX


class KeptClock(NamedTuple):
    """What is kept of a device's clock.

    Attributes:
        device: whose.
        skew_ms: by how much it is ahead of the service's, milliseconds; below 0 behind.
        measured_ms: when that was measured, Unix milliseconds of the service's clock.
        state: what the measuring goes on from.
    """

    device: str
    skew_ms: int
    measured_ms: int
    state: bytes


class ClockBook(Protocol):
    """Where clocks are written down. Every method may raise `Unavailable`."""

    def state(self, device: str) -> bytes | None:
        """What the measuring of a device goes on from."""
        ...

    def keep(self, kept: Sequence[KeptClock]) -> None:
        """Replace what is kept of these devices, in a transaction of its own."""
        ...


@dataclass(slots=True)
class Clock:
    """One device's.

    Attributes:
        spans: the last minutes with messages: when each began by the service's clock, and by how much the
            device was behind at most in it, milliseconds.
        outbox: that of the newest message.
        n: its number.
        sent: when it says that it was written.
    """

    spans: list[tuple[int, int]] = field(default_factory=list)
    outbox: bytes = b""
    n: int = 0
    sent: int = 0

    @property
    def skew_ms(self) -> int:
        """By how much it is ahead; there is at least one span."""
        return -min(behind for _, behind in self.spans)

    def hear(self, *, outbox: bytes, n: int, sent: int, now_ms: int) -> bool:
        """A message has come for the first time.

        Args:
            outbox: it came from this one.
            n: its number there, 0 for none.
            sent: when it says that it was written, Unix milliseconds.
            now_ms: the service's clock.

        Returns:
            whether a new span began.
        """
        if n and outbox == self.outbox and n > self.n and sent < self.sent - TOLD_MS:
            self.spans.clear()  # it was put back
        if n and (outbox != self.outbox or n > self.n):
            self.outbox, self.n, self.sent = outbox, n, sent
        behind = now_ms - sent
        # A service's clock that was put back begins a new one too.
        if self.spans and 0 <= now_ms - self.spans[-1][0] < SPAN_MS:
            began, least = self.spans[-1]
            self.spans[-1] = (began, min(least, behind))
            return False
        self.spans = [*self.spans[1 - SPANS_MAX :], (now_ms, behind)]
        return True

    def written(self) -> bytes:
        """What it takes to go on."""
        numbers = [self.n, self.sent, len(self.spans)]
        for began, behind in self.spans:
            numbers += [began, varint.zigzag(behind)]
        return varint.sized(self.outbox) + varint.encode(numbers)


def read(state: bytes) -> Clock:
    """The inverse of `Clock.written`; what cannot be read is a clock of which nothing is known."""
    try:
        length, at = varint.first(state, 0)
        outbox, rest = state[at : at + length], state[at + length :]
        n, sent, count, *spans = varint.decode(rest, count_max=_NUMBERS_MAX)
    except (ProtocolError, ValueError):
        return Clock()
    pairs = zip(spans[::2], map(varint.unzigzag, spans[1::2]), strict=False)
    return Clock(spans=list(pairs)[:count], outbox=outbox, n=n, sent=sent)


class NoBook:
    """Keeps nothing: each life of the service measures anew."""

    def state(self, device: str) -> bytes | None:
        """Nothing is kept."""
        del device
        return None

    def keep(self, kept: Sequence[KeptClock]) -> None:
        """Let go of it."""


class Clocks:
    """The clocks of all devices that write.

    Args:
        book: where they are kept.
    """

    def __init__(self, book: ClockBook | None = None) -> None:
        """See the class."""
        self._book = book or NoBook()
        self._clocks: dict[str, Clock] = {}
        self._told: dict[str, int] = {}
        self._fresh: dict[str, KeptClock] = {}

    def skew_ms(self, device: str) -> int | None:
        """By how much a device's clock is ahead, as far as this life of the service has heard of it."""
        clock = self._clocks.get(device)
        return clock.skew_ms if clock is not None and clock.spans else None

    def heard(self, stored: Iterable[Stored], now_ms: int) -> None:
        """Measure by messages that were stored just now, for the first time.

        Those that do not say when they were written say nothing. Where the book fails, what is new waits for
        the next time.
        """
        for one in stored:
            # A message that does not say is stored with the time that it got.
            if one.row.sent != one.row.time:
                self._measure(one, now_ms)
        if self._fresh:
            try:
                self._book.keep(list(self._fresh.values()))
            except Unavailable:
                return
            self._fresh.clear()

    def _measure(self, one: Stored, now_ms: int) -> None:
        clock = self._clock(one.device)
        began = clock.hear(outbox=one.outbox, n=one.n, sent=one.row.sent, now_ms=now_ms)
        skew_ms = clock.skew_ms
        if began or abs(skew_ms - self._told.get(one.device, skew_ms)) >= TOLD_MS:
            self._told[one.device] = skew_ms
            self._fresh[one.device] = KeptClock(one.device, skew_ms, now_ms, clock.written())

    def _clock(self, device: str) -> Clock:
        clock = self._clocks.get(device)
        if clock is None:
            try:
                kept = self._book.state(device)
            except Unavailable:
                kept = None
            clock = self._clocks[device] = Clock() if kept is None else read(kept)
            if clock.spans:
                self._told[device] = clock.skew_ms
        return clock
