"""What a record costs under one integer key, against a composite key in a table ``WITHOUT ROWID``.

Bare sqlite3, pages of 4 KiB: the measurement behind `tidelog_service.store.models.Record`. A table without a
rowid is an index tree: a row of more than a quarter of a page continues on pages of its own, and longer rows
leave the rest of their last page empty; a table with one holds whole rows in its leaves.

Run ``python -m bench.keys``.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final, NamedTuple

from bench.report import Result, interleaved, show

MISSING: Final = 20
"""Records read at once."""

_BODIES: Final = (60, 300, 1_100, 2_500, 30_000)
_BYTES: Final = 20_000_000
_LOG: Final = 1_000_000
_ROUNDS: Final = 300
_TURNS: Final = 20
_COLUMNS: Final = "author_id, time, lag, kind, content_type, body"


class _Layout(NamedTuple):
    table: str
    insert: str
    read: str


_MARKS: Final = ", ".join("?" * MISSING)
_INTEGER: Final = _Layout(
    f"CREATE TABLE record (id INTEGER PRIMARY KEY, {_COLUMNS})",
    "INSERT INTO record VALUES (? << 40 | ?, ?, ?, ?, ?, ?, ?)",
    f"SELECT * FROM record WHERE id IN ({_MARKS}) ORDER BY id",  # noqa: S608 - constants only
)
_COMPOSITE: Final = _Layout(
    f"CREATE TABLE record (channel_id, seq, {_COLUMNS}, PRIMARY KEY (channel_id, seq)) WITHOUT ROWID",
    "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    f"SELECT * FROM record WHERE channel_id = 1 AND seq IN ({_MARKS}) ORDER BY seq",  # noqa: S608 - as above
)


def run() -> list[Result]:
    """Measure the bytes a record, in one log and in logs written by turns, and the time to read some."""
    alone = [_overhead(body, logs=1) for body in _BODIES]
    return [*alone, *(_overhead(body, logs=_TURNS) for body in _BODIES), _scattered()]


def _overhead(body: int, *, logs: int) -> Result:
    """The bytes in the file beside the body, for 20 MB of them, or 100,000 where that is less."""
    count = min(100_000, _BYTES // body)
    with ExitStack() as stack:
        ours, theirs = (
            _built(stack, layout, count=count, body=body, logs=logs).stat().st_size / count - body
            for layout in (_INTEGER, _COMPOSITE)
        )
    return Result(
        name=f"beside a body of {body:,}" + (f", {logs} logs by turns" if logs > 1 else ""),
        value=ours,
        reference=theirs,
        unit="bytes",
        ratio=ours / theirs,
        most=1.0 if logs == 1 else None,
    )


def _scattered() -> Result:
    with ExitStack() as stack:
        chance = random.Random(1)
        seqs = [chance.sample(range(1, _LOG + 1), MISSING) for _ in range(_ROUNDS + 1)]
        ours, theirs = interleaved(
            _ROUNDS,
            _reader(stack, _INTEGER, [[1 << 40 | seq for seq in some] for some in seqs]),
            _reader(stack, _COMPOSITE, seqs),
        )
    return Result(
        name=f"{MISSING} scattered of {_LOG:,}",
        value=ours * 1e6,
        reference=theirs * 1e6,
        unit="us",
        ratio=ours / theirs,
    )


def _reader(stack: ExitStack, layout: _Layout, keys: list[list[int]]) -> Callable[[], object]:
    path = _built(stack, layout, count=_LOG, body=60, logs=1)
    connection = stack.enter_context(closing(sqlite3.connect(path)))
    connection.execute("PRAGMA cache_size = -65536")
    each = iter(keys)
    return lambda: connection.execute(layout.read, next(each)).fetchall()


def _built(stack: ExitStack, layout: _Layout, *, count: int, body: int, logs: int) -> Path:
    """A database in the layout, for as long as the stack is open."""
    path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "log.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(layout.table)
        connection.executemany(layout.insert, _rows(count, body, logs))
    return path


def _rows(count: int, body: int, logs: int) -> Iterator[tuple[object, ...]]:
    for at in range(count):
        time = 1_760_000_000_000 + at * 1_000
        yield 1 + at % logs, 1 + at // logs, at % 50, time, 300, 0, "", bytes(body)


if __name__ == "__main__":
    show("One integer key against a composite one WITHOUT ROWID", run())
