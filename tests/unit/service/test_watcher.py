"""The watcher: what another process changes is noticed, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks import eventually
from tidelog.wire.errors import TidelogError
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.registry import Registry
from tidelog_service.watcher import Watcher


def test_revocations_and_changes_made_elsewhere_are_told_once(tmp_path: Path) -> None:
    revoked: list[str] = []
    changes: list[None] = []
    with open_database(tmp_path / "a.db") as mine, open_database(tmp_path / "a.db") as elsewhere:
        other = Registry(elsewhere)
        other.add_user("alice")
        for device in ("old", "phone"):
            other.add_device("alice", device)
        other.revoke_device("old")
        watcher = Watcher(
            Registry(mine),
            revoked=revoked.append,
            changed=[lambda: changes.append(None)],
            identity=lambda: 1,
            gone=lambda error: revoked.append(str(error)),
            trouble=lambda error: revoked.append(str(error)),
        )
        watcher.start()
        try:
            other.revoke_device("phone")
            eventually(lambda: revoked, within=2)
            other.add_device("alice", "tablet")
            eventually(lambda: len(changes) == 2, within=2)
        finally:
            watcher.stop()
    assert revoked == ["phone"]
    assert len(changes) == 2


def test_a_database_that_is_deleted_under_the_service_is_told_and_ends_it(tmp_path: Path) -> None:
    """Receipts into a file that nobody will see again would be worthless."""
    folder = DataFolder(tmp_path / "data")
    ended: list[TidelogError] = []
    with open_database(folder.database) as mine:
        watcher = Watcher(
            Registry(mine),
            revoked=lambda device: None,  # noqa: ARG005 - nobody is
            identity=folder.identity,
            gone=ended.append,
            trouble=lambda error: pytest.fail(str(error)),
        )
        watcher.start()
        try:
            folder.database.unlink()
            eventually(lambda: ended, within=2)
        finally:
            watcher.stop()
    assert [error.code for error in ended] == ["data_gone"]
