"""How far a large body is, as a bar on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from tidelog.wire.limits import BODY_BYTES_MAX

_COLUMNS_MAX: Final = 40
"""A bar that fits beside its figures on a terminal of 80 characters."""


class Bar:
    """What is told of a transfer.

    Args:
        progress: rich's; ``None``: nobody looks.
        label: what is done.
    """

    def __init__(self, progress: Any, label: str) -> None:  # noqa: ANN401 - rich is loaded when it is needed
        """See the class."""
        self._progress = progress
        self._task = progress.add_task(label, total=None) if progress is not None else None
        self._moved = 0.0

    def told(self, done: int, size: int) -> None:
        """So many bytes are there, of so many; any thread may call."""
        self._moved = time.monotonic()
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=size)

    def moved(self) -> float:
        """When that was last told, monotonic seconds; 0 for never."""
        return self._moved


@contextmanager
def transfer_bar(label: str, size: int) -> Iterator[Bar]:
    """A bar on standard error, as long as the block lasts; none in a pipe, and for what goes at once.

    Args:
        label: what is done.
        size: bytes of the body.
    """
    shown = size > BODY_BYTES_MAX and sys.stderr.isatty()
    progress = _progress() if shown else None
    with progress if progress is not None else nullcontext():
        yield Bar(progress, label)


def _progress() -> Any:  # noqa: ANN401 - as above
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that pipes and short texts do not pay
    from rich.progress import (  # noqa: PLC0415 - same
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=_COLUMNS_MAX // 2),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
