"""When the service was last alive, so that it can say after a start how long it was not."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from tidelog.wire.errors import Unavailable

EVERY_S: Final = 5.0
"""A crash is told to have begun at most so long before it did."""


class Heartbeat:
    """A file whose time of change says when the service was last alive.

    One thread calls `beat`.

    Args:
        path: the file; made by the first beat.

    Attributes:
        last_ms: when the service that ran before was last alive, Unix milliseconds; ``None`` for never.
    """

    def __init__(self, path: Path) -> None:
        """See the class."""
        self._path = path
        self._beaten = 0.0
        try:
            self.last_ms: int | None = path.stat().st_mtime_ns // 1_000_000
        except OSError:
            self.last_ms = None

    def beat(self, *, at_once: bool = False) -> None:
        """Note that the service is alive, unless that was noted some seconds ago.

        Args:
            at_once: note it however short ago that was: the service ends.

        Raises:
            Unavailable: the file cannot be written (``data_folder``).
        """
        now = time.monotonic()
        if not at_once and self._beaten and now < self._beaten + EVERY_S:
            return
        try:
            self._path.touch(mode=0o600)
            os.utime(self._path)
        except OSError as error:
            raise Unavailable(
                f"cannot write {self._path}: {error.strerror}",
                code="data_folder",
                hint="the folder must belong to the user that runs this, and its disk must have room",
            ) from error
        self._beaten = now
