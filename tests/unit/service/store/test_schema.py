"""Migrations: what they make, together with whom, and what they refuse."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tidelog.wire.errors import TidelogError, UsageError
from tidelog_service.store import schema, sqlite
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.models import MODELS

_OPEN = (
    "import sys; from tidelog_service.store.database import open_database; open_database(sys.argv[1]).close()"
)


def test_the_scripts_make_what_the_models_say(database: Database) -> None:
    """Columns, keys, indexes and WITHOUT ROWID agree; Peewee's own diff would miss the last."""
    with _connected(":memory:") as fresh:
        with fresh.bind_ctx(MODELS):
            fresh.create_tables(MODELS)
        expected = _described(fresh)
    made = _described(database.peewee)
    del made["schema_migration"]
    assert made == expected
    assert {name for name, table in made.items() if not table["rowid"]} == {
        "taken",
        "outbox",
        "traffic",
        "clock",
        "rule_made",
        "rule_count",
    }


def test_a_difference_in_a_table_would_be_seen() -> None:
    """The comparison above tells a table with a rowid from one without, and a missing index."""
    with _connected(":memory:") as one, _connected(":memory:") as other:
        one.execute_sql("CREATE TABLE t (a INTEGER NOT NULL PRIMARY KEY) WITHOUT ROWID")
        other.execute_sql("CREATE TABLE t (a INTEGER NOT NULL PRIMARY KEY)")
        assert _described(one) != _described(other)
        before = _described(other)
        other.execute_sql("CREATE INDEX i ON t (a)")
        assert _described(other) != before


def test_opening_again_changes_nothing(path: Path) -> None:
    """The second opening finds no script to apply and the counter as it was."""
    open_database(path).close()
    with open_database(path) as again:
        assert schema.migrate(again.peewee) == []
        assert again.fetch("SELECT id, n FROM generation") == [(1, 1)]


def test_processes_that_open_a_new_database_at_once_all_succeed(path: Path) -> None:
    """The scripts run in one of them, under the lock; the others wait."""
    openers = [
        subprocess.Popen([sys.executable, "-c", _OPEN, path], stderr=subprocess.PIPE) for _ in range(5)
    ]
    results = [(opener.communicate(timeout=60)[1], opener.returncode) for opener in openers]
    assert results == [(b"", 0)] * 5
    with open_database(path) as made:
        applied = made.fetch("SELECT name FROM schema_migration ORDER BY name")
    assert applied == [(script.stem,) for script in sorted(schema.SCRIPTS.glob("0*.py"))]


def test_the_table_of_traffic_needs_no_script_between(path: Path, tmp_path: Path) -> None:
    """It may be there before those with lower numbers: it refers to none of them."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for name in ("0001_initial.py", "0004_traffic.py"):
        shutil.copy(schema.SCRIPTS / name, scripts)
    with _connected(str(path)) as older:
        assert schema.migrate(older, scripts) == ["0001_initial", "0004_traffic"]
    (scripts / "0002_later.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE t (a)')\n"
    )
    with _connected(str(path)) as older:
        assert schema.migrate(older, scripts) == ["0002_later"]
        assert {"traffic", "t"} <= set(older.get_tables())


def test_scripts_that_come_between_are_applied_later(path: Path, tmp_path: Path) -> None:
    """Two that were written side by side reach a database in either order."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for name in ("0001_initial", "0003_dictionaries"):
        (scripts / f"{name}.py").write_text((schema.SCRIPTS / f"{name}.py").read_text())
    with _connected(str(path)) as fresh:
        assert schema.migrate(fresh, scripts) == ["0001_initial", "0003_dictionaries"]
        (scripts / "0002_between.py").write_text(
            "def up(migrator, db):\n    db.execute_sql('CREATE TABLE between_ (a)')\n"
        )
        assert schema.migrate(fresh, scripts) == ["0002_between"]
        assert {"dictionary", "between_"} <= set(fresh.get_tables())


def test_a_newer_database_is_refused_untouched(path: Path) -> None:
    """Its tables may mean something else to this version."""
    with open_database(path) as made:
        made.peewee.execute_sql(
            "INSERT INTO schema_migration (name, applied) VALUES ('0999_later', '2040-01-01 00:00:00')"
        )
    with pytest.raises(UsageError, match="0999_later") as caught:
        open_database(path)
    assert caught.value.code == "store_newer"
    assert "update Tidelog" in caught.value.hint


def test_a_script_that_fails_leaves_the_database_as_it_was(path: Path, tmp_path: Path) -> None:
    """All pending scripts are one transaction: none of them is half applied."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "0001_good.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE good (a)')\n"
    )
    (scripts / "0002_bad.py").write_text("def up(migrator, db):\n    raise RuntimeError('broken')\n")
    with _connected(str(path)) as fresh:
        with pytest.raises(RuntimeError, match="broken"):
            schema.migrate(fresh, scripts)
        assert fresh.get_tables() == []
        (scripts / "0002_bad.py").write_text("def up(migrator, db):\n    pass\n")
        assert schema.migrate(fresh, scripts) == ["0001_good", "0002_bad"]


def test_the_database_of_another_program_is_refused_untouched(path: Path) -> None:
    """A mistyped path must not put our tables among someone else's."""
    with _connected(str(path)) as foreign:
        foreign.execute_sql("CREATE TABLE theirs (a)")
    with pytest.raises(TidelogError) as caught:
        open_database(path)
    assert caught.value.code == "store_foreign"
    with _connected(str(path)) as foreign:
        assert foreign.get_tables() == ["theirs"]


@contextmanager
def _connected(path: str) -> Iterator[sqlite.Connection]:
    made = sqlite.connection(path)
    made.connect()
    try:
        yield made
    finally:
        made.close()


def _described(database: sqlite.Connection) -> dict[str, dict[str, Any]]:
    def asked(pragma: str, name: str) -> list[tuple[Any, ...]]:
        return list(database.execute_sql(f'PRAGMA {pragma}("{name}")').fetchall())

    def indexes(table: str) -> list[tuple[Any, ...]]:
        found = asked("index_list", table)
        return sorted((row[1:], tuple(column[2] for column in asked("index_info", row[1]))) for row in found)

    return {
        table: {
            "columns": asked("table_info", table),
            "references": sorted(row[2:] for row in asked("foreign_key_list", table)),
            "indexes": indexes(table),
            "rowid": not asked("table_list", table)[0][4],
        }
        for table in database.get_tables()
    }
