"""The thread that owns the device machine and its store; others post to its inbox."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from tidelog.replica.machine import Machine
from tidelog.replica.ports import Store, Transport
from tidelog.replica.steps import Event, Step, Trouble
from tidelog.wire.errors import TidelogError, Unavailable, UsageError

T = TypeVar("T")

Command = Callable[[Machine, float], tuple[T, Step]]
"""Runs on the driver's thread: machine and monotonic seconds in, a result and a step out."""

_IDLE_SECONDS = 3600.0
_STORE_RETRY_SECONDS = 1.0


class Driver:
    """Runs a machine on a thread of its own.

    Args:
        make_machine: builds the machine from the store; called again after the store failed, as memory may
            then be ahead of the disk.
        store: where steps are persisted.
        transport: where packets go.
        tell: gets each event and each change of the link; runs on the driver's thread and only enqueues.
        on_link: called with whether there is a connection and, where not, why.
    """

    def __init__(
        self,
        *,
        make_machine: Callable[[], Machine],
        store: Store,
        transport: Transport,
        tell: Callable[[Event], None],
        on_link: Callable[[bool, TidelogError | None], None],
    ) -> None:
        """See the class."""
        self._make_machine = make_machine
        self._machine = make_machine()
        self._store = store
        self._transport = transport
        self._tell = tell
        self._on_link = on_link
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="tidelog-driver", daemon=True)
        self._closed = threading.Event()

    def start(self) -> None:
        """Start the thread and the transport."""
        self._thread.start()
        self._transport.start(self)

    def stop(self) -> None:
        """End the transport, then the thread, once what was posted before is done; idempotent."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._transport.stop()
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def call(self, command: Command[T]) -> Future[T]:
        """Run a command on the thread.

        Returns:
            its result, once the step is persisted and sent; a failing store is raised from it.
        """
        future: Future[T] = Future()
        if self._closed.is_set():
            future.set_exception(Unavailable("the device is closed", code="closed"))
            return future
        self._inbox.put(lambda: self._execute(command, future))
        return future

    # What the transport tells, on its thread

    def on_online(self, *, session_present: bool) -> None:  # noqa: ARG002 - the transport subscribes by itself
        """See `tidelog.replica.ports.Listener`."""
        self._inbox.put(self._go_online)

    def on_offline(self, reason: TidelogError) -> None:
        """See `tidelog.replica.ports.Listener`."""
        self._inbox.put(lambda: self._go_offline(reason))

    def on_packet(self, topic: str, payload: bytes, size: int) -> None:  # noqa: ARG002 - only `re` is subscribed
        """See `tidelog.replica.ports.Listener`."""
        self._inbox.put(
            lambda: self._attempt(lambda: self._machine.received(payload, size, time.monotonic()))
        )

    # On the driver's thread

    def _run(self) -> None:
        while (work := self._next()) is not None:
            work()
        self._fail_left_over()

    def _next(self) -> Callable[[], None] | None:
        due = self._machine.due()
        wait = _IDLE_SECONDS if due is None else max(0.0, due - time.monotonic())
        try:
            return self._inbox.get(timeout=wait) if wait else self._inbox.get_nowait()
        except queue.Empty:
            return lambda: self._attempt(lambda: self._machine.tick(time.monotonic()))

    def _fail_left_over(self) -> None:
        """Commands posted while the thread was ending find the device closed."""
        while not self._inbox.empty():
            work = self._inbox.get()
            if work is not None:
                work()

    def _go_online(self) -> None:
        self._attempt(lambda: self._machine.connected(time.monotonic()))
        self._on_link(True, None)

    def _go_offline(self, reason: TidelogError) -> None:
        self._attempt(self._machine.disconnected)
        self._on_link(False, reason)

    def _execute(self, command: Command[T], future: Future[T]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result, step = command(self._machine, time.monotonic())
            self._perform(step)
        except UsageError as error:
            future.set_exception(error)
        except Exception as error:  # noqa: BLE001 - whoever waits for the result gets it
            self._recover(error)
            future.set_exception(error)
        else:
            future.set_result(result)

    def _attempt(self, work: Callable[[], Step]) -> None:
        try:
            self._perform(work())
        except Exception as error:  # noqa: BLE001 - told to the application, and the machine made anew
            self._recover(error)

    def _perform(self, step: Step) -> None:
        """Persist, then send, then tell."""
        if step.changes:
            self._store.apply(step.changes)
        for outgoing in step.send:
            size = self._transport.publish(outgoing.topic, outgoing.payload, qos=outgoing.qos)
            self._machine.sent(outgoing, size)
        for event in step.events:
            self._tell(event)

    def _recover(self, cause: Exception) -> None:
        """A step failed that the machine has already taken: begin again from what is on disk.

        The application's syncs end with the error. While the store cannot be read the thread waits for it.
        """
        error = cause if isinstance(cause, TidelogError) else _internal(cause)
        self._tell(Trouble(error=error))
        for event in self._machine.abandon(error).events:
            self._tell(event)
        online = self._machine.online
        while not self._closed.is_set():
            try:
                self._machine = self._make_machine()
            except TidelogError as failure:
                self._tell(Trouble(error=failure))
                self._closed.wait(_STORE_RETRY_SECONDS)
            else:
                break
        if online:
            self._inbox.put(self._go_online)


def _internal(cause: Exception) -> TidelogError:
    error = TidelogError(
        f"a fault in the device library: {cause!r}", code="internal", hint="please report it with this text"
    )
    error.__cause__ = cause
    return error
