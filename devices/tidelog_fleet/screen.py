"""Progress on a terminal: the phase with its bar, and below it what the fleet has done so far."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from tidelog_fleet.ledger import Counts
from tidelog_fleet.report import sized

_REFRESH_HZ = 8

_ECHO = 4
"""Columns left free for the ^C that terminals echo: a line more would stay behind."""


class LiveScreen:
    """`tidelog_fleet.ports.Screen` with rich; a context manager. Shows nothing where there is no terminal.

    Args:
        console: where to; standard error leaves standard output to the results.
    """

    def __init__(self, console: Console) -> None:
        """See the class."""
        self._console = console
        self._progress = Progress(
            TextColumn("[bold]{task.description:<12}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
            TimeElapsedColumn(),
            console=console,
            expand=True,
        )
        self._counts = Text(no_wrap=True, overflow="ellipsis", style="dim")
        self._task: TaskID | None = None
        self._live = Live(
            Padding(Group(self._progress, self._counts), (0, _ECHO, 0, 0)),
            console=console,
            refresh_per_second=_REFRESH_HZ,
            transient=True,
        )

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was, but for what each phase came to."""
        self._live.stop()

    def phase(self, name: str, *, total: float, unit: str = "") -> None:
        """See `tidelog_fleet.ports.Screen`."""
        if self._task is not None:
            self._finish(self._task)
        self._task = self._progress.add_task(name, total=total, unit=unit)

    def show(self, done: float, counts: Counts) -> None:
        """See `tidelog_fleet.ports.Screen`."""
        if self._task is not None:
            self._progress.update(self._task, completed=done)
        self._counts.plain = (
            f"{'messages':<12} written {counts.written:,}  receipts {counts.receipts:,}  "
            f"delivered {counts.delivered:,}\n"
            f"{'links':<12} online {counts.online:,}  cuts {counts.cuts:,}  wipes {counts.wipes:,}  "
            f"up {sized(counts.bytes_up)}  down {sized(counts.bytes_down)}"
        )

    def _finish(self, task: TaskID) -> None:
        self._progress.stop_task(task)


class Silence:
    """`tidelog_fleet.ports.Screen` that shows nothing."""

    def phase(self, name: str, *, total: float, unit: str = "") -> None:
        """See `tidelog_fleet.ports.Screen`."""

    def show(self, done: float, counts: Counts) -> None:
        """See `tidelog_fleet.ports.Screen`."""
