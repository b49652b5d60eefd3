"""Notices within a second what others do to the registry and to the database's file, and acts on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tidelog.wire.errors import TidelogError, Unavailable
from tidelog_service.store.registry import Registry

POLL_SECONDS = 0.25
"""A revocation is promised within a second; one look is a read of one row."""


class Watcher:
    """Looks at the registry's generation, and where it has changed, at its devices.

    Args:
        registry: on a connection that other threads do not use meanwhile.
        revoked: called with a device that may do nothing any more; on the watcher's thread, once for each.
        changed: called after each change of the registry, e.g. to write a broker's password file.
        identity: of the database's file; another one than at the start means that it was deleted or replaced
            under the service, which goes on writing into a file that nobody will see again.
        gone: called then, once; the watcher ends.
        trouble: told where the store does not answer; it is looked at again.
        beat: called at each look.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        revoked: Callable[[str], None],
        changed: Sequence[Callable[[], object]] = (),
        identity: Callable[[], object],
        gone: Callable[[TidelogError], None],
        trouble: Callable[[Exception], None],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """See the class."""
        self._registry = registry
        self._revoked = revoked
        self._changed = changed
        self._identity = identity
        self._gone = gone
        self._first_identity = identity()
        self._trouble = trouble
        self._beat = beat
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tidelog-watcher", daemon=True)
        self._generation = registry.generation()
        self._known = self._now_revoked()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; idempotent."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - told, and looked at again
                self._trouble(error)

    def _look(self) -> None:
        self._beat()
        if self._identity() != self._first_identity:
            self._stopping.set()
            self._gone(
                Unavailable(
                    "the database was deleted or replaced under the service",
                    code="data_gone",
                    hint="bring its files back and start again; what had a receipt since then is lost",
                )
            )
            return
        generation = self._registry.generation()
        if generation == self._generation:
            return
        for act in self._changed:
            act()
        now = self._now_revoked()
        for device in sorted(now - self._known):
            self._revoked(device)
        self._known, self._generation = now, generation

    def _now_revoked(self) -> set[str]:
        return {device.device for device in self._registry.devices() if device.revoked}
