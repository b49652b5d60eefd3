"""When the service was last alive."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidelog.wire.errors import Unavailable
from tidelog_service.store.heartbeat import Heartbeat


def test_a_service_that_never_ran_was_never_alive(tmp_path: Path) -> None:
    assert Heartbeat(tmp_path / "alive").last_ms is None


def test_the_next_service_knows_when_this_one_was_last_alive(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    first = Heartbeat(path)
    first.beat()
    os.utime(path, ns=(5_000_000_000, 5_000_000_000))
    first.beat()
    second = Heartbeat(path)
    assert second.last_ms == 5_000, "it was noted a moment ago"
    first.beat(at_once=True)
    assert second.last_ms == 5_000
    last = Heartbeat(path).last_ms
    assert last is not None
    assert last > 10**12


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as failed:
        Heartbeat(tmp_path / "missing" / "alive").beat()
    assert (failed.value.code, bool(failed.value.hint)) == ("data_folder", True)
