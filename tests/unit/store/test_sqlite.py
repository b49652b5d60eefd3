"""What only the file promises: locks, damage, upgrades, durability."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tidelog.replica.ports import Changes, Holding, Record, Weight
from tidelog.replica.tokens import Token
from tidelog.store import SqliteStore, marks, rows, schema, sqlite
from tidelog.wire.errors import TidelogError, Unavailable, UsageError
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standings

WRITER = Path(__file__).with_name("writer.py")


def record(seq: int, body: bytes = b"x") -> Record:
    return Record(channel="room1", seq=seq, author="ann", time=seq, sent=seq, kind=0, body=body)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "phone.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, device="a1phone")
    yield opened
    opened.close()


def code_of_opening(path: Path, *, device: str = "a1phone", read_only: bool = False) -> str:
    with pytest.raises(TidelogError) as caught:
        SqliteStore(path, device=device, read_only=read_only)
    assert caught.value.hint
    return caught.value.code


def test_the_store_of_another_device_is_refused(store: SqliteStore, path: Path) -> None:
    store.close()
    assert code_of_opening(path, device="other") == "store_device"


def test_a_refused_opening_leaves_no_lock_behind(store: SqliteStore, path: Path) -> None:
    store.close()
    code_of_opening(path, device="other")
    SqliteStore(path, device="a1phone").close()


def test_a_second_writer_is_told_that_the_store_is_locked(store: SqliteStore, path: Path) -> None:
    assert store.load().next_n == 1
    assert code_of_opening(path) == "store_locked"


def test_a_link_to_the_file_does_not_get_around_the_lock(store: SqliteStore, path: Path) -> None:
    assert store.load().next_n == 1
    link = path.with_name("alias.db")
    link.symlink_to(path)
    assert code_of_opening(link) == "store_locked"


def test_closing_frees_the_lock_and_may_be_repeated(store: SqliteStore, path: Path) -> None:
    store.close()
    store.close()
    SqliteStore(path, device="a1phone").close()


def test_a_closed_store_says_so(store: SqliteStore) -> None:
    store.close()
    for call in (store.load, lambda: store.apply(Changes(next_n=2))):
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.code == "store_closed"


def test_a_reader_sees_what_the_writer_commits_beside_it(store: SqliteStore, path: Path) -> None:
    reader = SqliteStore(path, device="a1phone", read_only=True)
    assert reader.records("room1", 1, start=1, stop=9, limit=9) == []
    store.apply(Changes(records=((1, record(1)),), next_n=4))
    assert reader.records("room1", 1, start=1, stop=9, limit=9) == [record(1)]
    assert (reader.weight("room1", 1).records, reader.load().next_n) == (1, 4)
    reader.close()


def test_a_reader_can_open_when_no_writer_is_there(store: SqliteStore, path: Path) -> None:
    store.apply(Changes(records=((1, record(1)),)))
    store.close()
    reader = SqliteStore(path, device="a1phone", read_only=True)
    assert reader.weight("room1", 1).records == 1
    reader.close()


def test_a_reader_may_not_write(store: SqliteStore, path: Path) -> None:
    assert store.load().next_n == 1
    reader = SqliteStore(path, device="a1phone", read_only=True)
    with pytest.raises(UsageError) as caught:
        reader.apply(Changes(next_n=2))
    assert caught.value.code == "store_read_only"
    reader.close()


def test_a_reader_makes_no_file(path: Path) -> None:
    assert code_of_opening(path, read_only=True) == "store_missing"
    assert list(path.parent.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert code_of_opening(tmp_path / "nowhere" / "phone.db") == "store_path"


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    assert code_of_opening(tmp_path) == "store_path"


def test_a_file_that_is_not_a_database_is_left_alone(path: Path) -> None:
    content = b"a diary, not a database\n" * 100
    path.write_bytes(content)
    assert code_of_opening(path) == "store_damaged"
    assert path.read_bytes() == content


def test_a_database_of_another_application_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    content = path.read_bytes()
    assert code_of_opening(path) == "store_foreign"
    assert path.read_bytes() == content


def test_a_newer_schema_asks_for_newer_software(store: SqliteStore, path: Path) -> None:
    store._connection.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    store.close()
    assert code_of_opening(path) == "store_newer"
    assert code_of_opening(path, read_only=True) == "store_newer"


def test_a_damaged_page_is_reported_as_damage(store: SqliteStore, path: Path) -> None:
    store.apply(Changes(records=tuple((1, record(seq, b"x" * 500)) for seq in range(1, 200))))
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    again = SqliteStore(path, device="a1phone")
    with pytest.raises(Unavailable) as caught:
        again.records("room1", 1, start=1, stop=300, limit=300)
    assert caught.value.code == "store_damaged"
    again.close()


def test_a_have_set_that_cannot_be_read_is_reported_as_damage(store: SqliteStore) -> None:
    store.apply(Changes(holdings=(Holding(channel="room1", epoch=1),)))
    store._connection.execute("UPDATE holdings SET have = x'ff'")
    with pytest.raises(Unavailable) as caught:
        store.load()
    assert caught.value.code == "store_damaged"


def test_a_full_disk_changes_nothing(store: SqliteStore) -> None:
    store.apply(Changes(records=((1, record(1)),), next_n=2))
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable) as caught:
        store.apply(Changes(next_n=9, records=((1, record(2)), (1, record(3, b"x" * 100_000)))))
    assert (caught.value.code, bool(caught.value.hint)) == ("store_full", True)
    assert (store.load().next_n, store.weight("room1", 1).records) == (2, 1)


def test_a_step_that_fails_gives_back_the_channel_ids_it_took(store: SqliteStore) -> None:
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable):
        store.apply(Changes(records=((1, record(3, b"x" * 100_000)),)))
    store._connection.execute("PRAGMA max_page_count = 100000")
    other = Record(channel="room2", seq=1, author="ann", time=1, sent=1, kind=0, body=b"")
    store.apply(Changes(records=((1, other),)))
    store.apply(Changes(records=((1, record(1)),)))
    assert store.records("room1", 1, start=1, stop=9, limit=9) == [record(1)]
    assert store.records("room2", 1, start=1, stop=9, limit=9) == [other]


def test_the_file_is_for_its_owner_only(store: SqliteStore, path: Path) -> None:
    store.apply(Changes(next_n=2))
    modes = {one.name: one.stat().st_mode & 0o077 for one in path.parent.glob("phone.db*")}
    assert modes["phone.db"] == 0
    assert modes["phone.db-wal"] == 0


def test_writing_is_durable_by_its_settings(store: SqliteStore) -> None:
    (mode,) = store._connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = store._connection.execute("PRAGMA synchronous").fetchone()
    assert (mode, synchronous) == ("wal", 2)


def test_reads_search_the_primary_key(store: SqliteStore) -> None:
    plan = store._connection.execute(f"EXPLAIN QUERY PLAN {sqlite._READ}", (1, 1, 1, 9, 9)).fetchall()
    assert [row[3] for row in plan] == [
        "SEARCH records USING PRIMARY KEY (channel_id=? AND epoch=? AND seq>? AND seq<?)"
    ]


def test_an_upgrade_runs_only_the_missing_steps(store: SqliteStore) -> None:
    added = (*schema.STEPS, ("CREATE TABLE later (id INTEGER)",))
    schema.upgrade(store._connection, steps=added)
    (version,) = store._connection.execute("PRAGMA user_version").fetchone()
    assert version == len(added)
    assert store._connection.execute("SELECT count(*) FROM later").fetchone() == (0,)


def test_messages_are_counted_by_their_index_alone(store: SqliteStore) -> None:
    plan = store._connection.execute(f"EXPLAIN QUERY PLAN {marks.WRITTEN}", ("room1", 1, 5, "ann")).fetchall()
    assert "USING COVERING INDEX records_written (channel_id=? AND epoch=? AND seq>?)" in plan[0][3]


def test_a_file_of_the_first_schema_learns_the_bytes_of_its_bodies(path: Path) -> None:
    """What is held twice over epochs and channels is summed for each, empty channels too."""
    first = sqlite3.connect(path, isolation_level=None)
    schema.upgrade(first, steps=schema.STEPS[:1])
    first.execute("INSERT INTO meta VALUES (1, 'a1phone', x'00000000', 1)")
    first.executemany("INSERT INTO channels VALUES (?, ?)", [(1, "room1"), (2, "room2")])
    sizes = {(1, 1): [3, 20_000], (1, 2): [0, 7, 5], (2, 1): []}
    for (channel_id, epoch), bodies in sizes.items():
        rows = [(channel_id, epoch, seq, bytes(size)) for seq, size in enumerate(bodies, 1)]
        first.executemany("INSERT INTO records VALUES (?, ?, ?, 'ann', 1, 1, 0, '', ?)", rows)
        first.execute("INSERT INTO counts VALUES (?, ?, ?)", (channel_id, epoch, len(bodies)))
    first.close()
    assert code_of_opening(path, read_only=True) == "store_older"
    store = SqliteStore(path, device="a1phone")
    told = [store.weight(*key) for key in (("room1", 1), ("room1", 2), ("room2", 1))]
    assert told == [Weight(records=2, body_bytes=20_003), Weight(records=3, body_bytes=12), Weight()]
    store.apply(Changes(records=((1, record(3, b"four")),)))
    assert store.weight("room1", 1) == Weight(records=3, body_bytes=20_007)
    store.close()


def test_a_file_from_before_tokens_has_none_and_learns_them(path: Path) -> None:
    before = sqlite3.connect(path, isolation_level=None)
    schema.upgrade(before, steps=schema.STEPS[:2])
    before.execute("INSERT INTO meta VALUES (1, 'a1phone', x'00000000', 1)")
    before.close()
    with closing(SqliteStore(path, device="a1phone")) as store:
        assert store.load().tokens == ()
        store.apply(Changes(tokens=(Token(b"scope", b"name", Standings()),)))
    with closing(SqliteStore(path, device="a1phone", read_only=True)) as again:
        assert [one.token for one in again.load().tokens] == [b"name"]


def test_a_file_from_before_channels_could_be_gone_has_all_of_them(path: Path) -> None:
    before = sqlite3.connect(path, isolation_level=None)
    schema.upgrade(before, steps=schema.STEPS[:4])
    before.execute("INSERT INTO meta VALUES (1, 'a1phone', x'00000000', 1)")
    before.execute("INSERT INTO channels VALUES (5, 'room1')")
    before.execute(
        "INSERT INTO holdings VALUES (5, 7, ?, ?, 3, 1)",
        (rows.seqs_blob(RangeSet([(1, 4)])), rows.seqs_blob(RangeSet())),
    )
    before.close()
    with closing(SqliteStore(path, device="a1phone")) as store:
        snapshot = store.load()
    assert snapshot.holdings == (Holding(channel="room1", epoch=7, have=RangeSet([(1, 4)]), head=3),)
    assert not snapshot.seconds


def test_a_file_from_before_marks_has_none_and_counts_what_it_holds(path: Path) -> None:
    before = sqlite3.connect(path, isolation_level=None)
    schema.upgrade(before, steps=schema.STEPS[:5])
    before.execute("INSERT INTO meta VALUES (1, 'a1phone', x'00000000', 1, 0)")
    before.execute("INSERT INTO channels VALUES (5, 'room1')")
    before.executemany(
        "INSERT INTO records VALUES (5, 7, ?, 'bob', 1, 1, ?, '', x'00')", [(1, 0), (2, 1), (3, 16), (4, 0)]
    )
    before.close()
    with closing(SqliteStore(path, device="a1phone")) as store:
        assert (store.load().marks, store.load().user) == ((), "")
        assert store.written("room1", 7, above=1, besides="ann") == 2


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(store: SqliteStore) -> None:
    broken = (*schema.STEPS, ("CREATE TABLE later (id INTEGER)", "CREATE TABLE records (id INTEGER)"))
    with pytest.raises(sqlite3.OperationalError):
        schema.upgrade(store._connection, steps=broken)
    assert schema.version(store._connection) == len(schema.STEPS)
    assert store.load().next_n == 1


def test_threads_may_write_and_read_together(store: SqliteStore) -> None:
    def write(first: int) -> None:
        for seq in range(first, first + 25):
            store.apply(Changes(records=((1, record(seq)),)))
            store.records("room1", 1, start=1, stop=200, limit=200)

    threads = [threading.Thread(target=write, args=(first,)) for first in (1, 51, 101)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.weight("room1", 1).records == 75


def test_what_was_acknowledged_survives_kills(path: Path) -> None:
    acknowledged = 0
    for lines in (5, 60, 137):
        child = subprocess.Popen([sys.executable, str(WRITER), str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(lines):
            acknowledged = int(child.stdout.readline())
        child.kill()
        # What it printed between the last line read and the signal was acknowledged too.
        acknowledged = max([acknowledged, *(int(line) for line in child.stdout if line.endswith("\n"))])
        child.stdout.close()
        child.wait()
        assert_whole(path, acknowledged)


def assert_whole(path: Path, acknowledged: int) -> None:
    store = SqliteStore(path, device="a1phone")
    snapshot = store.load()
    last = snapshot.next_n - 1
    stored = store.records("room1", 1, start=1, stop=2**53, limit=10_000)
    store.close()
    assert last >= acknowledged
    assert [one.seq for one in stored] == list(range(1, last + 1))
    assert snapshot.holdings[0].have == RangeSet([(1, last + 1)])
    assert [one.n for one in snapshot.outbox] == [last]
