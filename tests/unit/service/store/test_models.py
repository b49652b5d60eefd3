"""What a record costs on disk."""

from __future__ import annotations

import random
from pathlib import Path

from tidelog_service.engine.ports import NewRow
from tidelog_service.store.database import open_database
from tidelog_service.store.records import RecordStore

_COUNT = 20_000


def test_a_record_of_60_bytes_takes_less_than_130_on_disk(path: Path) -> None:
    """Key included, with real times, clocks that are off, 14 for the index by author and 12 for sums."""
    chance = random.Random(1)
    time = 1_760_000_000_000
    rows = []
    for seq in range(1, _COUNT + 1):
        time += chance.randrange(5_000)
        sent = time - chance.randrange(20_000)
        author, body, before = chance.randrange(1, 50), chance.randbytes(60), chance.randrange(2**64)
        rows.append(NewRow(1, seq, author, time, sent, 0, "", body, before, 60 * 10**6 + 60 * seq))
    with open_database(path) as database:
        store = RecordStore(database)
        empty = path.stat().st_size
        for at in range(0, _COUNT, 100):
            with store.transaction():
                store.append(rows[at : at + 100])
    assert (path.stat().st_size - empty) / _COUNT < 130
