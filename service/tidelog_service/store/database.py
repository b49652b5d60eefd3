"""One open database: queries compiled from the models, one lock, errors mapped at the edge.

Peewee builds the SQL, once; hot statements then run on the connection itself, which is five times as fast as
building a query and its objects for each call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Self

from peewee import PeeweeException, Query

from tidelog_service.store import schema, sqlite

Fields = tuple[Any, ...]
"""The columns of one row, as the database gives them."""


class Database:
    """A connection to a database, for any thread: a lock lets in one at a time.

    A thread that must not wait for another's transaction takes a connection of its own (`another`). Use as a
    context manager, or `close` it.

    Args:
        path: the file, or ``":memory:"``.
        peewee: its connection, open and migrated.
    """

    def __init__(self, path: str, peewee: sqlite.Connection) -> None:
        """See the class; callers use `open_database`."""
        self.path = path
        self.peewee = peewee
        self._connection = peewee.handle
        self._lock = RLock()

    def __enter__(self) -> Self:
        """The database itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the connection; the last one to a file also empties its write-ahead log."""
        with self._lock, _mapped():
            self.peewee.close()

    def another(self) -> Database:
        """A second connection to the same file; a database in memory has one only and returns itself.

        Whoever asks closes it, where it is not the same.
        """
        return self if self.path == sqlite.MEMORY else open_database(Path(self.path))

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """A write transaction: other writers wait, and it is on disk when it ends without error.

        Args:
            durable: otherwise a power cut may undo it, as if it had never been; no flush is waited for.

        Raises:
            Unavailable: the database failed; nothing of the transaction was kept.
        """
        with self._lock, _mapped():
            # A nested one would become a savepoint and end without being on disk.
            assert not self._connection.in_transaction, "transactions do not nest"  # noqa: S101 - our own bug
            # By hand: Peewee's own context costs as much again as SQLite's work for an empty transaction.
            if not durable:
                self._connection.execute(sqlite.LAX)
            self._connection.execute(sqlite.BEGIN)
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                if not durable:
                    self._connection.execute(sqlite.STRICT)

    def _roll_back(self) -> None:
        """SQLite may have done so by itself, where the disk is full, say."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def compile(self, query: Query) -> str:
        """The SQL of a query, with a placeholder for each value in it.

        Args:
            query: values are stand-ins; the callers of `fetch` and `write_many` give them in the order in
                which they appear in the SQL.
        """
        sql, _ = self.peewee.compiled(query)
        return sql

    def fetch(self, sql: str, params: Sequence[object] = ()) -> list[Fields]:
        """Run compiled SQL and return all rows."""
        with self._lock, _mapped():
            return self._connection.execute(sql, params).fetchall()

    def stepped(self, sql: str, params: Sequence[object] = ()) -> Generator[Fields, None, None]:
        """Run compiled SQL and yield its rows; SQLite reads each from the disk only when it is asked for.

        A caller that stops early closes the iterator (`contextlib.closing`): until then the lock is held.
        """
        with self._lock, _mapped():
            cursor = self._connection.execute(sql, params)
            try:
                yield from cursor
            finally:
                cursor.close()

    def write_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run compiled SQL once for each row; inside a transaction."""
        with self._lock, _mapped():
            self._expect_transaction()
            self._connection.executemany(sql, rows)

    def select(self, query: Query) -> list[Fields]:
        """Run a query that is not worth compiling, and return its rows."""
        with self._lock, _mapped():
            return self._connection.execute(*self.peewee.compiled(query)).fetchall()

    def write(self, query: Query) -> int:
        """Run a writing query; inside a transaction.

        Returns:
            the new row's key for an insert, else the number of rows changed.
        """
        with self._lock, _mapped():
            self._expect_transaction()
            result: int = query.execute(self.peewee)
        return result

    def empty_log(self) -> None:
        """Move everything from the write-ahead log into the file, after an import has filled it."""
        with self._lock, _mapped():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _expect_transaction(self) -> None:
        assert self._connection.in_transaction, "writes stand in a transaction"  # noqa: S101 - our own bug


def open_database(path: Path | str) -> Database:
    """Open a database, make it if it is new, and bring it to this version's tables.

    Args:
        path: the file, in a folder that exists; or ``":memory:"`` for one that is gone when closed.

    Raises:
        UsageError: no such folder (``no_folder``), not a database of Tidelog (``store_foreign``), or made by
            a newer version (``store_newer``).
        Unavailable: it is damaged, locked or cannot be written; each cause has its own code.
    """
    name = str(path)
    if name != sqlite.MEMORY:
        sqlite.check_path(Path(name))
    peewee = sqlite.connection(name)
    with _mapped():
        sqlite.connect(peewee, Path(name))
        try:
            sqlite.check_owner(peewee, Path(name))
            schema.migrate(peewee)
            peewee.pragma("foreign_keys", "on")
        except BaseException:
            peewee.close()
            raise
    return Database(name, peewee)


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, PeeweeException) as error:
        raise sqlite.error_for(error) from error
