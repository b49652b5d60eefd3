"""One writing process a store: an exclusive lock that dies with the process."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import IO

from tidelog.wire.errors import Unavailable


class FileLock:
    """An exclusive lock on ``<path>.lock``, held from construction to `release` or the process's end.

    The file itself stays behind: removing it would let two processes lock two files of the same name.

    Args:
        path: the store's file.

    Raises:
        Unavailable: code ``store_locked``: somebody else holds it.
        OSError: the lock file cannot be made.
    """

    def __init__(self, path: str) -> None:
        """See the class."""
        self._file: IO[bytes] | None = Path(f"{path}.lock").open("a+b")  # noqa: SIM115 - held for the lock's life
        try:
            _lock(self._file)
        except BlockingIOError as busy:
            self.release()
            raise Unavailable(
                f"another process is using the store {path}",
                code="store_locked",
                hint="stop the other program of this device (`tidelog watch`, an app) or give this one"
                " a store and a device id of its own",
            ) from busy
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the lock up; idempotent."""
        if self._file:
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as busy:
            raise BlockingIOError(*busy.args) from busy
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        # flock, not lockf: POSIX record locks are lost when any descriptor of the file closes, and they do
        # not hold off a second store in the same process.
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def create_private(path: str) -> None:
    """Make the file, readable by its owner only, where it does not exist; SQLite's side files follow it.

    One that exists is not opened: closing any descriptor of it would drop the POSIX locks that SQLite holds
    on it in this process (sqlite.org/howtocorrupt.html, section 2.2).

    Raises:
        OSError: it cannot be made, or is a folder.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))
    except FileExistsError:
        if Path(path).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path) from None
