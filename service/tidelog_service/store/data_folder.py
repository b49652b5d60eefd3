"""The service's folder: the database and the lock that says who serves from it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tidelog.wire.errors import Unavailable, UsageError

_PRIVATE: Final = 0o700
"""The folder holds everybody's messages."""

_HOLDER_BYTES_MAX: Final = 256
"""Of the lock file: a process id and a command's name."""


class DataFolder:
    """The folder that ``--data`` names, made if it is missing, readable by its owner only.

    Args:
        path: where it is, or is to be; its parents are made too.

    Raises:
        UsageError: there is a file of that name (``data_folder``).
        Unavailable: it cannot be made (``data_folder``).
    """

    def __init__(self, path: Path | str) -> None:
        """See the class."""
        self.path = Path(path)
        try:
            self.path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UsageError(
                f"{self.path} is not a folder", code="data_folder", hint="give another --data"
            ) from error
        except OSError as error:
            raise _cannot("make", self.path, error) from error

    @property
    def database(self) -> Path:
        """The database's file; it may not be there yet."""
        return self.path / "tidelog.db"

    @property
    def alive(self) -> Path:
        """The file whose time of change says when the service was last alive; see `heartbeat`."""
        return self.path / "alive"

    @property
    def witness(self) -> Path:
        """The file that remembers how far logs had come; see `witness`."""
        return self.path / "witness"

    def identity(self) -> tuple[int, int] | None:
        """Which file the database is; ``None`` where there is none. It is not opened for that."""
        try:
            found = self.database.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def lock(self, holder: str) -> Iterator[None]:
        """Be the only one that serves or imports; the lock ends with the block or with the process.

        Changes of the registry need no lock.

        Args:
            holder: the command that holds it, for the message that others get.

        Raises:
            UsageError: another process, or another block of this one, holds it (``in_use``).
            Unavailable: the lock file cannot be written (``data_folder``).
        """
        path = self.path / "lock"
        try:
            # Never deleted: whoever waits on a deleted file would share the lock with whoever made the next.
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _cannot("lock", path, error) from error
        try:
            self._take(file, holder)
            yield
            os.ftruncate(file, 0)
        finally:
            os.close(file)

    def _take(self, file: int, holder: str) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            by = os.read(file, _HOLDER_BYTES_MAX).decode(errors="replace").strip()
            raise UsageError(
                f"{self.path} is in use by {by or 'another process'}",
                code="in_use",
                hint="stop it first, or give another --data",
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"`{holder}` (process {os.getpid()})\n".encode(), 0)


def _cannot(verb: str, path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"cannot {verb} {path}: {error.strerror}",
        code="data_folder",
        hint="the folder must belong to the user that runs this, and its disk must have room",
    )
