"""Carries out audits: adds up while nothing else is to be done, asks until the verdict comes, waits.

One at a time, each a course of steps (`tidelog.replica.amends`); see SPEC.md, "Audit".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tidelog.replica.amends import AuditJob, Course, Courses, Doubt, Need, Pause, Sync
from tidelog.replica.holdings import Holdings
from tidelog.replica.narrowing import MORE, More
from tidelog.replica.ports import Shelf
from tidelog.replica.requests import Job, Requests
from tidelog.replica.steps import AuditEnded, Chance, Effects, SyncEnded, SyncReport
from tidelog.replica.trust import Trust
from tidelog.replica.tuning import LATER, Tuning, backoff
from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.errors import Code, TidelogError, error_for
from tidelog.wire.frames import Fault
from tidelog.wire.page_frames import Resync
from tidelog.wire.ranges import RangeSet


@dataclass(slots=True)
class _Open:
    """An audit that waits for its verdict."""

    audit: Audit
    due: float
    tries: int = 0


class Audits:
    """Carries out audits.

    Args:
        requests: states what the device has, and carries out syncs.
        holdings: what it has.
        trust: its tokens.
        shelf: its records; without one there are no audits.
        tuning: times and tries.
        chance: for jitter.
    """

    def __init__(
        self,
        *,
        requests: Requests,
        holdings: Holdings,
        trust: Trust,
        shelf: Shelf | None,
        tuning: Tuning,
        chance: Chance,
    ) -> None:
        """See the class."""
        self._requests = requests
        self._holdings = holdings
        self._trust = trust
        self._courses = Courses(
            requests=requests, holdings=holdings, trust=trust, shelf=shelf, repair_tries=tuning.repair_tries
        )
        self._tuning = tuning
        self._chance = chance
        self._jobs: deque[AuditJob] = deque()
        self._job: AuditJob | None = None
        self._course: Course | None = None
        self._need: Need = MORE
        self._open: _Open | None = None
        self._pause_due = 0.0
        self._synced: SyncReport | None = None

    @property
    def busy(self) -> bool:
        """Whether there is an audit."""
        return self._job is not None or bool(self._jobs)

    # Inputs

    def add(self, job: AuditJob) -> None:
        """Queue an audit."""
        self._jobs.append(job)

    def due(self) -> float | None:
        """When `tend` is to be called, seconds; 0 for at once, ``None`` for not before the next input."""
        if self._job is None:
            return 0.0 if self._jobs else None
        if isinstance(self._need, Pause):
            return self._pause_due
        if self._open is not None:
            return self._open.due
        return None if isinstance(self._need, Sync) else 0.0

    def tend(self, now: float, effects: Effects) -> Audit | None:
        """Go on: add up some records, or whatever is due; the request to send, if there is one."""
        if self._take_syncs(now, effects):
            return None
        if self._job is None and self._jobs:
            self._begin(self._jobs.popleft())
        if self._job is None:
            return None
        if isinstance(self._need, More) or (isinstance(self._need, Pause) and self._pause_due <= now):
            answer, self._synced = self._synced, None
            self._go_on(answer, now, effects)
        return self._asked(now)

    def verdict(self, verdict: Verdict, size: int, now: float, effects: Effects) -> bool:
        """Take an answer, ``size`` MQTT bytes; whether it was waited for."""
        if self._open is None or self._open.audit.rid != verdict.rid or self._job is None:
            return False
        self._job.bytes_down += size
        self._open = None
        self._go_on(verdict, now, effects)
        return True

    def fault(self, fault: Fault, size: int, now: float, effects: Effects) -> bool:
        """Take a fault, ``size`` MQTT bytes; whether it answers an audit."""
        if self._open is None or not fault.rid or self._open.audit.rid != fault.rid or self._job is None:
            return False
        self._job.bytes_down += size
        if fault.code in LATER:
            self._open.due = now + self._wait(self._open.tries)
            return True
        self._open = None
        if fault.code is Code.TOKEN:
            self._disown(effects)
        self._throw(error_for(fault.code, fault.text), now, effects)
        return True

    def sent(self, rid: int, size: int) -> bool:
        """Account for a request, MQTT bytes; whether it was an audit."""
        if self._open is None or self._job is None or self._open.audit.rid != rid:
            return False
        self._job.bytes_up += size
        return True

    def suspend(self) -> None:
        """The connection is gone: what is open is asked again after it."""
        if self._open is not None:
            self._open.due = 0.0

    def remove(self, job_id: int) -> AuditJob | None:
        """Give an audit up, with its sync; ``None`` where there is no such."""
        if self._job is not None and self._job.id == job_id:
            job = self._job
            self._requests.remove(-job_id)
            self._end()
            return job
        queued = next((one for one in self._jobs if one.id == job_id), None)
        if queued is not None:
            self._jobs.remove(queued)
        return queued

    def clear(self) -> list[AuditJob]:
        """Give all of them up."""
        ids = ([self._job.id] if self._job else []) + [one.id for one in self._jobs]
        return [job for job_id in ids if (job := self.remove(job_id)) is not None]

    # One step of a course

    def _begin(self, job: AuditJob) -> None:
        self._job, self._need, self._open, self._synced = job, MORE, None, None
        self._course = self._courses.run(job)

    def _end(self) -> None:
        self._job, self._course, self._open = None, None, None

    def _asked(self, now: float) -> Audit | None:
        if self._open is None or self._job is None or self._open.due > now:
            return None
        self._open.tries += 1
        self._open.due = now + self._wait(self._open.tries)
        self._job.rounds += 1
        return self._open.audit

    def _go_on(self, answer: object, now: float, effects: Effects) -> None:
        """Answer what the course needed, and see what it needs next."""
        if self._course is not None:
            self._resume(partial(self._course.send, answer), now, effects)

    def _throw(self, error: TidelogError, now: float, effects: Effects) -> None:
        """A request or a sync failed: the course may know what to do."""
        if self._course is not None:
            self._resume(partial(self._course.throw, error), now, effects)

    def _resume(self, course: Callable[[], Need], now: float, effects: Effects) -> None:
        job = self._job
        if job is None:
            return
        try:
            self._set(course(), now, effects)
        except StopIteration as over:
            self._end()
            effects.events.append(AuditEnded(job=job.id, report=job.finished(over.value, now)))
        except TidelogError as error:
            self._end()
            effects.events.append(AuditEnded(job=job.id, error=error))

    def _set(self, need: Need, now: float, effects: Effects) -> None:
        self._need = need
        match need:
            case Audit():
                self._open = _Open(need, now)
            case Doubt():
                self._doubt(need.found, effects)
                self._need = MORE
            case Sync():
                self._sync(now)
            case Pause():
                self._pause_due = now + self._wait(need.tries)
            case _:
                pass

    def _sync(self, now: float) -> None:
        job = self._job
        if job is not None:
            sync = Job(
                id=-job.id,
                channels=job.channels,
                filter=job.filter,
                primed=self._trust.primed,
                started=now,
            )
            self._requests.add(sync)

    def _take_syncs(self, now: float, effects: Effects) -> bool:
        """The ends of its own syncs are for the audit, not for the application; whether there was one."""
        ended = False
        for event in [one for one in effects.events if isinstance(one, SyncEnded) and one.job < 0]:
            effects.events.remove(event)
            if self._job is None or self._job.id != -event.job:
                continue
            ended = True
            if event.error is not None:
                self._throw(event.error, now, effects)
            elif event.report is not None:
                self._job.rounds += event.report.rounds
                self._job.bytes_up += event.report.bytes_up
                self._job.bytes_down += event.report.bytes_down
                # Not before what it brought is in the store.
                self._synced, self._need = event.report, MORE
        return ended

    def _doubt(self, found: Mapping[str, RangeSet], effects: Effects) -> None:
        for channel, seqs in found.items():
            holding = self._holdings.doubt(channel, seqs)
            if holding is not None:
                effects.voided(channel, holding.epoch, seqs)
                effects.holdings[channel] = holding

    def _wait(self, tries: int) -> float:
        return backoff(self._tuning.answer_timeout, tries, self._tuning.backoff_max, self._chance)

    def _disown(self, effects: Effects) -> None:
        """The token is not known; unless there is another by now, the next request says all in full."""
        question = self._job.question if self._job is not None else None
        if question is None or not isinstance(question.request, Resync):
            return
        token = self._trust.tokens.get(question.scope)
        if token is not None and (token.token, token.account.digest) == (
            question.request.token,
            question.request.digest,
        ):
            self._trust.forget(question.scope, effects)
