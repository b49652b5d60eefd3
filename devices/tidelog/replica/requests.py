"""A device's requests, one open at a time: what is asked, what came of it, when to ask again.

An answer counts only for the open request, and only for the channels that it asked for; what arrived is what
the next request states, so a lost page costs a page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tidelog.replica.holdings import RUN_BYTES, Holdings
from tidelog.replica.steps import Chance, SyncReport
from tidelog.replica.tuning import Tuning, backoff
from tidelog.wire.frames import Delta, Statement, SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX, REQUEST_ID_STOP
from tidelog.wire.ranges import EMPTY

_STALLED_MAX = 3
"""Pages in a row that bring nothing and still say ``more``, before a sync counts as not converging."""

_EARLIER_MAX = 3
"""Tries of a page whose answers are still taken: with the backoff, they reach back over half a minute."""

_ASKED_MAX = 16
"""Requests of a job whose late answers are still known for its own: as many as a slow link holds."""


@dataclass(slots=True, kw_only=True)
class Job:
    """A sync on its way, over as many pages as it takes.

    Attributes:
        id: for the application; 0 for the machine's own repairs.
        channels: which ones, ``None`` for all.
        wanted_only: top up what was asked for before, instead of everything.
        oldest_first: the order of pages.
        repair: whether the machine itself asked.
        started: when, seconds.
        waiting: whether a request was sent and no page came since: the next one repeats it.
        asked: ids of the last requests.
    """

    id: int
    channels: tuple[str, ...] | None
    wanted_only: bool = False
    oldest_first: bool = False
    repair: bool = False
    started: float = 0.0
    rounds: int = 0
    records: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    bytes_plain: int = 0
    bytes_repeated: int = 0
    stalled: int = 0
    waiting: bool = False
    asked: deque[int] = field(default_factory=lambda: deque(maxlen=_ASKED_MAX))
    gone: set[str] = field(default_factory=set)
    served: set[str] = field(default_factory=set)

    def report(self, now: float, *, complete: bool) -> SyncReport:
        """What it came to so far."""
        return SyncReport(
            records=self.records,
            rounds=self.rounds,
            bytes_up=self.bytes_up,
            bytes_down=self.bytes_down,
            complete=complete,
            gone=tuple(sorted(self.gone)),
            seconds=max(0.0, now - self.started),
            bytes_plain=self.bytes_plain,
            bytes_repeated=self.bytes_repeated,
        )

    def sent(self, size: int) -> None:
        """Account for a request: what it took on the socket, MQTT bytes; 0 where it was dropped."""
        self.bytes_up += size
        if self.waiting:
            self.bytes_repeated += size
        self.waiting = self.waiting or size > 0

    def came_late(self, size: int) -> None:
        """Account for an answer of no use, MQTT bytes."""
        self.bytes_down += size
        self.bytes_repeated += size

    def progressed(self, *, news: bool) -> bool:
        """Note whether a page brought anything; false once too many in a row did not."""
        self.stalled = 0 if news else self.stalled + 1
        return self.stalled < _STALLED_MAX


@dataclass(slots=True, kw_only=True)
class Open:
    """The request that waits for its answer.

    Attributes:
        job: whose.
        request: as it was sent: what it stated stays pinned here.
        left_over: channels in scope that were stated as not wanted now, as their have-sets did not fit.
        due: when to ask again, seconds.
        tries: how often this page was asked for.
        earlier: the last of those tries: on a slow link their answers are still on the way.
    """

    job: Job
    request: SyncRequest
    left_over: frozenset[str]
    due: float
    tries: int
    earlier: tuple[Open, ...] = ()

    def mark_served(self) -> None:
        """Note the channels that this request did ask for as done."""
        self.job.served |= {s.channel for s in self.request.statements} - self.left_over

    def asked_for(self, channel: str) -> bool:
        """Whether an answer may speak of the channel."""
        return self.request.everywhere or any(s.channel == channel for s in self.request.statements)


class Requests:
    """The queue of jobs and the open request.

    Args:
        tuning: times and sizes.
        chance: for request ids and jitter; ids start at random, so that an answer to a request of an
            earlier life is told from one to this.
        codecs: what the device can decode.
    """

    def __init__(self, *, tuning: Tuning, chance: Chance, codecs: Sequence[int]) -> None:
        """See the class."""
        self._tuning = tuning
        self._chance = chance
        self._codecs = tuple(codecs)
        self._rid = chance.randrange(REQUEST_ID_STOP)
        self.jobs: deque[Job] = deque()
        self.open: Open | None = None

    @property
    def repairing(self) -> bool:
        """Whether a repair waits or is under way."""
        return any(job.repair for job in self.jobs) or (self.open is not None and self.open.job.repair)

    def add(self, job: Job) -> None:
        """Queue a job; the application's go before the machine's own."""
        if job.repair:
            self.jobs.append(job)
        else:
            at = sum(not queued.repair for queued in self.jobs)
            self.jobs.insert(at, job)

    def remove(self, job_id: int) -> Job | None:
        """Give up one of the application's jobs."""
        if self.open is not None and self.open.job.id == job_id:
            job, self.open = self.open.job, None
            return job
        for job in self.jobs:
            if job.id == job_id:
                self.jobs.remove(job)
                return job
        return None

    def clear(self) -> list[Job]:
        """Give up everything; the jobs that were under way or waiting."""
        jobs = ([self.open.job] if self.open else []) + list(self.jobs)
        self.jobs.clear()
        self.open = None
        return jobs

    def suspend(self) -> None:
        """The connection is gone: the open request will get no answer, so its job goes back to the front."""
        if self.open is not None:
            self.jobs.appendleft(self.open.job)
            self.open = None

    def due(self) -> float | None:
        """When `next` is to be called, seconds; 0 for at once, ``None`` where there is nothing to ask."""
        if self.open is not None:
            return self.open.due
        return 0.0 if self.jobs else None

    def expire(self, now: float) -> Job | None:
        """Give up a repair that was asked for often enough without an answer."""
        waiting = self.open
        if waiting is None or not waiting.job.repair or waiting.due > now:
            return None
        if waiting.tries < self._tuning.repair_tries:
            return None
        self.open = None
        return waiting.job

    def next(self, holdings: Holdings, now: float) -> SyncRequest | None:
        """The request to send now: the open one again if it is due, or the first job's."""
        tries = 1
        if self.open is not None:
            if self.open.due > now:
                return None
            job, tries = self.open.job, self.open.tries + 1
        elif self.jobs:
            job = self.jobs.popleft()
        else:
            return None
        return self._ask(job, holdings, now, tries)

    def _ask(self, job: Job, holdings: Holdings, now: float, tries: int) -> SyncRequest:
        self._rid = (self._rid + 1) % REQUEST_ID_STOP or 1
        statements, left_over = _statements(job, holdings)
        request = SyncRequest(
            rid=self._rid,
            statements=statements,
            everywhere=job.channels is None,
            page_bytes=self._tuning.page_bytes,
            codecs=self._codecs,
            oldest_first=job.oldest_first,
            live=self._tuning.live,
        )
        wait = backoff(self._tuning.answer_timeout, tries, self._tuning.backoff_max, self._chance)
        earlier = (*self.open.earlier, replace(self.open, earlier=()))[-_EARLIER_MAX:] if self.open else ()
        self.open = Open(
            job=job, request=request, left_over=left_over, due=now + wait, tries=tries, earlier=earlier
        )
        job.rounds += 1
        job.asked.append(self._rid)
        return request

    def answered(self, delta: Delta) -> Open | None:
        """Take an answer: the request that it belongs to, no longer open, or ``None`` for a stale one."""
        answered = self.find(delta.rid)
        if answered is not None:
            answered.job.waiting = False
            self.open = None
        return answered

    def late(self, rid: int, size: int) -> None:
        """Account for an answer that no request waits for, where a job that is not over had asked for it.

        Args:
            rid: of the request that it answers.
            size: MQTT bytes that it took on the socket.
        """
        for job in ([self.open.job] if self.open else []) + list(self.jobs):
            if rid in job.asked:
                job.came_late(size)
                return

    def find(self, rid: int) -> Open | None:
        """The try of the open request that has this id."""
        tries = (self.open, *self.open.earlier) if self.open is not None else ()
        return next((one for one in tries if one.request.rid == rid), None)

    def resume(self, job: Job) -> None:
        """The next page of a job that is not over goes before all others."""
        self.jobs.appendleft(job)

    def hold(self, now: float) -> None:
        """The service asked to try later."""
        if self.open is not None:
            wait = backoff(
                self._tuning.answer_timeout, self.open.tries, self._tuning.backoff_max, self._chance
            )
            self.open.due = now + wait


