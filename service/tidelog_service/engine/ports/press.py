"""The port of who compresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tidelog.codec.press import Pressed, PressJob


class Press(Protocol):
    """Who compresses the bodies of pages; one thread at a time calls it.

    Attributes:
        size: how many jobs go side by side; 0 where they go in the calling thread.
    """

    size: int

    def press(self, jobs: Sequence[PressJob]) -> list[Pressed]:
        """Do all jobs, in bounded time.

        Returns:
            the results in the order of the jobs, each of the job's codec or a weaker one.

        Raises:
            UsageError: a job has a codec or an order that there is not.
        """
        ...
