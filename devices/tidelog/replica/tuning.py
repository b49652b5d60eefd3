"""The device machine's times and sizes, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidelog.replica.steps import Chance
from tidelog.wire.errors import Code
from tidelog.wire.limits import PAGE_BYTES_DEFAULT

LATER: Final = (Code.BUSY, Code.WINDOW)
"""With these the service asks for the same again, later."""


BUSY_SECONDS: Final = 1.0
"""A service that is asked for large bodies faster than it cares to has room again soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Times in seconds.

    Attributes:
        live: whether live pushes are wanted.
        whole_seconds: whether records come with their times in whole seconds.
        page_bytes: the page asked for: what a dropped link costs at most.
        answer_timeout: how long the first request waits for its answer: a slow link's round trip and a page.
        receipt_timeout: how long the first transmission of a message waits for its receipt.
        backoff_max: what both grow to when they double.
        repair_delay: how long a gap may close by itself: pushes overtake each other across replicas.
        resume_delay: how long after a reconnect the device waits before it tops up by itself, so that a
            sync that the application asks for at once makes that needless.
        repair_tries: repairs of one gap without progress before it becomes a visible state.
        delivered_delay: how long what has arrived may wait for more before others are told of it.
        batch_messages: messages in one packet.
        flight_batches: packets of messages that may wait for receipts at once.
    """

    live: bool = True
    whole_seconds: bool = False
    page_bytes: int = PAGE_BYTES_DEFAULT
    answer_timeout: float = 5.0
    receipt_timeout: float = 5.0
    backoff_max: float = 60.0
    repair_delay: float = 2.0
    resume_delay: float = 1.0
    repair_tries: int = 3
    delivered_delay: float = 1.0
    batch_messages: int = 100
    flight_batches: int = 8


def backoff(first: float, tries: int, longest: float, chance: Chance) -> float:
    """How long to wait after ``tries`` attempts: doubling, spread over half its length.

    Args:
        first: the wait after the first attempt, seconds.
        tries: attempts so far, at least 1.
        longest: where doubling stops, seconds.
        chance: for the jitter, so that a fleet does not come back in step.
    """
    whole = min(longest, first * 2.0 ** min(tries - 1, 30))
    return whole * (1.0 + chance.random() / 2)
