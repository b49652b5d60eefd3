"""Sums that are kept come to what the records come to, whatever was erased, cut off and added."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidelog.wire.fingerprints import SUM_STOP, fingerprint
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.ports import Head, NewRow, Sums
from tidelog_service.store import schema, sqlite
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.keys import key_of
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.transfer import import_records, read_lines

USERS = {1: "ann", 2: "bob"}
RUNS = st.lists(st.tuples(st.integers(1, 70), st.integers(1, 25)), max_size=6).map(
    lambda found: RangeSet([(start, start + size) for start, size in found])
)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 20)),
        st.tuples(st.just("erase"), RUNS),
        st.tuples(st.just("trim"), st.integers(1, 60)),
    ),
    max_size=12,
)


class Mirror:
    """Two logs side by side in a store, and the same as plain dictionaries."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.store = RecordStore(database)
        self.chance = Random(seed)
        logs = database.fetch("SELECT id, name FROM channel ORDER BY id")
        self.names: dict[int, str] = dict(logs)
        self.rows: dict[int, dict[int, NewRow]] = {channel_id: {} for channel_id in self.names}
        self.heads = {channel_id: Head(0, 0) for channel_id in self.names}

    def append(self, count: int) -> None:
        for channel_id, name in self.names.items():
            made = []
            for _ in range(count):
                head = self.heads[channel_id]
                row = self._row(channel_id, head)
                share = self._share(name, row)
                self.heads[channel_id] = Head(
                    row.seq,
                    row.seq,
                    sum=(head.sum + share) % SUM_STOP,
                    body_bytes=head.body_bytes + len(row.body),
                )
                made.append(row)
                self.rows[channel_id][row.seq] = row
            with self.store.transaction():
                self.store.append(made)
                self.store.advance({channel_id: self.heads[channel_id]})

    def erase(self, seqs: RangeSet) -> None:
        for channel_id, rows in self.rows.items():
            with self.store.transaction():
                self.store.erase(channel_id, seqs)
            for seq in [seq for seq in rows if seq in seqs]:
                del rows[seq]

    def trim(self, floor: int) -> None:
        """As retention does: the rows below go, and nothing is noted."""
        for channel_id, rows in self.rows.items():
            with self.store.transaction():
                keys = (key_of(channel_id, 0), key_of(channel_id, floor))
                self.database.write_many("DELETE FROM record WHERE id >= ? AND id < ?", [keys])
            for seq in [seq for seq in rows if seq < floor]:
                del rows[seq]

    def expected(self, channel_id: int, seqs: RangeSet) -> Sums:
        found = [row for seq, row in self.rows[channel_id].items() if seq in seqs]
        total = sum(self._share(self.names[channel_id], row) for row in found)
        return Sums(len(found), sum(len(row.body) for row in found), total % SUM_STOP)

    def _row(self, channel_id: int, head: Head) -> NewRow:
        body = self.chance.randbytes(self.chance.randrange(6))
        author, kind = self.chance.choice([1, 2]), self.chance.choice([0, 0, 1, 2, 16])
        return NewRow(
            channel_id, head.seq + 1, author, head.seq + 1, 5, kind, "", body, head.sum, head.body_bytes
        )

    def _share(self, name: str, row: NewRow) -> int:
        return fingerprint(name, row.seq, row.kind, USERS[row.author_id], row.content_type, row.body)


def prepared() -> Database:
    database = open_database(":memory:")
    registry = Registry(database)
    for name in USERS.values():
        registry.add_user(name)
    registry.add_channel("room1", ["ann", "bob"])
    registry.add_channel("room2", ["ann", "bob"])
    return database


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(ACTIONS, st.lists(RUNS, min_size=1, max_size=4), st.integers(0, 99))
def test_any_ranges_come_to_what_their_records_come_to(
    actions: list[tuple[str, Any]], asked: list[RangeSet], seed: int
) -> None:
    """Retention only ever cuts off below what is asked about."""
    with prepared() as database:
        mirror = Mirror(database, seed)
        floor = 1
        for action, argument in actions:
            getattr(mirror, action)(argument)
            floor = max(floor, argument) if action == "trim" else floor
        for seqs in asked:
            for channel_id in mirror.names:
                above = seqs & RangeSet([(floor, 200)])
                assert mirror.store.tally(channel_id, above) == mirror.expected(channel_id, above)


def test_gaps_grow_together() -> None:
    """As many rows as there are gaps, however many deletes made them."""
    with prepared() as database:
        mirror = Mirror(database, 1)
        mirror.append(20)
        for start in (5, 9, 7, 6, 8):
            mirror.erase(RangeSet([(start, start + 1)]))
        mirror.erase(RangeSet([(18, 21)]))
        mirror.append(1)
        gaps = database.fetch("SELECT id, stop FROM erased WHERE id < ?", (key_of(2, 0),))
        assert gaps == [(key_of(1, 5), key_of(1, 10)), (key_of(1, 18), key_of(1, 21))]


