"""A service's database that is set back to a backup, while the witness beside it stays as it is."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

from tidelog_service.store import epochs
from tidelog_service.store.database import Database
from tidelog_service.store.witness import WitnessFile


class Vault:
    """Backups of a database in memory, and its witness.

    Args:
        database: the service's.
        fresh: makes epochs.
    """

    def __init__(self, database: Database, fresh: Callable[[], int]) -> None:
        self._database = database
        self._fresh = fresh
        self._folder = tempfile.TemporaryDirectory()
        self._backup: sqlite3.Connection | None = None
        self._witness: WitnessFile | None = None

    def witness(self) -> WitnessFile:
        """The witness as a service that starts finds it; logs that were set back have other epochs then."""
        if self._witness is not None:
            self._witness.close()
        made = self._witness = WitnessFile(Path(self._folder.name) / "witness", trouble=_raise)
        epochs.renew(self._database, made.lost(self._database), now_ms=lambda: 0, fresh=self._fresh)
        made.begin(self._database)
        return made

    def save(self) -> None:
        """Make a backup; the one before is forgotten."""
        if self._backup is not None:
            self._backup.close()
        self._backup = sqlite3.connect(":memory:")
        self._database.peewee.handle.backup(self._backup)

    def restore(self) -> bool:
        """Put the last backup back; whether there is one."""
        if self._backup is None:
            return False
        self._backup.backup(self._database.peewee.handle)
        return True

    def close(self) -> None:
        """Let go of files and backups."""
        for one in (self._witness, self._backup):
            if one is not None:
                one.close()
        self._folder.cleanup()


def _raise(error: Exception) -> None:
    raise error
