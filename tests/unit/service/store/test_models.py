"""What a record costs on disk."""

from __future__ import annotations

import random
from pathlib import Path

from tidelog_service.engine.ports import NewRow
from tidelog_service.store.database import open_database
from tidelog_service.store.records import RecordStore

_COUNT = 20_000


def test_a_record_of_60_bytes_takes_less_than_115_on_disk(path: Path) -> None:
    """Key included, with real times and clocks that are some seconds off; 14 are for the index by author."""
    chance = random.Random(1)
    time = 1_760_000_000_000
    rows = []
    for seq in range(1, _COUNT + 1):
        time += chance.randrange(5_000)
        sent = time - chance.randrange(20_000)
        rows.append(NewRow(1, seq, chance.randrange(1, 50), time, sent, 0, "", chance.randbytes(60)))
    with open_database(path) as database:
        store = RecordStore(database)
        empty = path.stat().st_size
        for at in range(0, _COUNT, 100):
            with store.transaction():
                store.append(rows[at : at + 100])
    assert (path.stat().st_size - empty) / _COUNT < 115
