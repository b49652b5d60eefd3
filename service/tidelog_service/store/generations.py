"""Caches over what an operator may change at any moment, in this process or another."""

from __future__ import annotations

from collections.abc import Callable

from tidelog_service.store.database import Database
from tidelog_service.store.enrolment import GENERATION_ROW
from tidelog_service.store.models import Generation


class Watch:
    """Calls back when users, devices, channels or members have changed since the last look.

    A look reads one row by its key: 3 us, as much as SQLite's ``PRAGMA data_version``, which would miss
    changes over the same connection and tell of every stored record.

    Args:
        database: where to look.
        changed: forgets what was cached.

    Attributes:
        seen: the generation at the last look; 0 before the first.
    """

    __slots__ = ("_changed", "_database", "_sql", "seen")

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        """See the class."""
        self._database = database
        self._changed = changed
        self._sql = database.compile(Generation.select(Generation.n).where(Generation.id == GENERATION_ROW))
        self.seen = 0

    def look(self) -> int:
        """Look once; before anything is read that will be cached, so that no change falls in between.

        Returns:
            the generation, as `seen` from now on.
        """
        generation: int = self._database.fetch(self._sql, (GENERATION_ROW,))[0][0]
        if generation != self.seen:
            self._changed()
            self.seen = generation
        return generation
