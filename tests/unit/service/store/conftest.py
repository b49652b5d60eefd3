"""Databases for the tests of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidelog_service.store.database import Database, open_database
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "tidelog.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """A new database in a file."""
    with open_database(path) as made:
        yield made


@pytest.fixture
def registry(database: Database) -> Iterator[Registry]:
    """Ann with two devices, Bob with one, and a room of both."""
    made = Registry(database, now_ms=lambda: 1_000)
    for user in ("ann", "bob", "cem"):
        made.add_user(user)
    for user, device in (("ann", "a1"), ("ann", "a2"), ("bob", "b1"), ("cem", "c1")):
        made.add_device(user, device, secret=f"secret of {device}")
    made.add_channel("room", ["ann", "bob"])
    yield made
    made.close()


@pytest.fixture
def store(database: Database, registry: Registry) -> RecordStore:  # noqa: ARG001 - fills the database
    """The engine's store over the same database."""
    return RecordStore(database)
