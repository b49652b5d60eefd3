"""Compressing in the engine's own thread: the press that needs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from tidelog.codec.press import Pressed, PressJob, press


class InProcessPress:
    """Does the jobs one after the other; fits `tidelog_service.engine.ports.Press`."""

    size = 1

    def press(self, jobs: Sequence[PressJob]) -> list[Pressed]:
        """Do all jobs.

        Raises:
            UsageError: as `tidelog.codec.press.press`.
        """
        return [press(job) for job in jobs]
