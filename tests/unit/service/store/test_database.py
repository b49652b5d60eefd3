"""Opening, transactions, and what failures look like to the operator."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Thread

import pytest

from tidelog.wire.errors import TidelogError, Unavailable, UsageError
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.models import User

_NAMES = "SELECT name FROM user ORDER BY name"


def _add(database: Database, name: str) -> int:
    return database.write(User.insert(name=name, created=0))


def _add_all(database: Database, names: list[str], *, then: Exception | None = None) -> None:
    with database.transaction():
        for name in names:
            _add(database, name)
        if then is not None:
            raise then


def test_what_a_transaction_wrote_is_seen_by_another_connection(database: Database) -> None:
    """A commit is a commit for everyone."""
    with database.another() as other:
        with database.transaction():
            _add(database, "ann")
            assert other.fetch(_NAMES) == []
        assert other.fetch(_NAMES) == [("ann",)]


def test_a_transaction_that_raises_is_rolled_back_whole(database: Database) -> None:
    """The error comes through as it is, and the next transaction works."""
    with pytest.raises(KeyError):
        _add_all(database, ["ann"], then=KeyError())
    with database.transaction():
        _add(database, "bob")
    assert database.fetch(_NAMES) == [("bob",)]


def test_a_commit_waits_for_the_disk_and_the_log_is_write_ahead(database: Database) -> None:
    """FULL is what makes a receipt a promise."""
    assert database.fetch("PRAGMA synchronous") == [(2,)]
    assert database.fetch("PRAGMA journal_mode") == [("wal",)]
    assert database.fetch("PRAGMA foreign_keys") == [(1,)]


def test_transactions_do_not_nest_and_writes_stand_in_one(database: Database) -> None:
    """Both would lose the promise that what ended is on disk."""
    with pytest.raises(AssertionError), database.transaction(), database.transaction():
        pass
    with pytest.raises(AssertionError):
        _add(database, "ann")
    with pytest.raises(AssertionError):
        database.write_many("DELETE FROM user WHERE id = ?", [(1,)])


def test_threads_take_turns_on_one_connection(database: Database) -> None:
    """Transactions of several threads do not mix."""

    def add(prefix: str) -> None:
        for number in range(20):
            with database.transaction():
                _add(database, f"{prefix}{number}")

    threads = [Thread(target=add, args=(prefix,)) for prefix in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database.fetch(_NAMES)) == 60


def test_a_reader_that_stops_early_reads_no_further(database: Database) -> None:
    """Rows come from the disk one by one, and closing lets the next statement in."""
    read = database.stepped(
        "WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM c) SELECT n FROM c"
    )
    assert [next(read) for _ in range(3)] == [(1,), (2,), (3,)]
    read.close()
    with database.transaction():
        _add(database, "ann")


def test_a_database_in_memory_has_one_connection() -> None:
    """It is what the simulation runs on."""
    with open_database(":memory:") as made:
        assert made.another() is made
        with made.transaction():
            _add(made, "ann")
        assert made.fetch(_NAMES) == [("ann",)]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """SQLite would only say that it cannot open the file."""
    with pytest.raises(UsageError, match="missing") as caught:
        open_database(tmp_path / "missing" / "tidelog.db")
    assert caught.value.code == "no_folder"
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"hello, this is no database\n", b"x"])
def test_a_file_that_is_no_database_is_refused_untouched(path: Path, content: bytes) -> None:
    """Neither text nor a short file is taken for a database."""
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        open_database(path)
    assert caught.value.code == "store_foreign"
    assert path.read_bytes() == content


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    """As where --data is given in place of its file."""
    with pytest.raises(UsageError) as caught:
        open_database(tmp_path)
    assert caught.value.code == "store_foreign"


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    """SQLite makes one when it is first opened."""
    path.touch()
    with open_database(path) as made:
        assert made.fetch(_NAMES) == []


def test_a_full_disk_has_a_code_and_keeps_nothing_of_the_batch(database: Database) -> None:
    """The page limit stands in for the disk's end; room made later lets work go on."""
    (pages,) = database.fetch("PRAGMA page_count")[0]
    database.fetch(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(Unavailable) as caught:
        _add_all(database, [f"{number:0100}" for number in range(1_000)])
    assert (caught.value.code, bool(caught.value.hint)) == ("store_full", True)
    assert database.fetch(_NAMES) == []
    database.fetch("PRAGMA max_page_count = 100000")
    with database.transaction():
        _add(database, "ann")
    assert database.fetch(_NAMES) == [("ann",)]


def test_a_transaction_that_sqlite_ended_itself_shows_its_cause(database: Database) -> None:
    """On some failures SQLite rolls back first; the error must not be that there is nothing to roll back."""

    def fail() -> None:
        with database.transaction():
            _add(database, "ann")
            database.peewee.handle.execute("ROLLBACK")
            raise KeyError("cause")

    with pytest.raises(KeyError, match="cause"):
        fail()
    assert database.fetch(_NAMES) == []


def test_a_held_lock_has_a_code(database: Database, path: Path) -> None:
    """After the wait, the operator is told that another process is writing."""
    database.fetch("PRAGMA busy_timeout = 1")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught, database.transaction():
        pass
    assert caught.value.code == "store_busy"
    holder.execute("ROLLBACK")
    holder.close()
    with database.transaction():
        _add(database, "ann")


def test_a_database_that_may_not_be_written_has_a_code(database: Database) -> None:
    """The same result as for a file without write permission."""
    database.fetch("PRAGMA query_only = on")
    with pytest.raises(Unavailable) as caught, database.transaction():
        _add(database, "ann")
    assert caught.value.code == "store_read_only"


def test_a_damaged_database_has_a_code(path: Path) -> None:
    """Pages overwritten in the middle are found when they are read."""
    with open_database(path) as made:
        _add_all(made, [f"{number:0100}" for number in range(500)])
    content = bytearray(path.read_bytes())
    for page in range(4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    path.write_bytes(content)
    with pytest.raises(Unavailable) as caught, open_database(path) as made:
        made.fetch("SELECT sum(length(name)) FROM user NOT INDEXED")
    assert caught.value.code == "store_damaged"
    assert "backup" in caught.value.hint


def test_an_error_of_our_own_is_still_an_error_of_the_store(database: Database) -> None:
    """A broken constraint or a closed connection reaches the engine as the error that its port names."""
    with pytest.raises(Unavailable) as caught:
        _add_all(database, ["ann", "ann"])
    assert caught.value.code == "store_failed"
    database.close()
    with pytest.raises(TidelogError) as caught_closed:
        database.fetch(_NAMES)
    assert caught_closed.value.code == "store_failed"
