"""How long to wait before the next attempt: exponential, with full jitter."""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 0.5
"""The most that the first wait lasts: a link that merely blinked is back at once."""

LONGEST_S: Final = 60.0
"""The most that any wait lasts: a device is back within a minute of its link."""

DENIED_FIRST_S: Final = 30.0
DENIED_LONGEST_S: Final = 600.0
"""Refused credentials seldom mend by themselves, and brokers ban clients that hammer."""

STABLE_S: Final = 30.0
"""A connection that lived so long was a good one: the next failure starts from the beginning."""


class Backoff:
    """Waits between attempts.

    Full jitter (a uniform share of a ceiling that doubles) keeps a fleet whose broker restarted from coming
    back in waves. A connection that was accepted and soon lost counts as a failure: two programs with one
    client id, which throw each other out, slow down instead of going on for ever.

    Args:
        source: where the jitter comes from.
        first_s: ceiling of the first wait, seconds.
        longest_s: ceiling of any wait, seconds.
        denied_first_s: ceiling of the first wait after a refusal, seconds.
        denied_longest_s: ceiling of any wait after refusals, seconds.
    """

    def __init__(
        self,
        source: random.Random,
        *,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        denied_first_s: float = DENIED_FIRST_S,
        denied_longest_s: float = DENIED_LONGEST_S,
    ) -> None:
        """See the class."""
        self._source = source
        self._bounds = {False: (first_s, longest_s), True: (denied_first_s, denied_longest_s)}
        self._failures = 0

    def after(self, *, online_s: float, denied: bool) -> float:
        """Seconds to wait after a connection ended or could not be made.

        Args:
            online_s: how long it was online; 0 where it never was.
            denied: whether the broker refused, which also keeps half of the wait from being jitter.
        """
        if online_s >= STABLE_S:
            self._failures = 0
        first_s, longest_s = self._bounds[denied]
        # The exponent is bounded: a device may be offline for years.
        ceiling_s = min(longest_s, first_s * 2.0 ** min(self._failures, 64))
        self._failures += 1
        return self._source.uniform(ceiling_s / 2 if denied else 0.0, ceiling_s)
