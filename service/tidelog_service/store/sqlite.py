"""All that is special to SQLite: how it is opened, how it locks, and what its errors mean."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from peewee import PeeweeException, Query, SqliteDatabase

from tidelog.wire.errors import Unavailable, UsageError

MEMORY: Final = ":memory:"
"""The path of a database that lives as long as its connection."""

BEGIN: Final = "BEGIN IMMEDIATE"
"""A write transaction takes the lock when it begins: one that read first could not be let in later."""

LAX: Final = "PRAGMA synchronous = NORMAL"
STRICT: Final = "PRAGMA synchronous = FULL"
"""Between transactions: whether a commit waits for the disk. In WAL mode neither can damage the file."""

_PAGE_BYTES_MIN: Final = 512
"""No database is smaller (sqlite.org/fileformat.html, section 1.3.2)."""

_APPLICATION_ID: Final = 0x54494445
"""``TIDE``, in the file's header: tells a Tidelog database from another program's."""

_BUSY_S: Final = 10
"""How long to wait for another process's transaction; registry changes take milliseconds."""

_STATEMENTS: Final = 256
"""Prepared statements kept by a connection: ours, with `IN` lists of up to nine lengths each."""

_PRAGMAS: Final = {
    "journal_mode": "wal",
    # A receipt means that the record survives a power cut.
    "synchronous": "full",
    # 64 MiB, taken as needed: holds the upper levels of a 10 GB table.
    "cache_size": -65_536,
    "temp_store": "memory",
    # An import leaves a write-ahead log of its own size; give the room back.
    "journal_size_limit": 67_108_864,
    # On only once the migrations are through: they may rebuild tables that others refer to.
    "foreign_keys": "off",
}


class Connection(SqliteDatabase):
    """Peewee's database with one connection, for whichever thread holds our lock."""

    @property
    def handle(self) -> sqlite3.Connection:
        """The driver's own connection; opened already."""
        made: sqlite3.Connection = self.connection()  # type: ignore[no-untyped-call]  # bare in Peewee's stubs
        return made

    def rollback(self) -> None:
        """Roll back, unless SQLite has done so itself, as it may where the disk is full or fails."""
        if self.handle.in_transaction:
            super().rollback()

    def compiled(self, query: Query) -> tuple[str, list[object]]:
        """A query as SQL with placeholders, and the values for them."""
        context = self.get_sql_context().sql(query)  # type: ignore[no-untyped-call]  # bare in Peewee's stubs
        sql, values = context.query()
        return sql, values


def connection(path: str) -> Connection:
    """A database, not yet open."""
    return Connection(
        path,
        pragmas=_PRAGMAS,
        timeout=_BUSY_S,
        thread_safe=False,
        autoconnect=False,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )


def check_path(path: Path) -> None:
    """Refuse what cannot be a database of ours before SQLite is asked.

    Nothing here may open the file: closing a descriptor of it would drop the locks of every connection that
    this process has (sqlite.org/howtocorrupt.html, section 2.2), and the next process to close would take
    the write-ahead log away under them.

    Raises:
        UsageError: the folder is missing (``no_folder``); the path is itself a folder, or a file that is too
            small for a database (``store_foreign``).
    """
    if not path.parent.is_dir():
        raise UsageError(
            f"there is no folder {path.parent}", code="no_folder", hint="create it, or give another --data"
        )
    # SQLite takes a file of one byte for an empty one.
    if path.is_dir() or (path.exists() and 0 < path.stat().st_size < _PAGE_BYTES_MIN):
        raise _foreign(path)


def connect(database: Connection, path: Path) -> None:
    """Open the database.

    Raises:
        UsageError: the file is something else (``store_foreign``).
        sqlite3.Error: it cannot be opened; or Peewee's error around it.
    """
    try:
        database.connect()
    except (sqlite3.Error, PeeweeException) as error:
        if _number(error) == sqlite3.SQLITE_NOTADB:
            raise _foreign(path) from error
        raise


def check_owner(database: Connection, path: Path) -> None:
    """Refuse the database of another program.

    Raises:
        UsageError: it has tables and not our mark (``store_foreign``).
    """
    if database.get_tables() and database.pragma("application_id") != _APPLICATION_ID:
        raise _foreign(path)


def mark_owner(database: Connection) -> None:
    """Mark the database as ours; inside the transaction that makes the first tables."""
    if database.pragma("application_id") != _APPLICATION_ID:
        database.pragma("application_id", _APPLICATION_ID)


def error_for(error: sqlite3.Error | PeeweeException) -> Unavailable:
    """What a failure of SQLite means to the operator.

    Args:
        error: as SQLite raised it, or wrapped by Peewee.

    Returns:
        the error to raise, with a code of its own for each cause that asks for another remedy.
    """
    code, what, hint = _CAUSES.get(_number(error), _UNKNOWN)
    return Unavailable(f"{what}: {getattr(error, 'orig', error)}", code=code, hint=hint)


def _number(error: sqlite3.Error | PeeweeException) -> int:
    """SQLite's primary result code: the lower byte (sqlite.org/rescode.html)."""
    number: int = getattr(getattr(error, "orig", error), "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return number & 0xFF


def _foreign(path: Path) -> UsageError:
    return UsageError(
        f"{path} is not a database of Tidelog",
        code="store_foreign",
        hint="nothing was changed; give another --data, or move the file away",
    )


_PERMISSIONS: Final = "the service's user must own the data folder and the files in it"
_UNKNOWN: Final = ("store_failed", "the database failed", "see the message; the last batch was not stored")
_CAUSES: Final = {
    sqlite3.SQLITE_FULL: (
        "store_full",
        "the disk is full",
        "make room; messages without a receipt are sent again by their devices",
    ),
    sqlite3.SQLITE_BUSY: (
        "store_busy",
        "another process holds the database",
        "wait for it to end (an import may take minutes), or look for it with `fuser`",
    ),
    sqlite3.SQLITE_LOCKED: (
        "store_busy",
        "the database is locked",
        "wait for the other user of it to end",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "store_damaged",
        "the database is damaged",
        "stop the service and restore a backup; `sqlite3 FILE .recover` saves what can be read",
    ),
    sqlite3.SQLITE_NOTADB: (
        "store_damaged",
        "the database's file was overwritten",
        "stop the service and restore a backup",
    ),
    sqlite3.SQLITE_READONLY: ("store_read_only", "the database cannot be written", _PERMISSIONS),
    sqlite3.SQLITE_PERM: ("store_read_only", "the database cannot be written", _PERMISSIONS),
    sqlite3.SQLITE_CANTOPEN: ("store_unreadable", "the database cannot be opened", _PERMISSIONS),
    sqlite3.SQLITE_IOERR: (
        "store_failed",
        "the disk failed",
        "look at the system's log and the disk's health; the last batch was not stored",
    ),
}
