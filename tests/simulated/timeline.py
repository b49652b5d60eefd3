"""A virtual clock: things happen in the order of their time, as fast as the machine can."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

EPOCH_MS = 1_700_000_000_000
"""What the wall clock shows when the virtual one begins, Unix milliseconds."""


class Timeline:
    """The clock and what is still to happen.

    Attributes:
        now: seconds since the beginning.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._serials = count()
        self._events: list[tuple[float, int, Callable[[], object]]] = []

    @property
    def now_ms(self) -> int:
        """The wall clock, Unix milliseconds."""
        return EPOCH_MS + round(self.now * 1000)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Let something happen later; at the same moment, in the order in which it was asked for."""
        heapq.heappush(self._events, (self.now + max(0.0, seconds), next(self._serials), action))

    def run_until(self, stop: float) -> None:
        """Let happen what is due up to a moment, and set the clock to it."""
        while self._events and self._events[0][0] <= stop:
            self._step()
        self.now = max(self.now, stop)

    def run_while(self, condition: Callable[[], bool], *, longest: float) -> bool:
        """Let things happen as long as a condition holds.

        Returns:
            whether it ended before ``longest`` seconds had passed.
        """
        stop = self.now + longest
        while condition():
            if not self._events or self._events[0][0] > stop:
                self.now = stop
                return False
            self._step()
        return True

    def _step(self) -> None:
        at, _, action = heapq.heappop(self._events)
        self.now = max(self.now, at)
        action()
