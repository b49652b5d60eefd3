"""Large bodies in the database."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.blobs import Blob
from tidelog_service.store.blobs import BlobStore
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.keys import LOG_STOP
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

DIGEST = bytes(32)


def kept(database: Database, *parts: bytes, size: int | None = None, device: str = "a1") -> Blob:
    """An upload of these parts."""
    store = BlobStore(database)
    with database.transaction():
        blob = store.begin(device, DIGEST, sum(map(len, parts)) if size is None else size, 1_000)
        for part in parts:
            blob = store.add(blob, part, 1_000)
    return blob


@given(
    st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=9),
    st.integers(0, 90),
    st.integers(0, 90),
)
@settings(deadline=None)
def test_any_range_of_bytes_is_read(parts: list[bytes], start: int, stop: int) -> None:
    """Beside other bodies, whose pieces are not touched."""
    with open_database(":memory:") as database:
        kept(database, b"before", device="a0")
        blob = kept(database, *parts)
        kept(database, b"behind", device="a2")
        whole = b"".join(parts)
        assert BlobStore(database).upload("a1", DIGEST) == blob == Blob(blob.id, len(whole), len(whole))
        assert b"".join(BlobStore(database).pieces(blob.id, start, stop)) == whole[start:stop]


def test_the_bodies_of_erased_records_go_and_no_others(database: Database) -> None:
    store = BlobStore(database)
    blobs = {}
    for channel, seq in ((1, 1), (1, 2), (1, LOG_STOP - 1), (2, 1)):
        blob = blobs[channel, seq] = kept(database, b"%d" % seq, b"rest")
        with database.transaction():
            store.attach(blob.id, channel, seq)
    with database.transaction():
        assert store.erase(1, RangeSet([(2, LOG_STOP + 5)])) == blobs[1, 2].size + blobs[1, LOG_STOP - 1].size
    left = {key: store.of_record(*key) for key in blobs}
    assert left == {(1, 1): blobs[1, 1], (1, 2): None, (1, LOG_STOP - 1): None, (2, 1): blobs[2, 1]}
    assert database.fetch("SELECT count(*) FROM piece") == [(4,)]


def test_an_upload_is_its_devices_until_it_is_a_records(database: Database) -> None:
    store = BlobStore(database)
    blob = kept(database, b"half", size=9)
    assert store.upload("a2", DIGEST) is None
    with database.transaction():
        store.attach(blob.id, 1, 1)
    assert store.upload("a1", DIGEST) is None


@pytest.mark.parametrize(
    "name", ["_upload", "_of_record", "_of_records", "_pieces", "_grow", "_disown", "_disowned"]
)
def test_no_statement_scans_a_table(database: Database, name: str) -> None:
    sql = getattr(BlobStore(database), name)
    plan = database.fetch(f"EXPLAIN QUERY PLAN {sql}", [0] * sql.count("?"))
    assert plan
    assert [step[3] for step in plan if not re.match("SEARCH|SCALAR SUBQUERY", step[3])] == []


def test_nor_does_making_room(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    select = database.select

    def recorded(query: object) -> list[tuple[object, ...]]:
        sql, values = database.peewee.compiled(query)  # type: ignore[arg-type] # a query of Peewee's
        asked.extend(step[3] for step in database.fetch(f"EXPLAIN QUERY PLAN {sql}", values))
        return select(query)  # type: ignore[arg-type] # same

    monkeypatch.setattr(database, "select", recorded)
    kept(database, b"a")
    assert len([step for step in asked if re.search("USING (COVERING )?INDEX body_(upload|used)", step)]) == 2
    assert not [step for step in asked if step.startswith("SCAN")]


def test_many_bodies_go_some_at_a_time_and_are_nobodys_at_once(database: Database) -> None:
    """A service that starts anew goes on with it."""
    Registry(database).add_channel("room1", [])
    store = RecordStore(database)
    for seq in range(1, 12):
        blob = kept(database, b"%d" % seq)
        with store.transaction():
            store.blobs.attach(blob.id, 1, seq)
    with store.transaction():
        store.erase(1, RangeSet([(1, 11)]))
    assert [store.blobs.of_record(1, seq) for seq in range(1, 11)] == [None] * 10
    left = []
    for one in (store, RecordStore(database), store):
        left += database.fetch("SELECT count(*) FROM body")[0]
        with one.transaction():
            pass
    assert left == [7, 3, 1]
    assert database.fetch("SELECT count(*) FROM piece") == [(1,)]
    assert store.blobs.of_record(1, 11) is not None
