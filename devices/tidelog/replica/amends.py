"""The course of an audit: compare, bring what is lacking, narrow down what differs, bring that anew.

A repair is tried three times with a pause in between; what still differs then is told, and nothing goes on by
itself. See SPEC.md, "Audit".
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tidelog.codec.page import Rule
from tidelog.replica.asking import Aim, Question
from tidelog.replica.holdings import Holdings
from tidelog.replica.narrowing import Count, Look, More, Narrowing, kept
from tidelog.replica.ports import Holding, Shelf
from tidelog.replica.requests import Requests
from tidelog.replica.steps import AuditReport, SyncReport
from tidelog.replica.trust import Trust
from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.errors import Code, ProtocolError, TidelogError, UsageError
from tidelog.wire.fingerprints import SUM_STOP, log_fingerprint
from tidelog.wire.queries import Filter
from tidelog.wire.ranges import EMPTY, RangeSet

SYNCS_MAX: Final = 3
"""Syncs for what is lacking: in a busy channel there always is something, and what is held may be equal."""

_TOKENS_MAX: Final = 3
"""Times that a token may turn out to be unknown in one audit."""


@dataclass(slots=True, kw_only=True)
class AuditJob:
    """An audit on its way.

    Attributes:
        id: for the application; its syncs have the same, negative.
        channels: which ones, ``None`` for all.
        filter: of patterns only; ``None`` for no more than ``channels`` says.
        repair: whether what is lacking or differs is to be brought.
        started: when, seconds.
        syncs: how many there were for what was lacking.
        repairs: how often what differed was brought anew.
        rested: whether it waited since the last of these.
        doubted: what was brought anew, by channel.
        question: what the device last said that it has.
    """

    id: int
    channels: tuple[str, ...] | None = None
    filter: Filter | None = None
    repair: bool = True
    started: float = 0.0
    syncs: int = 0
    repairs: int = 0
    rested: bool = False
    tokens_lost: int = 0
    rounds: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    gone: set[str] = field(default_factory=set)
    doubted: dict[str, RangeSet] = field(default_factory=dict)
    question: Question | None = None

    def concerns(self, channel: str) -> bool:
        """Whether a channel is compared."""
        named = self.channels is None or channel in self.channels
        return named and (self.filter is None or self.filter.admits(channel))

    def finished(self, report: AuditReport, now: float) -> AuditReport:
        """The report with what the whole came to."""
        differing = {name: RangeSet(runs) for name, runs in report.differing.items()}
        repaired = [seqs - differing.get(name, EMPTY) for name, seqs in self.doubted.items()]
        return replace(
            report,
            repaired=sum(seqs.count for seqs in repaired),
            repairs=self.repairs,
            gone=tuple(sorted(self.gone)),
            rounds=self.rounds,
            bytes_up=self.bytes_up,
            bytes_down=self.bytes_down,
            seconds=max(0.0, now - self.started),
        )


@dataclass(frozen=True, slots=True)
class Sync:
    """Bring what is lacking; answered by the report."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Forget these records first."""

    found: Mapping[str, RangeSet]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait: whatever made the difference may be over then."""

    tries: int


Need = More | Audit | Sync | Doubt | Pause
Course = Generator[Need, Any, AuditReport]


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """Makes the courses of audits.

    Attributes:
        requests: state what the device has.
        holdings: what it has.
        trust: its tokens.
        shelf: its records; without one there are no audits.
        repair_tries: how often what differs is brought anew.
    """

    requests: Requests
    holdings: Holdings
    trust: Trust
    shelf: Shelf | None
    repair_tries: int

    def run(self, job: AuditJob) -> Course:
        """An audit from the beginning to its report.

        Raises:
            TidelogError: within the course, where it goes no further.
        """
        while True:
            try:
                report = yield from self._round(job)
            except TidelogError as error:
                # What the token stands for has moved on, or the service has forgotten it.
                job.tokens_lost += 1
                if error.code != Code.TOKEN.word or job.tokens_lost > _TOKENS_MAX:
                    raise
                continue
            if report is not None:
                return report

    def _round(self, job: AuditJob) -> Generator[Need, Any, AuditReport | None]:
        """Compare once, and mend what is wrong; a report where there is nothing more to be done."""
        report = yield from self._of_all(job)
        if report is not None:
            return report
        look = self._look(job)
        if look is None:
            return (yield from self._bring(job, None))
        total = yield from look.whole()
        compared = look.count.records
        partly = sum(map(len, look.count.beginnings.values()))
        verdict: Verdict = yield look.audit(look.question.request, total=None if partly else total)
        strange = [name for name in job.channels or () if self.holdings.get(name) is None]
        report = AuditReport(
            complete=not verdict.lacking and not strange,
            equal=not verdict.differing and not partly,
            records=compared,
            lacking=verdict.lacking,
            beginnings=partly,
        )
        if partly and report.complete:
            found = yield from self._differing(look)
            if found is None:
                return (yield from self._bring(job, report))
            report = replace(report, equal=not found)
        if verdict.lacking or strange or (verdict.news and not report.equal):
            return (yield from self._bring(job, report))
        if report.equal:
            return report
        return (yield from self._mend(job, look, report))

    def _of_all(self, job: AuditJob) -> Generator[Need, Any, AuditReport | None]:
        """Ask first whether all that there is comes to what the device has; ``None`` where it does not.

        It names no account, so it is as short after any number of pushes, and without a token.
        """
        held = [
            one for one in self.holdings.by_channel.values() if not one.gone and job.concerns(one.channel)
        ]
        lacking = any(_readable(one) - one.have for one in held)
        if self.shelf is None or job.channels is not None or job.rounds or not held or lacking:
            return None
        count, total = Count(self.shelf), 0
        for one in held:
            total += log_fingerprint(one.channel, one.epoch, one.head)
            total += yield from count.whole(one.channel, one.epoch, _readable(one))
        if count.beginnings:
            return None
        patterns = job.filter.patterns if job.filter is not None else ()
        verdict: Verdict = yield Audit(
            request=self.requests.new_rid(), total=total % SUM_STOP, patterns=patterns
        )
        return None if verdict.differing else AuditReport(complete=True, equal=True, records=count.records)

    def _look(self, job: AuditJob) -> Look | None:
        """What the device says that it has; ``None`` where it does not fit a request."""
        if self.shelf is None:
            raise UsageError("a device without a store of its own cannot audit", code="unsupported")
        question = job.question = self.requests.stated(
            Aim(channels=job.channels, rule=Rule(), filter=job.filter), self.holdings, self.trust.tokens
        )
        if question.left_over:
            return None
        return Look(question=question, kept=kept(question, self.holdings.by_channel), count=Count(self.shelf))

    def _bring(self, job: AuditJob, report: AuditReport | None) -> Generator[Need, Any, AuditReport | None]:
        """Sync what is lacking, and look again."""
        if report is None and not job.repair:
            raise UsageError("what the device has does not fit a request", code="limit", hint="sync first")
        if report is not None and (not job.repair or job.syncs >= SYNCS_MAX):
            return report
        if job.syncs >= SYNCS_MAX:
            raise ProtocolError("what the device has does not fit a request, synced or not")
        job.syncs += 1
        yield from self._synced(job)
        return None

    def _synced(self, job: AuditJob) -> Generator[Need, Any, None]:
        synced: SyncReport = yield Sync()
        job.gone |= set(synced.gone)
        if job.channels is not None:
            job.channels = tuple(name for name in job.channels if name not in job.gone)

    def _mend(
        self, job: AuditJob, look: Look, report: AuditReport
    ) -> Generator[Need, Any, AuditReport | None]:
        """Find what differs, and bring it anew, three times at most."""
        if job.repairs and not job.rested:
            job.rested = True
            yield Pause(job.repairs)
            return None
        found = yield from self._differing(look)
        if found is None:
            return (yield from self._bring(job, report))
        if not job.repair or job.repairs >= self.repair_tries:
            return replace(report, differing={name: seqs.runs for name, seqs in found.items()})
        job.repairs, job.rested = job.repairs + 1, False
        for name, seqs in found.items():
            job.doubted[name] = job.doubted.get(name, EMPTY) | seqs
        yield Doubt(found)
        yield from self._synced(job)
        return None

    def _differing(self, look: Look) -> Generator[Need, Any, dict[str, RangeSet] | None]:
        """What differs; ``None`` where a log may be another by now: what is held may be nowhere else."""
        narrowing = Narrowing(look=look, rid=self.requests.new_rid)
        yield from narrowing.run()
        return None if narrowing.moved else narrowing.found


def _readable(holding: Holding) -> RangeSet:
    return RangeSet([(holding.floor, max(holding.floor, holding.head + 1))])