def _statements(job: Job, holdings: Holdings) -> tuple[tuple[Statement, ...], frozenset[str]]:
    """What the device says of each channel in scope, within what a packet holds.

    Where the have-sets together do not fit, the channels that are left over are stated as not wanted now; the
    answer to what did fit shortens what has to be said the next time.

    Returns:
        the statements, and the channels that are left over.
    """
    scope = sorted(holdings.by_channel) if job.channels is None else job.channels
    names = [name for name in scope if name not in job.gone]
    statements: list[Statement] = []
    left_over: set[str] = set()
    room = start = PACKET_BYTES_MAX // 2
    for name in names:
        statement = holdings.state(name, wanted_only=job.wanted_only, oldest_first=job.oldest_first)
        if name not in job.served and (room == start or _most_bytes(statement) <= room):
            room -= _most_bytes(statement)
        else:
            left_over |= {name} - job.served
            statement = Statement(channel=name, epoch=statement.epoch, have=EMPTY, want=EMPTY)
        statements.append(statement)
    return tuple(statements), frozenset(left_over)


def _most_bytes(statement: Statement) -> int:
    runs = len(statement.have.runs) + (len(statement.want.runs) if statement.want is not None else 0)
    return 12 + len(statement.channel.encode()) + RUN_BYTES * runs
