"""How a sync ends: with a report, or with the error that says why it goes no further.

What the machine asked for by itself has no caller to tell: its errors are trouble.
"""

from __future__ import annotations

from tidelog.replica.requests import Job
from tidelog.replica.steps import Found, SyncEnded, Trouble
from tidelog.wire.errors import Code, ProtocolError, TidelogError, UsageError, error_for


def ended(job: Job, now: float, *, found: Found = None) -> SyncEnded:
    """Everything in scope is there, or was told; an error where nothing that was named can be had."""
    if job.channels and job.gone.issuperset(job.channels):
        names = ", ".join(repr(name) for name in job.channels)
        error = error_for(Code.NO_CHANNEL, f"no such channel, or not this user's: {names}")
        return SyncEnded(job=job.id, error=error)
    return SyncEnded(job=job.id, report=job.report(now, complete=True), found=found)


def spent(job: Job, now: float) -> SyncEnded:
    """The budget has no room for another page."""
    if job.rounds:
        return SyncEnded(job=job.id, report=job.report(now, complete=False))
    error = UsageError(
        f"a sync of at most {job.max_bytes} bytes: asking alone takes more",
        code="budget",
        hint="give more bytes once; later requests need not say again what the device has",
    )
    return SyncEnded(job=job.id, error=error)


def stalled(job: Job) -> SyncEnded | Trouble:
    """Page after page brings nothing, and the service says that there is more."""
    return failed(
        job, ProtocolError(f"the sync does not converge: {job.rounds} requests, {job.records} records")
    )


def failed(job: Job, error: TidelogError) -> SyncEnded | Trouble:
    """An answer came that ends the job."""
    return Trouble(error=error) if job.repair else SyncEnded(job=job.id, error=error)
