"""Devices' clocks on disk: a row for each device that has written."""

from __future__ import annotations

from collections.abc import Sequence

from peewee import Query

from tidelog_service.engine.clocks import ClockBook, KeptClock
from tidelog_service.store.database import Database
from tidelog_service.store.models import Clock


class ClockStore(ClockBook):
    """`tidelog_service.engine.clocks.ClockBook` on a database.

    Args:
        database: open and migrated; it stays the caller's to close.
    """

    def __init__(self, database: Database) -> None:
        """See the class."""
        self._database = database
        self._state = database.compile(Clock.select(Clock.state).where(Clock.device == ""))
        self._keep = database.compile(_kept())

    def state(self, device: str) -> bytes | None:
        """See `ClockBook.state`."""
        found = self._database.fetch(self._state, (device,))
        return bytes(found[0][0]) if found else None

    def keep(self, kept: Sequence[KeptClock]) -> None:
        """See `ClockBook.keep`; a power cut may take some seconds of it, and it is measured again."""
        with self._database.transaction(durable=False):
            self._database.write_many(self._keep, kept)


def _kept() -> Query:
    """The values: those of a `KeptClock`."""
    new = Clock.insert(device="", skew=0, measured=0, state=b"")
    return new.on_conflict(conflict_target=[Clock.device], preserve=[Clock.skew, Clock.measured, Clock.state])
