"""Trained dictionaries in a device's file."""

from __future__ import annotations

import sqlite3
from typing import Final

from tidelog.codec.dictionaries import Dictionary
from tidelog.replica.ports import Changes

_PUT: Final = "INSERT INTO dictionaries (id, data) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"


def ids(connection: sqlite3.Connection) -> tuple[int, ...]:
    """Ids of all, the oldest first."""
    return tuple(number for (number,) in connection.execute("SELECT id FROM dictionaries ORDER BY n"))


def read(connection: sqlite3.Connection, number: int) -> Dictionary | None:
    """The dictionary of this id, or ``None``."""
    row = connection.execute("SELECT data FROM dictionaries WHERE id = ?", (number,)).fetchone()
    return Dictionary(id=number, data=row[0]) if row else None


def apply(connection: sqlite3.Connection, changes: Changes) -> None:
    """Let go of the outworn, put the new; inside a transaction."""
    connection.executemany("DELETE FROM dictionaries WHERE id = ?", [(one,) for one in changes.outworn])
    connection.executemany(_PUT, [(one.id, one.data) for one in changes.dictionaries])
