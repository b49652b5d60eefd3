"""The thread that runs the application's callbacks, so that they may call the device and wait."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tidelog.replica.ports import Mark, Record
from tidelog.replica.steps import Membership

T = TypeVar("T")


class Callbacks:
    """Runs callbacks in the order of what happened, on one thread."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="tidelog-callbacks", daemon=True)
        self._lock = threading.Lock()
        self._on_record: dict[object, Callable[[Record], None]] = {}
        self._on_membership: dict[object, Callable[[Membership], None]] = {}
        self._on_mark: dict[object, Callable[[Mark], None]] = {}
        self._on_error: dict[object, Callable[[Exception], None]] = {}

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread once what was queued is done; from a callback it does not wait for itself."""
        self._queue.put(None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def on_record(self, callback: Callable[[Record], None]) -> Callable[[], None]:
        """Add a listener; returns what removes it."""
        return self._add(self._on_record, callback)

    def on_membership(self, callback: Callable[[Membership], None]) -> Callable[[], None]:
        """Add a listener; returns what removes it."""
        return self._add(self._on_membership, callback)

    def on_mark(self, callback: Callable[[Mark], None]) -> Callable[[], None]:
        """Add a listener; returns what removes it."""
        return self._add(self._on_mark, callback)

    def on_error(self, callback: Callable[[Exception], None]) -> Callable[[], None]:
        """Add a listener; returns what removes it."""
        return self._add(self._on_error, callback)

    def arrived(self, records: tuple[Record, ...]) -> None:
        """Queue new records for the listeners, if there are any."""
        self._tell(self._on_record, records)

    def marked(self, marks: tuple[Mark, ...]) -> None:
        """Queue new marks for the listeners, if there are any."""
        self._tell(self._on_mark, marks)

    def changed(self, membership: Membership) -> None:
        """Queue a change of a membership for the listeners, if there are any."""
        self._tell(self._on_membership, (membership,))

    def run(self, work: Callable[[], None]) -> None:
        """Queue a call of the application's own."""
        self._queue.put(lambda: self._call_all([lambda _: work()], None))

    def trouble(self, error: Exception) -> None:
        """Queue an error for the listeners."""
        self._queue.put(lambda: self._report(error))

    def _add(
        self, listeners: dict[object, Callable[..., None]], callback: Callable[..., None]
    ) -> Callable[[], None]:
        key = object()
        with self._lock:
            listeners[key] = callback

        def remove() -> None:
            with self._lock:
                listeners.pop(key, None)

        return remove

    def _tell(self, by_key: dict[object, Callable[[T], None]], news: tuple[T, ...]) -> None:
        with self._lock:
            listeners = list(by_key.values())
        for one in news if listeners else ():
            self._queue.put(partial(self._call_all, listeners, one))

    def _call_all(self, listeners: list[Callable[[T], None]], one: T) -> None:
        for listener in listeners:
            try:
                listener(one)
            except Exception as error:  # noqa: BLE001 - the application's own, told to on_error
                self._report(error)

    def _report(self, error: Exception) -> None:
        with self._lock:
            listeners = list(self._on_error.values())
        if not listeners:
            threading.excepthook(
                threading.ExceptHookArgs((type(error), error, error.__traceback__, self._thread))
            )
        for listener in listeners:
            try:
                listener(error)
            except Exception:  # noqa: BLE001 - nobody else is left to tell
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self._thread)))

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
