"""Which version a database has, and how it gets to ours: `playhouse.migrations` under a lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from playhouse.migrations import Runner  # type: ignore[import-untyped]  # Peewee's stubs leave playhouse out

from tidelog.wire.errors import UsageError
from tidelog_service.store.sqlite import Connection, mark_owner

SCRIPTS: Final = Path(__file__).parent / "migrations"
"""The numbered scripts."""


def migrate(database: Connection, scripts: Path = SCRIPTS) -> list[str]:
    """Apply the scripts that a database lacks, all in one transaction.

    The runner takes no lock of its own: of two processes that open a new database at once, both would make
    the tables. Here the second waits for the first, then finds nothing to do.

    Args:
        database: open, outside a transaction, foreign keys off.
        scripts: the folder of scripts.

    Returns:
        the names of those applied now.

    Raises:
        UsageError: the database is newer than this program (``store_newer``).
    """
    runner = Runner(database, str(scripts))
    if not _pending(runner):
        return []
    with database.atomic("EXCLUSIVE"):
        if not _pending(runner):
            return []
        mark_owner(database)
        applied: list[str] = runner.up()
    return applied


def _pending(runner: Any) -> bool:  # noqa: ANN401 - playhouse has no stubs
    states = runner.status()
    unknown = [state.name for state in states if state.path is None]
    if unknown:
        raise UsageError(
            f"the database was made by a newer version of Tidelog: it has {', '.join(unknown)}",
            code="store_newer",
            hint="update Tidelog, or restore a backup made by this version; nothing was changed",
        )
    return any(state.applied is None for state in states)