def test_a_range_takes_a_few_look_ups_whatever_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with prepared() as database:
        mirror = Mirror(database, 1)
        mirror.append(500)
        mirror.erase(RangeSet([(start, start + 1) for start in range(10, 400, 2)]))
        counted: list[str] = []
        fetch = database.fetch

        def count(sql: str, params: Any = ()) -> Any:
            counted.append(sql)
            return fetch(sql, params)

        monkeypatch.setattr(database, "fetch", count)
        assert mirror.store.tally(1, RangeSet([(3, 480)])) == mirror.expected(1, RangeSet([(3, 480)]))
        assert len(counted) == 3
        assert all("SEARCH" in plan for plan in _plans(database, counted))


def test_its_work_is_the_same_for_ten_records_and_for_thousands() -> None:
    """Counted in instructions of the database's machine: a row that is looked at takes some."""
    steps = []
    for count in (10, 5_000):
        with prepared() as database:
            mirror = Mirror(database, 1)
            mirror.append(count)
            mirror.erase(RangeSet([(4, 6), (8, 9)]))
            mirror.store.tally(1, RangeSet([(1, count + 1)]))
            taken = 0

            def step() -> int:
                nonlocal taken
                taken += 1
                return 0

            database.peewee.handle.set_progress_handler(step, 1)
            mirror.store.tally(1, RangeSet([(1, 3), (5, count + 1)]))
            database.peewee.handle.set_progress_handler(None, 1)
            steps.append(taken)
    assert steps[0] == steps[1]
    assert steps[0] < 300


def _plans(database: Database, statements: list[str]) -> list[str]:
    plans = []
    for sql in statements:
        rows = database.peewee.handle.execute(f"EXPLAIN QUERY PLAN {sql}", [0] * sql.count("?")).fetchall()
        plans.append(rows[0][3])
    return plans


def test_an_import_keeps_the_sums() -> None:
    with prepared() as database:
        lines = [
            f'{{"channel": "room1", "author": "{author}", "ts": 5, "body": "m{number}"}}'
            for number, author in enumerate(["ann", "bob", "ann"])
        ]
        import_records(database, read_lines(lines))
        import_records(database, read_lines(lines[:1]))
        store = RecordStore(database)
        told = [("ann", b"m0"), ("bob", b"m1"), ("ann", b"m2"), ("ann", b"m0")]
        shares = [fingerprint("room1", seq, 0, who, "", body) for seq, (who, body) in enumerate(told, 1)]
        assert store.tally(1, RangeSet([(2, 5)])) == Sums(3, 6, sum(shares[1:]) % SUM_STOP)
        assert store.logs_of(1)["room1"].sum == sum(shares) % SUM_STOP


def test_an_older_database_gets_its_sums(path: Path, tmp_path: Path) -> None:
    """Records that are gone by then count as nothing; later ones go on from there."""
    scripts = tmp_path / "scripts"
    shutil.copytree(schema.SCRIPTS, scripts)
    (scripts / "0012_sums.py").unlink()
    older = sqlite.connection(str(path))
    older.connect()
    schema.migrate(older, scripts)
    older.execute_sql("INSERT INTO user (id, name, created) VALUES (1, 'ann', 1), (2, 'bob', 1)")
    older.execute_sql(
        "INSERT INTO channel (id, name, epoch, head, floor, time, created) "
        "VALUES (1, 'room1', 7, 3000, 1, 9, 1), (2, 'room2', 8, 0, 1, 0, 1), (3, 'room3', 9, 4, 1, 0, 1)"
    )
    there = [seq for seq in range(5, 2999) if seq % 100 and seq not in range(1000, 1300)]
    for channel_id, seqs in ((1, there), (3, [1, 2, 3, 4])):
        older.handle.executemany(
            "INSERT INTO record (id, author_id, time, lag, kind, content_type, body) "
            "VALUES (?, ?, 9, 0, ?, 'a/b', ?)",
            [(key_of(channel_id, seq), 1 + seq % 2, seq % 3, b"m%d" % seq) for seq in seqs],
        )
    older.close()
    with open_database(path) as database:
        mirror = Mirror(database, 1)
        for channel_id, seqs in ((1, there), (3, [1, 2, 3, 4])):
            mirror.rows[channel_id] = {
                seq: NewRow(channel_id, seq, 1 + seq % 2, 9, 9, seq % 3, "a/b", b"m%d" % seq) for seq in seqs
            }
        for channel_id, head, total, size in database.fetch("SELECT id, head, sum, bytes FROM channel"):
            mirror.heads[channel_id] = Head(head, 9, sum=total % SUM_STOP, body_bytes=size)
        mirror.append(3)
        mirror.erase(RangeSet([(1290, 1310), (2, 3)]))
        for channel_id in mirror.names:
            for seqs in (RangeSet([(1, 4000)]), RangeSet([(990, 1400), (2990, 3002)]), RangeSet([(2, 4)])):
                assert mirror.store.tally(channel_id, seqs) == mirror.expected(channel_id, seqs)
