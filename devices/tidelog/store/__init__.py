"""Where a device keeps its records, holdings and outbox: memory or one SQLite file."""

from tidelog.store.memory import MemoryStore
from tidelog.store.sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore"]
