"""What a device asks the service for: syncs, previews, manifests and audits, and waiting for their ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from tidelog.arguments import checked_budget, checked_mode, checked_seqs
from tidelog.choice import Choice, chosen
from tidelog.reading import holding_of
from tidelog.replica.amends import AuditJob
from tidelog.replica.costs import bytes_full
from tidelog.replica.machine import Machine
from tidelog.replica.requests import Job
from tidelog.replica.steps import AuditEnded, AuditReport, Listing, Preview, Step, SyncEnded, SyncReport
from tidelog.replica.surveys import Survey, Want
from tidelog.shell import Shell
from tidelog.wire.errors import Unavailable
from tidelog.wire.queries import Depth
from tidelog.wire.ranges import Run

T = TypeVar("T")


class Syncing:
    """Asks, and waits; any thread may call. What its methods take and raise: see `tidelog.Device`.

    Args:
        shell: the device's.
        device: its id.
    """

    def __init__(self, shell: Shell, device: str) -> None:
        """See the class."""
        self._shell = shell
        self._device = device
        self._lock = threading.Lock()
        self._differing: dict[str, tuple[Run, ...]] = {}

    @property
    def differing(self) -> dict[str, tuple[Run, ...]]:
        """What the last audits found and could not repair, by channel."""
        with self._lock:
            return dict(self._differing)

    def sync(
        self, choice: Choice, *, wanted: bool, max_bytes: int | None, mode: str, timeout: float
    ) -> SyncReport:
        """Bring what the device lacks of a choice."""
        job = self._job(choice)
        job.wanted_only, job.max_bytes = wanted, checked_budget(max_bytes)
        job.survey = Survey(depth=Depth.MANIFEST, fetch=True) if checked_mode(mode) == "manifest" else None
        job.cheaper = mode == "auto"
        return self._report(job, timeout)

    def fetch(self, channel: str, seqs: Iterable[int], timeout: float) -> SyncReport:
        """Bring records by their numbers."""
        job = self._job(chosen(channels=(channel,)))
        holding = holding_of(self._shell.store, channel)
        epoch = holding.epoch if holding is not None else 0
        job.wants = {channel: Want(epoch=epoch, seqs=checked_seqs(seqs), told=True)}
        return self._report(job, timeout)

    def preview(self, choice: Choice, timeout: float) -> Preview:
        """What a sync of a choice would bring and take."""
        job = self._job(choice)
        job.survey = Survey(depth=Depth.PREVIEW)
        found = self._ended(job, timeout).found
        assert isinstance(found, Preview)  # noqa: S101 - the machine ends a preview with one
        return found

    def manifest(self, choice: Choice, timeout: float) -> tuple[Listing, ...]:
        """The records that the service has of a choice."""
        job = self._job(choice)
        job.survey = Survey(depth=Depth.MANIFEST)
        found = self._ended(job, timeout).found
        assert isinstance(found, tuple)  # noqa: S101 - the machine ends a manifest with listings
        return found

    def audit(self, choice: Choice, *, repair: bool, timeout: float) -> AuditReport:
        """Compare what the device has of a choice with what the service has."""
        self._shell.start()
        job = AuditJob(
            id=self._shell.next_job(), channels=choice.channels, filter=choice.filter, repair=repair
        )
        ended = self._wait(
            job.id, lambda machine, now: machine.audit(job, now), Future[AuditEnded](), timeout
        )
        report = ended.report
        assert report is not None  # noqa: S101 - an audit that ends without an error has one
        with self._lock:
            others = {name: seqs for name, seqs in self._differing.items() if not job.concerns(name)}
            self._differing = others | dict(report.differing)
        return report

    def _job(self, choice: Choice) -> Job:
        self._shell.start()
        return Job(
            id=self._shell.next_job(), channels=choice.channels, rule=choice.rule, filter=choice.filter
        )

    def _report(self, job: Job, timeout: float) -> SyncReport:
        report = self._ended(job, timeout).report
        assert report is not None  # noqa: S101 - a sync that ends without an error has one
        # From the machine: the store would read the outbox and all accounts for it.
        known = self._shell.local(lambda machine, _now: (tuple(machine.holdings.by_channel.values()), Step()))
        scope = (
            held
            for held in known
            if (job.channels is None or held.channel in job.channels) and job.aim.admits(held.channel)
        )
        weights = (self._shell.store.weight(held.channel, held.epoch) for held in scope)
        return replace(report, bytes_full=bytes_full(report, device=self._device, held=weights))

    def _ended(self, job: Job, timeout: float) -> SyncEnded:
        return self._wait(job.id, lambda machine, now: machine.sync(job, now), Future[SyncEnded](), timeout)

    def _wait(
        self, job: int, begin: Callable[[Machine, float], Step], future: Future[T], timeout: float
    ) -> T:
        """Begin a sync or an audit, and wait for its end."""
        self._shell.waiting.for_sync(job, future)
        try:
            return self._shell.answer(
                future,
                timeout=timeout,
                begin=begin,
                give_up=lambda machine, error: machine.give_up(job, error),
                late=_late(timeout),
            )
        finally:
            self._shell.waiting.forget_sync(job)


def _late(timeout: float) -> Unavailable:
    return Unavailable(
        f"the service did not finish answering within {timeout:g} s",
        code="timeout",
        hint="is the service running beside the broker? What arrived is kept",
    )
