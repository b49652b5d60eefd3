"""Processes that compress pages beside each other: pyppmd holds the interpreter's lock for every byte.

In place of `concurrent.futures.ProcessPoolExecutor`: that breaks as a whole where one process dies, cannot
end a job that takes too long, and hands jobs on through two more threads. Here the calling thread itself
hands out jobs and waits for answers.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Final

from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import Ppmd
from tidelog.codec.press import Pressed, PressJob, press
from tidelog_service.press_process import PressProcess, ProcessGone

SECONDS_MAX: Final = 2.0
"""For a job: some ten times what the largest context and text take on a slow core."""

JOBS_MAX: Final = 2_000
"""Of a process, after which another takes its place: pyppmd loses 20 KB with each, so 40 MB by then."""

_TRIES: Final = 2
"""A process may be ended by something else than the job, but hardly twice."""

_RESTART_SECONDS: Final = 5.0
"""A process that ended before it was ready is not started again sooner: it would not fare better."""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Presses:
    """A pool of processes for PPMd; other codecs take less time than the way to a process.

    One thread uses it. Processes start with the first job for PPMd, unless `start` was called; where none is
    ready, jobs are done in the calling process, so nobody waits for a start. A job whose process
    dies is done again by another, and then by deflate. One that takes too long is done by deflate, and its
    process is ended.

    Args:
        size: processes; 0 for none.
        seconds_max: for one job.
        jobs_max: of one process.

    Attributes:
        size: as given.
        fallbacks: jobs that were done by deflate for want of a process that survives them.
    """

    def __init__(self, size: int, *, seconds_max: float = SECONDS_MAX, jobs_max: int = JOBS_MAX) -> None:
        """See the class."""
        self.size = size
        self.fallbacks = 0
        self._seconds_max = seconds_max
        # Not all at the same time: then none would be ready.
        self._places = [_Place(seconds_max, jobs_max + jobs_max * at // size) for at in range(size)]

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of those that run."""
        return tuple(place.process.pid for place in self._places if place.process is not None)

    def start(self) -> None:
        """Start the processes ahead, without waiting until they are ready."""
        for place in self._places:
            place.staff()

    def wait_ready(self, seconds: float) -> bool:
        """Wait until all processes are ready; whether they are."""
        due = time.monotonic() + seconds
        while not all(place.ready for place in self._places) and time.monotonic() < due:
            for place in _speaking(self._places, due):
                place.hear()
        return all(place.ready for place in self._places)

    def press(self, jobs: Sequence[PressJob]) -> list[Pressed]:
        """Do all jobs, side by side.

        Returns:
            the results in the order of the jobs.

        Raises:
            UsageError: as `tidelog.codec.press.press`.
        """
        for place in _speaking(self._places, 0):
            place.hear()
        shift = _Shift(self._places, self._seconds_max)
        try:
            return shift.run(jobs)
        finally:
            self.fallbacks += shift.fallbacks
            for place in self._places:
                if place.task is not None:  # left by an error: its answer would be taken for another's
                    place.vacate()
                place.relieve()

    def close(self) -> None:
        """End the processes; idempotent. Jobs are done in the calling process from then on."""
        processes = [place.process for place in self._places if place.process is not None]
        self._places.clear()
        for process in processes:
            process.dismiss()
        for process in processes:
            process.end(wait=True)


@dataclass(slots=True, eq=False)
class _Task:
    """A job: how often it was given away, and until when its end or its next process is waited for."""

    at: int
    job: PressJob
    tries: int = 0
    due: float = 0.0


