"""Who waits for what: futures of receipts, syncs and audits, and the state of the link."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from tidelog.bodies import Progress, Told
from tidelog.replica.ports import Mark
from tidelog.replica.steps import (
    AuditEnded,
    BodyCame,
    BodyEnded,
    BodyWent,
    MarkSettled,
    Receipt,
    Receipted,
    Refused,
    Renumbered,
    SyncEnded,
)
from tidelog.wire.errors import Denied, TidelogError, Unavailable


class Waiting:
    """Futures by message number and sync job; any thread may call.

    Args:
        settled: called after a sync's future is done.
    """

    def __init__(self, settled: Callable[[], None]) -> None:
        """See the class."""
        self._settled = settled
        self._lock = threading.Lock()
        self._sends: dict[int, Future[Receipt]] = {}
        self._progress: dict[int, Progress] = {}
        self._syncs: dict[int, Future[Any]] = {}
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

    def fail_all(self, error: TidelogError) -> None:
        """The device is closed: nobody will hear any more."""
        with self._lock:
            marks = [future for waiting in self._marks.values() for future in waiting]
            futures: list[Future[Any]] = [*self._sends.values(), *self._syncs.values(), *marks]
            self._marks.clear()
            for job, told in self._bodies.items():
                told.put(BodyEnded(job=job, error=error))
            self._bodies.clear()
            self._sends.clear()
            self._syncs.clear()
        for future in futures:
            if not future.done():
                future.set_exception(error)

    def _take(self, n: int) -> Future[Receipt] | None:
        with self._lock:
            self._progress.pop(n, None)
            return self._sends.pop(n, None)


class LinkState:
    """Whether there is a connection, and why not; any thread may wait for it."""

    def __init__(self) -> None:
        """Not yet tried."""
        self._changed = threading.Condition()
        self._reason: TidelogError | None = None
        self.online = False

    def change(self, online: bool, reason: TidelogError | None) -> None:  # noqa: FBT001 - a callback
        """The link came up, or went down for a reason."""
        with self._changed:
            self.online = online
            if not online:
                self._reason = reason
            self._changed.notify_all()

    def stir(self) -> None:
        """Have those who wait look at their conditions again."""
        with self._changed:
            self._changed.notify_all()

    def wait_online(self, timeout: float) -> bool:
        """Wait for a connection, through refusals too; whether there is one (``timeout`` in seconds)."""
        with self._changed:
            return self._changed.wait_for(lambda: self.online, timeout)

    def wait_settled(self, timeout: float, *, otherwise: Callable[[], bool] = lambda: False) -> bool:
        """Wait for a connection, a refusal of the credentials, or something else.

        Args:
            timeout: seconds.
            otherwise: ends the waiting too; looked at after each change and `stir`.

        Returns:
            whether the credentials are refused.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.online or self.denied or otherwise(), timeout)
            return self.denied

    @property
    def denied(self) -> bool:
        """Whether there is no connection because the credentials were refused."""
        return not self.online and isinstance(self._reason, Denied)

    def why_offline(self, otherwise: str) -> TidelogError:
        """The error for whoever needed the link.

        Args:
            otherwise: what to say where the credentials are not the reason.
        """
        reason = self._reason
        if isinstance(reason, Denied):
            return reason
        if reason is None:
            return Unavailable(otherwise, code="offline", hint="is the broker's address right?")
        return Unavailable(f"{otherwise}: {reason}", code="offline", hint=reason.hint)
