"""What a device runs on: its store, its link and its threads, from the first use to the end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Final, TypeVar

from tidelog.callbacks import Callbacks
from tidelog.dispatch import Dispatch
from tidelog.driver import Command, Driver
from tidelog.link import LinkState
from tidelog.replica.machine import Machine
from tidelog.replica.ports import Store, Transport
from tidelog.replica.steps import Step
from tidelog.waiting import Waiting
from tidelog.wire.errors import TidelogError, Unavailable, UsageError

T = TypeVar("T")

_LOCAL_SECONDS: Final = 30.0
"""How long a call waits for the device's own thread and disk."""


class Shell:
    """Starts and stops what runs beneath a device, and lets calls wait for it; any thread may call.

    Args:
        make_machine: builds the machine from the store.
        store: the device's; closed with it.
        transport: where packets go.

    Attributes:
        store: as given.
        callbacks: the application's.
        waiting: who waits for what.
        link: whether there is a connection.
    """

    def __init__(self, *, make_machine: Callable[[], Machine], store: Store, transport: Transport) -> None:
        """See the class."""
        self.store = store
        self.callbacks = Callbacks()
        self.link = LinkState()
        self.waiting = Waiting(self.link.stir)
        self._transport = transport
        self._lock = threading.Lock()
        self._started = False
        self._closed = False
        self._job_ids = itertools.count(1)
        self._driver = Driver(
            make_machine=make_machine,
            store=store,
            transport=transport,
            tell=Dispatch(waiting=self.waiting, callbacks=self.callbacks).tell,
            on_link=self.link.change,
        )

    def start(self) -> None:
        """Begin to connect, in the background; nothing where that has begun.

        Raises:
            UsageError: the device is closed (``closed``).
        """
        with self._lock:
            if self._closed:
                raise UsageError("the device is closed", code="closed")
            if self._started:
                return
            self._started = True
        self.callbacks.start()
        self._driver.start()

    def close(self) -> None:
        """End the threads and release the store; who waits hears of it. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._started:
            self._driver.stop()
            self.callbacks.stop()
        self.store.close()
        self.waiting.fail_all()

    # The link

    def connect(self, timeout: float) -> None:
        """Wait until there is a connection, ``timeout`` seconds at most.

        Raises:
            Denied: the broker refused the credentials.
            Unavailable: there was none in time.
        """
        self.start()
        self._hasten()
        self.link.wait_settled(timeout)
        if not self.link.online:
            raise self.late(timeout)

    def wait_online(self, timeout: float) -> bool:
        """Wait for a connection, through refusals too; whether there is one (``timeout`` in seconds)."""
        self.start()
        self._hasten()
        return self.link.wait_online(timeout)

    def late(self, timeout: float, otherwise: TidelogError | None = None) -> TidelogError:
        """Why nothing came within ``timeout`` seconds: the link, where it is down, or ``otherwise``."""
        if otherwise is not None and self.link.online:
            return otherwise
        return self.link.why_offline(f"no connection within {timeout:g} s")

    def _hasten(self) -> None:
        """Somebody waits: do not sit out the pause between attempts."""
        if not self.link.online:
            self._transport.hasten()

    # Commands

    def next_job(self) -> int:
        """An id for something that a call waits for, not used before."""
        return next(self._job_ids)

    def local(self, command: Command[T]) -> T:
        """Run a command on the device's own thread and wait for it.

        Raises:
            Unavailable: the store failed, or did not answer (``store_failed``).
        """
        try:
            return self._driver.call(command).result(timeout=_LOCAL_SECONDS)
        except FutureTimeoutError:
            raise Unavailable(
                f"the device's store did not answer within {_LOCAL_SECONDS:g} s", code="store_failed"
            ) from None

    def do(self, work: Callable[[Machine, float], Step]) -> None:
        """Run a command that has no result; as `local`."""
        self.local(lambda machine, now: (None, work(machine, now)))

    def answer(
        self,
        future: Future[T],
        *,
        timeout: float,
        begin: Callable[[Machine, float], Step],
        give_up: Callable[[Machine, TidelogError], Step],
        late: TidelogError,
    ) -> T:
        """Begin something that the service has to answer, and wait for its end.

        Args:
            future: done at its end.
            timeout: seconds, for the whole.
            begin: what the machine is told at first.
            give_up: what it is told where there was no end in time, and with what error that is raised.
            late: that error, where the link is up.

        Raises:
            TidelogError: as the future has it.
            Denied: the credentials were refused.
            Unavailable: there was no link or no answer in time.
        """
        self._hasten()
        deadline = time.monotonic() + timeout
        self.do(begin)
        refused = self.link.wait_settled(timeout, otherwise=future.done)
        try:
            return future.result(timeout=0.0 if refused else max(0.0, deadline - time.monotonic()))
        except FutureTimeoutError:
            error = self.late(timeout, late)
            self.do(lambda machine, _now: give_up(machine, error))
            raise error from None
