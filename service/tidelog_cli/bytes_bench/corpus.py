"""Corpora: files of JSON lines as `tidelog import` reads them, and the logs that are cut from them."""

from __future__ import annotations

import gzip
import os
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from tidelog.wire.errors import UsageError
from tidelog_service.store.transfer import ImportLine, read_lines

ONE_CHANNEL: Final = "log"
"""The channel that `Corpus.windows` puts all records into."""

VARIABLE: Final = "TIDELOG_CORPORA"
"""The environment variable that names the folder of corpora."""

_BESIDE: Final = Path("..", "shared", "corpora")
_GZIP_MAGIC: Final = b"\x1f\x8b"
"""RFC 1952, section 2.3.1."""


class Row(NamedTuple):
    """A record of a log, as the service will number and time it.

    Attributes:
        channel: its channel.
        seq: its number there, from 1 without a gap.
        author: who wrote it.
        time: Unix milliseconds, never before that of the record below.
        kind: 0 for a message.
        body: its content.
    """

    channel: str
    seq: int
    author: str
    time: int
    kind: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A file of records.

    Attributes:
        name: the file's, without suffixes.
        lines: its records in the order of the file.
    """

    name: str
    lines: tuple[ImportLine, ...]

    def windows(self, *, count: int, records: int) -> list[list[Row]]:
        """Logs of one channel, evenly spread over the file; they overlap where it is short.

        Args:
            count: how many, at least 1.
            records: the length of each.

        Raises:
            UsageError: the file is too short (``corpus_short``).
        """
        step = self._step(count, records)
        return [numbered(self.lines[i * step : i * step + records], ONE_CHANNEL) for i in range(count)]

    def stretches(self, *, count: int, records: int) -> list[list[Row]]:
        """Beginnings of the file with the channels that it has, the longest first: all of it.

        Args:
            count: how many, at least 1.
            records: what the shortest has at least.

        Raises:
            UsageError: the file is too short (``corpus_short``).
        """
        step = self._step(count, records)
        return [numbered(self.lines[: len(self.lines) - i * step]) for i in range(count)]

    def _step(self, count: int, records: int) -> int:
        spare = len(self.lines) - records
        if spare < count - 1:
            raise UsageError(
                f"{self.name} has {len(self.lines):,} records: too few for {count} windows of {records:,}",
                code="corpus_short",
                hint="--records N and --windows N ask for less",
            )
        return spare // (count - 1) if count > 1 else 0


def numbered(lines: Sequence[ImportLine], channel: str = "") -> list[Row]:
    """Records with the numbers and times that an import gives them.

    Args:
        lines: in order.
        channel: put all into this one; empty leaves them where they are.
    """
    tails: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    rows = []
    for line in lines:
        name = channel or line.channel
        head, time = tails[name]
        head, time = tails[name] = head + 1, max(time, line.ts)
        rows.append(Row(name, head, line.author, time, line.kind, line.body))
    return rows


def read_corpus(path: Path) -> Corpus:
    """Read a file of JSON lines, plain or gzip.

    Raises:
        UsageError: a line is no record (``import_line``), or the file is damaged (``import_file``).
        OSError: it cannot be read.
    """
    return Corpus(name=path.name.partition(".")[0], lines=tuple(read_lines(_lines(path))))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == _GZIP_MAGIC
        try:
            yield from gzip.GzipFile(fileobj=raw) if packed else raw
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UsageError(f"{path}: the gzip file is damaged: {error}", code="import_file") from error


def found_corpora(given: Sequence[Path]) -> list[Path]:
    """The files to measure.

    Args:
        given: those that were named; without any, all files ``*.jsonl`` and ``*.jsonl.gz`` of the folder
            that the environment variable `VARIABLE` names, else of ``../shared/corpora``.

    Raises:
        UsageError: code ``no_corpus``: there is none.
    """
    if given:
        return list(given)
    folder = Path(os.environ.get(VARIABLE) or _BESIDE)
    found = sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")])
    if not found:
        raise UsageError(
            f"no corpus in {folder}",
            code="no_corpus",
            hint=f"--corpus FILE names one, {VARIABLE} a folder of them; `tidelog export` writes such files",
        )
    return found
