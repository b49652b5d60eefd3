"""The watcher: what another process changes is noticed, once."""

from __future__ import annotations

from pathlib import Path

from stacks import eventually
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