class _Place:
    """Where a process works; another takes it where that ends."""

    __slots__ = ("_again", "_jobs", "_jobs_max", "_seconds_max", "process", "task")

    def __init__(self, seconds_max: float, jobs_max: int) -> None:
        self._seconds_max = seconds_max
        self._jobs_max = jobs_max
        self._jobs = 0
        self._again = 0.0
        self.process: PressProcess | None = None
        self.task: _Task | None = None

    @property
    def ready(self) -> bool:
        return self.process is not None and self.process.ready

    def staff(self) -> None:
        """Start a process where there is none, unless the last one did not even get ready."""
        if self.process is not None or time.monotonic() < self._again:
            return
        try:
            self.process = PressProcess(self._seconds_max)
        except OSError:
            self._again = time.monotonic() + _RESTART_SECONDS
        self._jobs = 0

    def relieve(self) -> None:
        """Replace a process that has done enough."""
        if self._jobs >= self._jobs_max:
            self.vacate()
            self.staff()

    def vacate(self) -> None:
        """End the process."""
        if self.process is not None:
            if not self.process.ready:
                self._again = time.monotonic() + _RESTART_SECONDS
            self.process.end()
        self.process = self.task = None

    def give(self, task: _Task) -> bool:
        """Give it a task; whether it was taken."""
        task.due = time.monotonic() + self._seconds_max
        task.tries += 1
        self._jobs += 1
        try:
            if self.process is not None:
                self.process.give(task.job)
        except ProcessGone:
            self.vacate()
            return False
        self.task = task
        return True

    def hear(self) -> Pressed | None:
        """What the process has to say; where it has ended, the place is empty afterwards."""
        try:
            return self.process.hear() if self.process is not None else None
        except ProcessGone:
            self.vacate()
            return None


class _Shift:
    """The jobs of one call."""

    def __init__(self, places: Sequence[_Place], seconds_max: float) -> None:
        self._places = places
        self._seconds_max = seconds_max
        self._waiting: deque[_Task] = deque()
        self._results: dict[int, Pressed] = {}
        self._late = False
        self.fallbacks = 0

    def run(self, jobs: Sequence[PressJob]) -> list[Pressed]:
        """Hand out what takes long, do the rest, then wait."""
        tasks = [_Task(at, job) for at, job in enumerate(jobs)]
        self._waiting.extend(task for task in tasks if task.job.codec == Ppmd.id)
        self._hand_out()
        for task in tasks:
            if task.job.codec != Ppmd.id:
                self._do_here(task)
        while len(self._results) < len(tasks):
            self._listen()
            self._hand_out()
        return [self._results[task.at] for task in tasks]

    def _hand_out(self) -> None:
        """Give what waits to those that are free, and do what no process will."""
        for place in self._places:
            if self._waiting:
                place.staff()
            while self._waiting and place.ready and place.task is None:
                task = self._waiting.popleft()
                if not place.give(task):
                    self._again(task)
        for task in [task for task in self._waiting if self._is_hopeless(task)]:
            self._waiting.remove(task)
            self._do_here(task)

    def _is_hopeless(self, task: _Task) -> bool:
        """What a process has died of waits for the next to start: here it might take the service with it."""
        if task.tries:
            staffed = any(place.process is not None for place in self._places)
            return self._late or not staffed or task.due <= time.monotonic()
        return self._late or not any(place.ready for place in self._places)

    def _do_here(self, task: _Task) -> None:
        job = task.job
        if job.codec == Ppmd.id and (task.tries or self._late):
            self.fallbacks += 1
            job = job._replace(codec=Deflate.id)
        self._results[task.at] = press(job)

    def _again(self, task: _Task) -> None:
        """Its process died."""
        if task.tries >= _TRIES:
            self._do_here(task)
            return
        task.due = time.monotonic() + self._seconds_max
        self._waiting.append(task)

    def _listen(self) -> None:
        """Wait for what the processes say, until the first job is late."""
        given = [place.task for place in self._places if place.task is not None]
        due = min((task.due for task in (*given, *self._waiting) if task.tries), default=0.0)
        for place in _speaking(self._places, due):
            self._take(place)
        for place in self._places:
            if place.task is not None and place.task.due <= time.monotonic():
                self._give_up(place, place.task)

    def _take(self, place: _Place) -> None:
        task, place.task = place.task, None
        answer = place.hear()
        if task is None:  # it is ready, or has died of nothing
            return
        if not place.ready:
            self._again(task)
        else:
            self._results[task.at] = answer or press(task.job)  # what it refuses is refused here too

    def _give_up(self, place: _Place, task: _Task) -> None:
        """End a process that takes too long; the rest of this call is not for waiting either."""
        self._late = True
        place.vacate()
        self._do_here(task)


def _speaking(places: Iterable[_Place], due: float) -> list[_Place]:
    """Those whose process has something to say or has ended, as soon as there are any."""
    by_connection = {place.process.connection: place for place in places if place.process is not None}
    ready = wait(list(by_connection), max(due - time.monotonic(), 0))
    return [place for connection, place in by_connection.items() if connection in ready]
