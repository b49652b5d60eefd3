"""Remembers outside the database how far each log had come, and so notices a database that was set back.

Head 100, restored to 80, grown to 150: to a device that kept the old 101 the new 101 would be nothing new. So
a log that stands lower than it once did gets another epoch before anything is served from it.

The file is a line for a log that has grown: its key, epoch and head. It is written after the commit, so it
is never ahead of the database: a power cut can only leave it behind, which does no harm. It costs one small
write to the page cache a batch. At a start it is put in order, and again when it has grown long.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from tidelog.wire.errors import Unavailable
from tidelog_service.engine.ports import Stand, Witness
from tidelog_service.store.database import Database
from tidelog_service.store.models import Channel

FILE_BYTES_MAX: Final = 1 << 20
"""Some 30,000 batches; then it is written anew, in a few milliseconds."""

EPOCHS_MAX: Final = 64
"""Epochs of a log that are remembered: one that comes up again was set back to."""

_Epochs = dict[int, int]
"""Heads by epoch, the last epoch last."""


class WitnessFile(Witness):
    """The witness of a database, in a file beside it. One thread at a time uses it.

    Args:
        path: the file; it need not exist.
        trouble: told once of a file that cannot be written: until it can, what comes is not witnessed.

    Raises:
        Unavailable: the file is there and cannot be read (``data_folder``).
    """

    def __init__(self, path: Path, *, trouble: Callable[[Exception], None]) -> None:
        """See the class."""
        self._path = path
        self._trouble = trouble
        self._failed = False
        self._file = -1
        self._size = 0
        self._logs: dict[int, _Epochs] = {}
        for stand in _read(path):
            self._note(stand)

    def lost(self, database: Database) -> list[int]:
        """The logs that stand lower than they did: their keys.

        Args:
            database: which nothing serves from yet.
        """
        return [stand.log_id for stand in _stands(database) if self._is_set_back(stand)]

    def begin(self, database: Database) -> None:
        """Take over how all logs stand, once those that were lost have other epochs; opens the file.

        Raises:
            Unavailable: it cannot be written (``data_folder``).
        """
        for stand in _stands(database):
            self._note(stand)
        try:
            self._rewrite()
        except OSError as error:
            raise _failure(self._path, error, "written") from error

    def saw(self, stands: Iterable[Stand]) -> None:
        """See `tidelog_service.engine.ports.Witness.saw`."""
        grown = list(stands)
        for stand in grown:
            self._note(stand)
        try:
            self._append(grown)
        except OSError as error:
            if not self._failed:
                self._trouble(_failure(self._path, error, "written"))
            self._failed = True
        else:
            self._failed = False

    def close(self) -> None:
        """Let go of the file; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _is_set_back(self, stand: Stand) -> bool:
        epochs = self._logs.get(stand.log_id, {})
        if stand.epoch not in epochs:
            return False
        # An earlier epoch comes up again only where the database is from before it was replaced.
        return stand.head < epochs[stand.epoch] or stand.epoch != next(reversed(epochs))

    def _note(self, stand: Stand) -> None:
        epochs = self._logs.setdefault(stand.log_id, {})
        epochs[stand.epoch] = max(stand.head, epochs.get(stand.epoch, 0))
        while len(epochs) > EPOCHS_MAX:
            del epochs[next(iter(epochs))]

    def _append(self, stands: Iterable[Stand]) -> None:
        if self._file < 0 or self._size > FILE_BYTES_MAX:
            self._rewrite()
            return
        written = "".join(map(_line, stands)).encode()
        os.write(self._file, written)
        self._size += len(written)

    def _rewrite(self) -> None:
        """Put in its place a file that has each epoch once."""
        self.close()
        fresh = self._path.with_suffix(".new")
        stands = (
            Stand(key, epoch, head) for key, epochs in self._logs.items() for epoch, head in epochs.items()
        )
        content = "".join(map(_line, stands)).encode()
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(os.dup(file), "wb") as whole:
                whole.write(content)
            os.fsync(file)
            fresh.replace(self._path)
        except OSError:
            os.close(file)
            raise
        self._file, self._size = file, 0


def _stands(database: Database) -> Iterator[Stand]:
    rows = database.select(Channel.select(Channel.id, Channel.epoch, Channel.head))
    return (Stand(*row) for row in rows)


def _read(path: Path) -> Iterator[Stand]:
    """What a file says; a line that a crash has cut off says nothing, or less."""
    try:
        content = path.read_text("ascii", errors="replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise _failure(path, error, "read") from error
    for line in content.splitlines():
        words = line.split()
        if len(words) == len(Stand._fields) and all(word.isdecimal() for word in words):
            yield Stand(*map(int, words))


def _line(stand: Stand) -> str:
    return f"{stand.log_id} {stand.epoch} {stand.head}\n"


def _failure(path: Path, error: OSError, verb: str) -> Unavailable:
    return Unavailable(
        f"{path} cannot be {verb}: {error.strerror}",
        code="data_folder",
        hint="the folder must belong to the user that runs this, and its disk must have room",
    )
