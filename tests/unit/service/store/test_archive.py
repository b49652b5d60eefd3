"""Retention on a real database: what is found by index, what is deleted, what is counted."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tidelog.wire.errors import Unavailable
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.ports import Head, NewRow, OutboxKey, Taken
from tidelog_service.engine.retention import Policy, Retention
from tidelog_service.store.archive import SWEEP_BYTES, SWEEP_RECORDS, LogArchive
from tidelog_service.store.blobs import DELETED_AT_A_TIME
from tidelog_service.store.database import Database
from tidelog_service.store.models import Channel
from tidelog_service.store.records import RecordStore


def fill(store: RecordStore, sizes: list[int], *, channel_id: int = 1, time: int = 1_000) -> None:
    """Records of these sizes, a millisecond apart."""
    rows = [
        NewRow(channel_id, seq, 1, time + seq, time + seq, 0, "", bytes(size))
        for seq, size in enumerate(sizes, start=1)
    ]
    with store.transaction():
        store.append(rows)
        store.advance({channel_id: Head(len(sizes), time + len(sizes), body_bytes=sum(sizes))})


def seqs(store: RecordStore, channel_id: int = 1) -> list[int]:
    rows = store.rows(
        channel_id, RangeSet([(1, 2**40)]), records_max=10**6, bytes_max=10**9, newest_first=False
    )
    return [row.seq for row in rows]


def stands(database: Database, channel_id: int = 1) -> tuple[int, int, int, int]:
    columns = (Channel.floor, Channel.swept, Channel.body_bytes, Channel.head)
    ((floor, swept, body_bytes, head),) = database.select(
        Channel.select(*columns).where(Channel.id == channel_id)
    )
    return floor, swept, body_bytes, head


def settle(database: Database, policy: Policy, *, now_ms: int = 2_000) -> None:
    retention = Retention(
        LogArchive(database, policy), every_ms=10, trouble=lambda error: pytest.fail(str(error))
    )
    while retention.due_ms <= now_ms:
        retention.turn(now_ms)


@pytest.mark.parametrize(
    ("policy", "floor"),
    [(Policy(records=4), 7), (Policy(body_bytes=35), 8), (Policy(days=1), 1), (Policy(), 1)],
)
def test_what_is_beyond_a_bound_goes(
    policy: Policy, floor: int, store: RecordStore, database: Database
) -> None:
    fill(store, [10] * 10)
    settle(database, policy)
    assert seqs(store) == list(range(floor, 11))
    assert stands(database) == (floor, floor, 10 * (11 - floor), 10)


def test_by_age_goes_what_is_older_than_so_many_days(store: RecordStore, database: Database) -> None:
    fill(store, [10] * 10)
    settle(database, Policy(days=1), now_ms=86_400_000 + 1_004)
    assert stands(database) == (4, 4, 70, 10)
    settle(database, Policy(days=1), now_ms=86_400_000 + 10_000)
    assert stands(database) == (11, 11, 0, 10)
    assert store.logs_of(1)["room"].floor == 11


def test_a_channel_of_its_own_mind_is_kept_as_it_says(store: RecordStore, database: Database) -> None:
    fill(store, [10] * 10)
    with database.transaction():
        database.write(Channel.update(keep_records=0, keep_bytes=55).where(Channel.id == 1))
    settle(database, Policy(records=2))
    assert seqs(store) == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("seed", range(20))
def test_the_first_young_one_is_found_as_if_all_were_read(
    seed: int, store: RecordStore, database: Database
) -> None:
    """Also between records that are no more."""
    rng = Random(seed)
    fill(store, [1] * 50)
    gone = RangeSet.of(rng.sample(range(1, 51), rng.choice([0, 10, 40, 50])))
    with store.transaction():
        store.erase(1, gone)
    for _ in range(20):
        time = rng.randrange(990, 1_060)
        found = LogArchive(database).first_since(1, 1, 51, time)
        old = [seq for seq in seqs(store) if 1_000 + seq < time]
        assert max(old, default=0) < found <= min(set(seqs(store)) - set(old), default=51)


def test_a_long_log_goes_in_bounded_steps(store: RecordStore, database: Database) -> None:
    fill(store, [10] * (2 * SWEEP_RECORDS + 10))
    archive = LogArchive(database)
    archive.raise_floor(1, 2 * SWEEP_RECORDS + 6)
    for swept in (SWEEP_RECORDS + 1, 2 * SWEEP_RECORDS + 1, 2 * SWEEP_RECORDS + 6):
        archive.sweep(1)
        assert stands(database)[1] == swept
    assert len(seqs(store)) == 5
    assert stands(database)[2] == 50


def test_large_bodies_go_fewer_at_a_time(store: RecordStore, database: Database) -> None:
    fill(store, [SWEEP_BYTES // 4] * 10)
    archive = LogArchive(database)
    archive.raise_floor(1, 9)
    archive.sweep(1)
    assert stands(database)[:2] == (9, 5)


def enlarge(store: RecordStore, database: Database, seq: int, size: int) -> None:
    """A record stands for a large body from now on."""
    with database.transaction():
        blob = store.blobs.begin("a1", seq.to_bytes(32), size, 1_000)
        store.blobs.attach(store.blobs.add(blob, bytes(size), 1_000).id, 1, seq)


def test_large_bodies_are_weighed_and_go_with_their_records(store: RecordStore, database: Database) -> None:
    fill(store, [10] * 10)
    for seq in (2, 4, 9):
        enlarge(store, database, seq, 500)
    settle(database, Policy(body_bytes=1_080))
    assert stands(database) == (3, 3, 1_080, 10)
    assert [seq for seq in range(1, 11) if store.blobs.of_record(1, seq)] == [4, 9]
    assert database.fetch("SELECT count(*) FROM piece") == [(2,)]


def test_few_large_bodies_go_at_a_time(store: RecordStore, database: Database) -> None:
    """And none of their bytes stays behind."""
    fill(store, [10] * 20)
    for seq in range(1, 2 * DELETED_AT_A_TIME + 1):
        enlarge(store, database, seq, 50)
    archive = LogArchive(database)
    archive.raise_floor(1, 15)
    left = []
    while stands(database)[1] < 15:
        archive.sweep(1)
        left += database.fetch("SELECT count(*) FROM piece")
    assert left == [(DELETED_AT_A_TIME,), (0,), (0,)]
    assert stands(database)[2] == 60


def test_bytes_are_weighed_from_the_floor_no_further_than_is_shed(
    store: RecordStore, database: Database
) -> None:
    fill(store, [10] * (SWEEP_RECORDS + 10))
    archive = LogArchive(database)
    assert archive.shed(1, 1, SWEEP_RECORDS + 11, 95) == 11
    assert archive.shed(1, 11, SWEEP_RECORDS + 11, 10) == 12
    assert archive.shed(1, 1, SWEEP_RECORDS + 11, 10**9) == SWEEP_RECORDS + 1
    assert archive.shed(1, 100, SWEEP_RECORDS + 11, 10**9) == SWEEP_RECORDS + 11


def test_a_floor_never_falls(store: RecordStore, database: Database) -> None:
    fill(store, [10] * 10)
    archive = LogArchive(database)
    archive.raise_floor(1, 8)
    archive.raise_floor(1, 5)
    assert stands(database)[0] == 8


def test_edits_and_deletes_lighten_the_log(store: RecordStore, database: Database) -> None:
    fill(store, [10, 20, 30])
    with store.transaction():
        store.erase(1, RangeSet([(2, 3), (9, 12)]))
    assert stands(database) == (1, 1, 40, 3)


def test_receipts_outlive_the_records(store: RecordStore, database: Database) -> None:
    """For the window of numbers, however short the log is kept."""
    key = OutboxKey("a1", b"abcd")
    fill(store, [10] * 3)
    taken = [(key, Taken(n, 1, n, 1_000 + n, b"digest!!")) for n in (1, 2, 3)]
    with store.transaction():
        store.remember(taken, {key: RangeSet([(1, 4)])})
    settle(database, Policy(records=1))
    assert seqs(store) == [3]
    assert [one.seq for one in store.taken(key, [1, 2, 3]).values()] == [1, 2, 3]


def test_what_all_may_read_begins_at_the_floor(store: RecordStore, database: Database) -> None:
    fill(store, [10] * 3)
    LogArchive(database).raise_floor(1, 3)
    assert store.readable_from(1) == 3


def test_space_is_used_again(store: RecordStore, database: Database, path: Path) -> None:
    """The file does not shrink, and does not grow either as long as as much goes as comes."""
    fill(store, [1_000] * 2_000)
    settle(database, Policy(records=1))
    database.empty_log()
    size = path.stat().st_size
    fill(store, [1_000] * 1_900, channel_id=2)
    database.empty_log()
    assert path.stat().st_size < size * 1.05


def test_a_database_that_fails_changes_nothing(store: RecordStore, database: Database) -> None:
    fill(store, [10] * 3)
    database.peewee.execute_sql("PRAGMA query_only = 1")
    with pytest.raises(Unavailable):
        LogArchive(database).raise_floor(1, 3)
    assert stands(database)[0] == 1
