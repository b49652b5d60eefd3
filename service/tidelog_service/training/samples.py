"""What a dictionary is trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from tidelog.codec import bodies

SAMPLES_BYTES_MAX: Final = 2 << 20
"""Bodies looked at: more bring little, and 2 MiB take some ten seconds and 100 MB of memory."""

Progress = Callable[[str, int, int], None]
"""Told of the stage, how much of it is done, and how much there is of it."""


class Sample(NamedTuple):
    """A record; a tuple because there are tens of thousands. They sort as the bodies of a page do."""

    time: int
    channel: str
    seq: int
    author: str
    body: bytes

    @property
    def text(self) -> bytes:
        """The body as it stands in a page, with its end."""
        return bodies.joined((self.body,))


def silent(stage: str, done: int, total: int) -> None:
    """A `Progress` that nobody watches."""
    del stage, done, total
