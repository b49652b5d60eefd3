"""The service's folder and who may use it."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tidelog.wire.errors import UsageError
from tidelog_service.store.data_folder import DataFolder

_HOLD = """
import sys
from tidelog_service.store.data_folder import DataFolder
with DataFolder(sys.argv[1]).lock("tidelog serve"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_missing_folder_is_made_private(tmp_path: Path) -> None:
    """With its parents; an existing one is taken as it is."""
    folder = DataFolder(tmp_path / "deep" / "data")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert folder.database.parent == folder.path
    assert DataFolder(str(folder.path)).path == folder.path


@pytest.mark.parametrize("below", ["file", "file/data"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    """At the folder's place or above it."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file") as caught:
        DataFolder(tmp_path / below)
    assert caught.value.code == "data_folder"


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """The second is told who holds it; when the first ends, the lock is free."""
    folder = DataFolder(tmp_path)
    with folder.lock("tidelog serve"):
        with pytest.raises(UsageError, match="tidelog serve") as caught, folder.lock("tidelog import"):
            pass
        assert (caught.value.code, bool(caught.value.hint)) == ("in_use", True)
    with folder.lock("tidelog import"):
        pass


def test_a_process_that_is_killed_leaves_no_lock_behind(tmp_path: Path) -> None:
    """The kernel lets go of it; while it runs, its process id is in the message."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        refused = pytest.raises(UsageError, match=f"process {holder.pid}")
        with refused, DataFolder(tmp_path).lock("tidelog import"):
            pass
        holder.kill()
        holder.wait(timeout=60)
    with DataFolder(tmp_path).lock("tidelog import"):
        pass


def test_an_error_inside_lets_go_of_the_lock(tmp_path: Path) -> None:
    """An import that fails does not shut out the next try."""
    folder = DataFolder(tmp_path)
    with pytest.raises(KeyError), folder.lock("tidelog import"):
        raise KeyError
    with folder.lock("tidelog import"):
        pass
