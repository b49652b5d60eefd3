"""Rows a second through the store (Peewee's SQL) against bare sqlite3 doing the same.

Both commit to disk with ``synchronous=FULL``, into the same tables, by turns. Run ``python -m bench.writes``.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Final

from bench.report import Result, interleaved, show
from tidelog.wire.fingerprints import SUM_STOP
from tidelog_service.engine.ports import Head, NewRow
from tidelog_service.store.database import open_database
from tidelog_service.store.keys import key_of, signed
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

GOAL: Final = 0.85
"""Of the speed of bare sqlite3, at batches of 100: what the layers above the driver may cost."""

_ROUNDS: Final = {100: 300, 1_000: 80}
_BODY: Final = b"a message of sixty bytes, as short messages between people are"[:60]
_SQL: Final = "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PRAGMAS: Final = (
    "journal_mode = wal",
    "synchronous = full",
    "cache_size = -65536",
    "temp_store = memory",
    "journal_size_limit = 67108864",
    "foreign_keys = on",
)


def run() -> list[Result]:
    """Measure batches of 100 and of 1,000 rows."""
    return [_measured(size) for size in _ROUNDS]


def _measured(size: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = Path(folder, "ours.db"), Path(folder, "bare.db")
        for path in (ours, bare):
            with open_database(path) as database:
                Registry(database).add_user("ann")
                Registry(database).add_channel("room", ["ann"])
        with open_database(ours) as database, closing(_connected(bare)) as connection:
            through_store, by_hand = interleaved(
                _ROUNDS[size],
                _through_store(RecordStore(database), size),
                _by_hand(connection, size),
            )
    return Result(
        name=f"batches of {size}",
        value=size / through_store,
        reference=size / by_hand,
        unit="rows/s",
        ratio=by_hand / through_store,
        least=GOAL if size == 100 else None,
    )


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _through_store(store: RecordStore, size: int) -> Callable[[], None]:
    batches = _batches(size)

    def work() -> None:
        rows = next(batches)
        with store.transaction():
            store.append(rows)
            store.advance({1: Head(rows[-1].seq, rows[-1].time, 0, 0, len(_BODY) * rows[-1].seq)})

    return work


def _by_hand(connection: sqlite3.Connection, size: int) -> Callable[[], None]:
    batches = iter([[_fields(row) for row in rows] for rows in _batches(size)])
    heads = count(size, size)

    def work() -> None:
        rows = next(batches)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_SQL, rows)
        connection.execute("UPDATE channel SET head = ?, time = ? WHERE id = 1", (next(heads), rows[-1][2]))
        connection.execute("COMMIT")

    return work


def _batches(size: int) -> Iterator[list[NewRow]]:
    """All batches of all rounds, made before anything is measured."""
    starts = range(1, (_ROUNDS[size] + 1) * size + 1, size)
    return iter([[_row(seq) for seq in range(start, start + size)] for start in starts])


def _fields(row: NewRow) -> tuple[object, ...]:
    """As the table has them: one key, the author's clock as its lag behind the time, and a signed sum."""
    key, sums = key_of(row.channel_id, row.seq), (signed(row.sum_before), row.bytes_before)
    return key, row.author_id, row.time, row.time - row.sent, *row[5:8], *sums


def _row(seq: int) -> NewRow:
    time = 1_760_000_000_000 + seq * 1_000
    before = seq * 0x9E3779B97F4A7C15 % SUM_STOP  # as good as a sum of fingerprints
    return NewRow(1, seq, 1, time, time - 300, 0, "", _BODY, before, len(_BODY) * (seq - 1))


if __name__ == "__main__":
    show("Writes, FULL, one process", run())
