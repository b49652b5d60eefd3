"""When caches are emptied."""

from __future__ import annotations

import pytest

from tidelog_service.engine.ports import Head, NewRow
from tidelog_service.store.database import Database
from tidelog_service.store.generations import Watch
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry


@pytest.fixture
def emptied() -> list[int]:
    """One entry for each call."""
    return []


@pytest.fixture
def watch(database: Database, registry: Registry, emptied: list[int]) -> Watch:  # noqa: ARG001 - fills the database
    """A watch that has looked once."""
    made = Watch(database, lambda: emptied.append(1))
    made.look()
    emptied.clear()
    return made


def test_nothing_is_emptied_while_nothing_changes(
    watch: Watch, emptied: list[int], store: RecordStore
) -> None:
    """Stored records do not count as a change."""
    before = watch.seen
    with store.transaction():
        store.append([NewRow(1, 1, 1, 5, 5, 0, "", b"hello")])
        store.advance({1: Head(1, 5)})
    assert watch.look() == before
    assert emptied == []


def test_a_change_is_seen_once_from_either_connection(
    watch: Watch, emptied: list[int], registry: Registry, database: Database
) -> None:
    """The same connection's changes count as well as another's."""
    registry.leave("room", "bob")
    assert (watch.look(), watch.look()) == (registry.generation(),) * 2
    assert emptied == [1]
    with database.another() as other:
        Registry(other).revoke_device("a1")
    watch.look()
    assert emptied == [1, 1]
