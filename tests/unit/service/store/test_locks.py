"""SQLite's locks, which one careless descriptor in the process would drop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tidelog_service.store.database import open_database

_ADD_IN_ANOTHER_PROCESS = """
import sys
from tidelog_service.store.database import open_database
from tidelog_service.store.registry import Registry
with open_database(sys.argv[1]) as database:
    registry = Registry(database)
    registry.add_user(sys.argv[2])
    registry.close()
"""


def test_a_command_beside_the_service_leaves_it_its_write_ahead_log(path: Path) -> None:
    """A service opens its database several times; none of that may drop the locks of the connections before.

    Without them another process that closes takes the write-ahead log away, and what the service writes
    from then on is gone with it.
    """
    with open_database(path) as first, open_database(path) as second:
        for name in ("ann", "ben"):
            command = [sys.executable, "-c", _ADD_IN_ANOTHER_PROCESS, str(path), name]
            subprocess.run(command, check=True, timeout=30)
            names = 'SELECT "name" FROM "user"'
            assert (name,) in first.fetch(names)
            assert (name,) in second.fetch(names)
        assert path.with_name(f"{path.name}-wal").exists()
