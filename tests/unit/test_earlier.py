"""Records of epochs that are over, as the application gets them."""

from __future__ import annotations

from tidelog.earlier import epochs_of, stranded_of
from tidelog.replica.ports import Changes, Holding, Record
from tidelog.store import MemoryStore
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body


def record(seq: int, body: bytes = b"text", *, channel: str = "room", kind: int = 0) -> Record:
    return Record(channel=channel, seq=seq, author="ann", time=1_000 + seq, sent=5, kind=kind, body=body)


def test_only_earlier_epochs_are_told_as_their_records_stood() -> None:
    store = MemoryStore()
    edit = edit_body(Edit(voids=RangeSet([(1, 2)]), kind=16, time=1_001, content=b"edited"))
    store.apply(
        Changes(
            records=(
                *((5, record(seq)) for seq in range(1, 600)),
                (6, record(4, edit, kind=KIND_EDIT)),
                (6, record(5, delete_body(RangeSet([(2, 3)])), kind=KIND_DELETE)),
                (7, record(1)),
                (5, record(9, channel="other")),
            ),
            holdings=(Holding(channel="room", epoch=7), Holding(channel="other", epoch=5)),
        )
    )
    assert epochs_of(store, "room") == [5, 6]
    *first, last = stranded_of(store, "room")
    assert [one.seq for one in first] == list(range(1, 600))
    assert (last.seq, last.kind, last.text, last.edited) == (4, 16, "edited", 1_004)
    assert list(stranded_of(store, "other")) == list(stranded_of(store, "nowhere")) == []
