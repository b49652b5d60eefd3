"""Which store a device was given."""

from __future__ import annotations

from pathlib import Path

from tidelog.replica.ports import Store
from tidelog.store.memory import MemoryStore
from tidelog.store.sqlite import SqliteStore


def opened(store: str | Path, device: str) -> Store:
    """Open the SQLite file of a device, or memory for ``":memory:"``.

    Raises:
        UsageError: the file is another device's.
        Unavailable: it cannot be opened, e.g. ``store_locked`` by another process.
    """
    if str(store) == ":memory:":
        return MemoryStore()
    return SqliteStore(store, device=device)
