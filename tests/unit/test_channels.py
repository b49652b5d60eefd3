"""What the application sees of channels and marks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidelog.channels import Channel, channels_of, marks_of
from tidelog.replica.ports import Changes, Holding, Mark, Record
from tidelog.store.memory import MemoryStore
from tidelog.wire.ranges import RangeSet

BOB = Mark(channel="room", epoch=7, user="bob", read=4, delivered=5)


@pytest.fixture
def store() -> MemoryStore:
    """A room with five records of bob's and one of ann's, who has read two."""
    made = MemoryStore()
    one = Record(channel="room", seq=1, author="bob", time=1, sent=1, kind=0, body=b"x")
    records = [*(replace(one, seq=seq) for seq in range(1, 6)), replace(one, seq=6, author="ann")]
    holding = Holding(channel="room", epoch=7, have=RangeSet([(1, 7)]), head=6, floor=1)
    made.apply(
        Changes(
            records=tuple((7, record) for record in records),
            holdings=(holding,),
            marks=(Mark(channel="room", epoch=7, read=2, delivered=6), BOB),
            user="ann",
        )
    )
    return made


def test_unread_is_what_others_wrote_above_the_mark(store: MemoryStore) -> None:
    assert channels_of(store) == [
        Channel(name="room", head=6, floor=1, held=6, unread=3, read=2, delivered=6)
    ]
    assert marks_of(store, "room") == [BOB]
    assert marks_of(store, "elsewhere") == []


def test_in_a_new_epoch_there_are_no_marks(store: MemoryStore) -> None:
    store.apply(Changes(holdings=(Holding(channel="room", epoch=8, head=2),)))
    assert channels_of(store) == [Channel(name="room", head=2, floor=1, held=0, unread=0)]
    assert marks_of(store, "room") == []


def test_what_is_unread_is_not_known_before_whose_device_it_is() -> None:
    store = MemoryStore()
    store.apply(Changes(holdings=(Holding(channel="room", epoch=7, head=2),)))
    assert channels_of(store)[0].unread is None
