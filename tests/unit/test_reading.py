"""What a device's store has of a channel, as the application gets it."""

from __future__ import annotations

import pytest

from tidelog import UsageError
from tidelog.reading import holding_of, records_of, standing, stored
from tidelog.replica.ports import Changes, Holding, Record
from tidelog.store import MemoryStore
from tidelog.wire.frames import KIND_DELETE
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import delete_body


def record(seq: int, body: bytes = b"text", *, kind: int = 0) -> Record:
    return Record(channel="room", seq=seq, author="ann", time=1_000 + seq, sent=5, kind=kind, body=body)


@pytest.fixture
def store() -> MemoryStore:
    """Two epochs of a channel; the one that it is in takes three reads, and ends with a delete."""
    made = MemoryStore()
    last = record(600, delete_body(RangeSet([(2, 3)])), kind=KIND_DELETE)
    records = (*((5, record(seq)) for seq in range(1, 600)), (5, last), (4, record(7)))
    made.apply(Changes(records=records, holdings=(Holding(channel="room", epoch=5),)))
    return made


@pytest.mark.parametrize(("start", "stop"), [(1, 601), (1, 257), (256, 513), (300, 301), (300, 300), (9, 3)])
def test_a_range_is_read_whole_however_many_reads_it_takes(store: MemoryStore, start: int, stop: int) -> None:
    found = [one.seq for one in stored(store, "room", 5, start=start, stop=stop)]
    assert found == list(range(start, stop))


def test_deletes_are_records_that_were_written_but_none_that_stand(store: MemoryStore) -> None:
    assert [one.seq for one in stored(store, "room", 5)][-1] == 600
    assert [one.seq for one in standing(store, "room", 5)][-1] == 599


def test_the_records_of_a_channel_are_those_of_the_epoch_that_it_is_in(store: MemoryStore) -> None:
    assert [one.seq for one in records_of(store, "room", start=5, stop=9)] == [5, 6, 7, 8]
    assert list(records_of(store, "nowhere", start=1, stop=9)) == []
    assert holding_of(store, "nowhere") is None


def test_a_name_that_is_none_is_refused(store: MemoryStore) -> None:
    with pytest.raises(UsageError, match="channel"):
        holding_of(store, "a//b")
