"""Who waits for what: futures of receipts, marks, syncs, audits and enrolments, and large bodies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from tidelog.bodies import Progress, Told
from tidelog.replica.ports import Mark
from tidelog.replica.steps import (
    AuditEnded,
    BodyCame,
    BodyEnded,
    BodyWent,
    EnrolEnded,
    MarkSettled,
    Membership,
    Receipt,
    Receipted,
    Refused,
    Renumbered,
    SyncEnded,
)
from tidelog.wire.errors import TidelogError, Unavailable


class Waiting:
    """Futures by message number and sync job; any thread may call.

    Args:
        settled: called after the future of a sync, an audit or an enrolment is done.
    """

    def __init__(self, settled: Callable[[], None]) -> None:
        """See the class."""
        self._settled = settled
        self._lock = threading.Lock()
        self._sends: dict[int, Future[Receipt]] = {}
        self._progress: dict[int, Progress] = {}
        self._syncs: dict[int, Future[Any]] = {}
        self._enrolments: dict[int, Future[Membership]] = {}
        self._marks: dict[str, list[Future[Mark]]] = {}
        self._bodies: dict[int, Told] = {}

    def for_receipt(self, n: int, future: Future[Receipt], progress: Progress | None = None) -> None:
        """Someone waits for the receipt of message ``n``, and maybe wants to know how far it is."""
        with self._lock:
            self._sends[n] = future
            if progress is not None:
                self._progress[n] = progress

    def progress_of(self, event: BodyWent) -> Progress | None:
        """Who wants to know how far the upload of a message is."""
        with self._lock:
            return self._progress.get(event.n)

    def for_sync(self, job: int, future: Future[Any]) -> None:
        """Someone waits for the end of a sync or an audit."""
        with self._lock:
            self._syncs[job] = future

    def for_enrolment(self, job: int, future: Future[Membership]) -> None:
        """Someone waits for the answer to a request about channels and members."""
        with self._lock:
            self._enrolments[job] = future

    def forget_enrolment(self, job: int) -> None:
        """Nobody waits for this answer any more."""
        with self._lock:
            self._enrolments.pop(job, None)

    def for_mark(self, channel: str, future: Future[Mark]) -> None:
        """Someone waits for the service to have the mark of a channel."""
        with self._lock:
            self._marks.setdefault(channel, []).append(future)

    def forget_mark(self, channel: str, future: Future[Mark]) -> None:
        """The mark was not written: nobody waits for it."""
        with self._lock:
            self._marks[channel] = [one for one in self._marks.get(channel, ()) if one is not future]

    def for_body(self, job: int) -> Told:
        """Someone waits for a large body, and hears here what happens to it."""
        told = Told()
        with self._lock:
            self._bodies[job] = told
        return told

    def forget_body(self, job: int) -> None:
        """Nobody waits for this body any more."""
        with self._lock:
            self._bodies.pop(job, None)

    def body(self, event: BodyCame | BodyEnded) -> None:
        """Something of a body came, or all of it, or nothing will."""
        with self._lock:
            told = self._bodies.get(event.job)
        if told is not None:
            told.put(event)

    def forget_send(self, future: Future[Receipt]) -> None:
        """The message was not written: nobody waits for it."""
        with self._lock:
            self._sends = {n: waiting for n, waiting in self._sends.items() if waiting is not future}

    def forget_sync(self, job: int) -> None:
        """Nobody waits for this sync any more."""
        with self._lock:
            self._syncs.pop(job, None)

    def receipted(self, event: Receipted) -> None:
        """A receipt arrived."""
        future = self._take(event.n)
        if future is not None and future.set_running_or_notify_cancel():
            future.set_result(event.receipt)

    def refused(self, event: Refused) -> bool:
        """A message was refused for good; whether somebody was waiting and now knows."""
        future = self._take(event.n)
        if future is None:
            return False
        if future.set_running_or_notify_cancel():
            future.set_exception(event.error)
        return True

    def renumbered(self, event: Renumbered) -> None:
        """A message has another number from now on."""
        with self._lock:
            future = self._sends.pop(event.old, None)
            if future is not None:
                self._sends[event.new] = future
            progress = self._progress.pop(event.old, None)
            if progress is not None:
                self._progress[event.new] = progress

    def ended(self, event: SyncEnded | AuditEnded) -> None:
        """A sync or an audit is over."""
        with self._lock:
            future = self._syncs.get(event.job)
        if future is None or future.done():
            return
        if event.error is not None:
            future.set_exception(event.error)
        else:
            future.set_result(event)
        self._settled()

    def enrolled(self, event: EnrolEnded) -> None:
        """The answer to a request about channels and members is in."""
        with self._lock:
            future = self._enrolments.get(event.job)
        if future is None or future.done():
            return
        if event.membership is not None:
            future.set_result(event.membership)
        else:
            future.set_exception(event.error or Unavailable("no answer"))
        self._settled()

    def marked(self, event: MarkSettled) -> None:
        """A mark waits no more: all who waited for that channel know."""
        with self._lock:
            futures = self._marks.pop(event.mark.channel, [])
        for future in futures:
            if future.set_running_or_notify_cancel():
                if event.error is not None:
                    future.set_exception(event.error)
                else:
                    future.set_result(event.mark)

    def fail_all(self) -> None:
        """The device is closed: nobody will hear any more."""
        unsent = Unavailable(
            "the device was closed before the receipt", code="closed", hint="it is in the outbox"
        )
        unanswered = Unavailable("the device was closed before the answer", code="closed")
        with self._lock:
            marks = [future for waiting in self._marks.values() for future in waiting]
            sent: list[Future[Any]] = [*self._sends.values(), *self._syncs.values(), *marks]
            asked = list(self._enrolments.values())
            for job, told in self._bodies.items():
                told.put(BodyEnded(job=job, error=unsent))
            for waiting in (self._sends, self._syncs, self._marks, self._bodies):
                waiting.clear()
        _fail(sent, unsent)
        _fail(asked, unanswered)
        self._settled()

    def _take(self, n: int) -> Future[Receipt] | None:
        with self._lock:
            self._progress.pop(n, None)
            return self._sends.pop(n, None)


def _fail(futures: Iterable[Future[Any]], error: TidelogError) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
