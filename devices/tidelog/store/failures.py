"""What SQLite and the file system report, as errors with a code and a hint."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tidelog.wire.errors import TidelogError, Unavailable, UsageError

_PRIMARY: Final = 0xFF
"""Extended result codes keep the primary one in the low byte (sqlite.org/rescode.html)."""

_FULL_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def mapped(path: str) -> Iterator[None]:
    """Raise failures of SQLite and of the file system as `TidelogError`.

    Raises:
        Unavailable: codes ``store_full``, ``store_damaged``, ``store_locked``, ``store_failed``.
        UsageError: codes ``store_closed``, ``store_path``.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(error, path) from error
    except OSError as error:
        raise _of_system(error, path) from error


def damaged(path: str, what: str) -> Unavailable:
    """The error for a file whose content makes no sense."""
    return Unavailable(
        f"the store {path} is damaged: {what}",
        code="store_damaged",
        hint="move the file away and start with a new one: records come back with the next sync,"
        " messages that were not yet sent do not",
    )


def _of_sqlite(error: sqlite3.Error, path: str) -> TidelogError:
    if isinstance(error, sqlite3.ProgrammingError):
        return UsageError(f"the store {path} is closed", code="store_closed")
    match getattr(error, "sqlite_errorcode", 0) & _PRIMARY:
        case sqlite3.SQLITE_FULL:
            return _full(path)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unavailable(
                f"another program holds the store {path}: {error}",
                code="store_locked",
                hint="a program that is not tidelog has the file open for writing: close it",
            )
        case _:
            return Unavailable(
                f"the store {path} failed: {error}",
                code="store_failed",
                hint="look at the disk, and at the permissions of the file and its folder",
            )


def _of_system(error: OSError, path: str) -> TidelogError:
    if error.errno in _FULL_ERRNOS:
        return _full(path)
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return UsageError(
            f"no store can be at {path}: {error.strerror}",
            code="store_path",
            hint="give the path of a file in a folder that exists",
        )
    return Unavailable(
        f"the store {path} cannot be opened: {error.strerror}",
        code="store_failed",
        hint="look at the permissions of the file and its folder",
    )


def _full(path: str) -> Unavailable:
    return Unavailable(
        f"no room on the disk for the store {path}",
        code="store_full",
        hint="free some space; nothing was changed, and sync goes on where it stopped",
    )
