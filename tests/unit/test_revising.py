"""What an edit or a delete has to say, from what the device holds."""

from __future__ import annotations

import pytest

from tidelog.replica.ports import Changes, Holding, Record
from tidelog.revising import delete_body_of, edit_body_of
from tidelog.store import MemoryStore
from tidelog.wire.errors import UsageError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT
from tidelog.wire.limits import BODY_BYTES_MAX, REVISION_SEQS_MAX
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body, read_delete, read_edit

HOLDING = Holding(channel="room", epoch=7, head=200_000)
FIRST_EDIT = edit_body(Edit(voids=RangeSet([(3, 4)]), kind=16, time=1_003, content=b"new"))


def record(seq: int, body: bytes = b"text", *, kind: int = 0) -> tuple[int, Record]:
    made = Record(
        channel="room",
        seq=seq,
        author="ann",
        time=1_000 + seq,
        sent=5,
        kind=kind,
        body=body,
        content_type="text/plain",
    )
    return 7, made


@pytest.fixture
def store() -> MemoryStore:
    """1 and 2, an edit of 3, a delete of 4."""
    made = MemoryStore()
    gone = delete_body(RangeSet([(4, 5)]))
    records = (record(1), record(2), record(5, FIRST_EDIT, kind=KIND_EDIT), record(6, gone, kind=KIND_DELETE))
    made.apply(Changes(records=records))
    return made


def test_an_edit_says_what_it_is_of(store: MemoryStore) -> None:
    body, media = edit_body_of(store, HOLDING, 2, b"other")
    assert read_edit(body) == Edit(voids=RangeSet([(2, 3)]), time=1_002, content=b"other")
    assert media == "text/plain"


def test_an_edit_of_an_edit_says_all_that_came_before(store: MemoryStore) -> None:
    body, _ = edit_body_of(store, HOLDING, 5, b"other")
    assert read_edit(body) == Edit(voids=RangeSet([(3, 4), (5, 6)]), kind=16, time=1_003, content=b"other")


@pytest.mark.parametrize("seq", [3, 6, 99])
def test_what_is_not_held_or_a_delete_cannot_be_edited(store: MemoryStore, seq: int) -> None:
    for holding in (HOLDING, None):
        with pytest.raises(UsageError) as refused:
            edit_body_of(store, holding, seq, b"x")
        assert (refused.value.code, bool(refused.value.hint)) == ("no_record", True)


def test_an_edit_that_is_too_large_is_refused(store: MemoryStore) -> None:
    with pytest.raises(UsageError) as refused:
        edit_body_of(store, HOLDING, 2, bytes(BODY_BYTES_MAX))
    assert refused.value.code == "limit"


@pytest.mark.parametrize(
    ("asked", "voids"),
    [
        ([(1, 2)], [(1, 2)]),
        ([(90, 90 + REVISION_SEQS_MAX)], [(90, 90 + REVISION_SEQS_MAX)]),
        ([(90, 91 + REVISION_SEQS_MAX)], None),
        ([(5, 6)], [(3, 4), (5, 6)]),
        ([(1, 8)], [(1, 6), (7, 8)]),
        ([(2, 3), (40, 50), (199_999, 2**50)], [(2, 3), (40, 50), (199_999, 200_001)]),
    ],
)
def test_a_delete_takes_edits_whole_and_leaves_deletes_out(
    store: MemoryStore, asked: list[tuple[int, int]], voids: list[tuple[int, int]] | None
) -> None:
    if voids is None:
        with pytest.raises(UsageError) as refused:
            delete_body_of(store, HOLDING, asked)
        assert refused.value.code == "limit"
    else:
        assert read_delete(delete_body_of(store, HOLDING, asked)) == RangeSet(voids)


@pytest.mark.parametrize("asked", [[], [(6, 7)], [(200_001, 200_005)]])
def test_a_delete_of_nothing_is_refused(store: MemoryStore, asked: list[tuple[int, int]]) -> None:
    with pytest.raises(UsageError) as refused:
        delete_body_of(store, HOLDING, asked)
    assert refused.value.code == "no_record"
