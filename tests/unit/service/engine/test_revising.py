"""Edits and deletes on their way into a log: who may, and what goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from simulated.shelf import Shelf
from tidelog.wire.errors import Code
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT
from tidelog.wire.limits import BODY_BYTES_MAX, REVISION_SEQS_MAX
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body, read_delete, read_edit
from tidelog_service.engine.ingest import Draft
from tidelog_service.engine.ports import Row
from tidelog_service.engine.revising import Looks
from unit.service.engine.test_ingest import codes, draft, receipts, take

TIME = 1_000


@pytest.fixture
def store() -> Shelf:
    """Ann's 1 to 5, then Bob's 6."""
    made = Shelf({"room": ("ann", "bob"), "theirs": ("cem",)})
    made.fill("room", [b"one", b"two", b"three", b"four", b"five"], times=range(TIME, TIME + 5))
    made.fill("room", [b"his"], author="bob", times=[TIME + 9])
    return made


numbers: Iterator[int] = iter(range(1, 10**6))


def seqs(*runs: tuple[int, int]) -> RangeSet:
    return RangeSet(runs)


def edited(
    voids: RangeSet,
    content: bytes = b"new",
    *,
    kind: int = 0,
    time: int = TIME,
    encoding: Encoding = Encoding.PACKED,
    device: str = "ann-phone",
) -> Draft:
    body = edit_body(Edit(voids=voids, kind=kind, time=time, content=content))
    return draft(next(numbers), body, kind=KIND_EDIT, encoding=encoding, device=device)


def deleted(voids: RangeSet, *, encoding: Encoding = Encoding.PACKED, device: str = "ann-phone") -> Draft:
    return draft(next(numbers), delete_body(voids), kind=KIND_DELETE, encoding=encoding, device=device)


def rows(store: Shelf) -> dict[int, Row]:
    return store.records[store.logs["room"].id]


def test_an_edit_is_a_record_of_its_own_and_the_first_one_goes(store: Shelf) -> None:
    sent = edited(seqs((1, 2)))
    (receipt,) = receipts(take(store, sent))
    assert receipt.seq == 7
    assert sorted(rows(store)) == [2, 3, 4, 5, 6, 7]
    assert (rows(store)[7].kind, rows(store)[7].author, rows(store)[7].body) == (1, "ann", sent.message.body)
    assert (store.logs["room"].head, store.logs["room"].revisions) == (7, 1)


def test_an_edit_of_an_edit_voids_all_that_it_was_before(store: Shelf) -> None:
    take(store, edited(seqs((1, 2))))
    assert codes(take(store, edited(seqs((7, 8))))) != [], "it does not say what came before"
    assert receipts(take(store, edited(seqs((1, 2), (7, 8)))))[0].seq == 8
    assert sorted(rows(store)) == [2, 3, 4, 5, 6, 8]


@pytest.mark.parametrize(
    "draft_",
    [
        edited(seqs((9, 10))),
        edited(seqs((2, 3)), time=TIME),
        edited(seqs((1, 2)), kind=16),
        edited(seqs((1, 3)), time=TIME + 1),
        deleted(seqs((7, 9))),
        deleted(seqs((5, 99))),
    ],
)
def test_what_is_not_there_or_not_so_is_no_record(store: Shelf, draft_: Draft) -> None:
    before = dict(rows(store))
    assert codes(take(store, draft_)) == [(draft_.message.n, Code.NO_RECORD)]
    assert rows(store) == before
    assert store.logs["room"].revisions == 0


def test_of_two_edits_the_first_one_stands(store: Shelf) -> None:
    """Also within one batch."""
    first, second = edited(seqs((1, 2)), b"first"), edited(seqs((1, 2)), b"second")
    ingested = take(store, first, second)
    assert [one.seq for one in receipts(ingested)] == [7]
    assert codes(ingested) == [(second.message.n, Code.NO_RECORD)]
    assert read_edit(rows(store)[7].body).content == b"first"


@pytest.mark.parametrize("draft_", [edited(seqs((6, 7)), time=TIME + 9), deleted(seqs((1, 7)))])
def test_what_another_user_wrote_is_not_to_be_touched(store: Shelf, draft_: Draft) -> None:
    before = dict(rows(store))
    assert codes(take(store, draft_)) == [(draft_.message.n, Code.DENIED)]
    assert rows(store) == before


def test_who_is_no_member_learns_nothing_of_what_is_there(store: Shelf) -> None:
    stranger = deleted(seqs((1, 3)), device="cem-phone")
    assert codes(take(store, stranger)) == [(stranger.message.n, Code.NO_CHANNEL)]


def test_a_delete_takes_ranges_and_what_is_left_of_them(store: Shelf) -> None:
    take(store, deleted(seqs((2, 4))))
    assert sorted(rows(store)) == [1, 4, 5, 6, 7]
    take(store, deleted(seqs((1, 5))))
    assert sorted(rows(store)) == [5, 6, 7, 8]
    again = deleted(seqs((1, 5)))
    assert codes(take(store, again)) == [(again.message.n, Code.NO_RECORD)]


def test_an_edit_is_deleted_with_all_that_it_was_before(store: Shelf) -> None:
    """A device that holds an earlier one would never hear of it."""
    take(store, edited(seqs((1, 2))))
    alone = deleted(seqs((7, 8)))
    assert codes(take(store, alone)) == [(alone.message.n, Code.NO_RECORD)]
    assert receipts(take(store, deleted(seqs((1, 2), (7, 8)))))
    assert sorted(rows(store)) == [2, 3, 4, 5, 6, 8]


def test_deletes_stay(store: Shelf) -> None:
    """A device that has not got one would never hear of what it deleted."""
    take(store, deleted(seqs((1, 2))))
    for sent in (deleted(seqs((7, 8))), edited(seqs((7, 8)), time=rows(store)[7].time)):
        assert codes(take(store, sent)) == [(sent.message.n, Code.NO_RECORD)]


@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff" * 9, b"\x05\x00\x01", delete_body(EMPTY)])
@pytest.mark.parametrize("kind", [KIND_EDIT, KIND_DELETE])
def test_a_body_that_is_none_is_refused(store: Shelf, kind: int, body: bytes) -> None:
    sent = draft(next(numbers), body, kind=kind)
    ((_, code),) = codes(take(store, sent))
    assert code in (Code.MALFORMED, Code.UNSUPPORTED)


def test_one_sent_again_gets_its_receipt_again_and_does_nothing_more(store: Shelf) -> None:
    sent = edited(seqs((1, 2)))
    first = receipts(take(store, sent))
    assert receipts(take(store, sent)) == first
    assert sorted(rows(store)) == [2, 3, 4, 5, 6, 7]


def test_in_json_what_the_writer_cannot_know_is_filled_in(store: Shelf) -> None:
    json = Encoding.JSON
    first = edited(seqs((2, 3)), time=0, encoding=json)
    take(store, first)
    assert read_edit(rows(store)[7].body) == Edit(voids=seqs((2, 3)), time=TIME + 1, content=b"new")
    take(store, edited(seqs((7, 8)), time=0, encoding=json))
    assert read_edit(rows(store)[8].body) == Edit(voids=seqs((2, 3), (7, 8)), time=TIME + 1, content=b"new")
    take(store, deleted(seqs((8, 9)), encoding=json))
    assert read_delete(rows(store)[9].body) == seqs((2, 3), (7, 9))
    assert sorted(rows(store)) == [1, 3, 4, 5, 6, 9]
    assert receipts(take(store, first))[0].seq == 7, "its digest is of what was sent"


def test_a_body_that_grows_over_the_limit_is_refused(store: Shelf) -> None:
    sent = edited(seqs((1, 2)), bytes(BODY_BYTES_MAX - 5), time=0, encoding=Encoding.JSON)
    assert len(sent.message.body) <= BODY_BYTES_MAX
    assert codes(take(store, sent)) == [(sent.message.n, Code.LIMIT)]


def test_a_delete_that_is_filled_to_more_than_one_may_void_is_refused(store: Shelf) -> None:
    """It could not be read by anybody."""
    take(store, edited(seqs((1, 2))))
    store.fill("room", [b"many"] * (REVISION_SEQS_MAX + 1))
    too_many = seqs((2, 6), (7, REVISION_SEQS_MAX + 3))
    assert too_many.count == REVISION_SEQS_MAX
    done = take(store, deleted(too_many, encoding=Encoding.JSON))
    assert [code for _, code in codes(done)] == [Code.LIMIT]
    assert 3 in rows(store)


def test_what_the_deletes_of_one_batch_look_at_is_bounded(
    store: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packet of many large deletes, all refused, would cost a minute."""
    monkeypatch.setattr(Looks, "__init__", lambda self: setattr(self, "left", 5))
    done = take(store, *[deleted(seqs((1, 7))) for _ in range(3)], deleted(seqs((1, 2))))
    assert [code for _, code in codes(done)] == [Code.DENIED, Code.BUSY, Code.BUSY, Code.BUSY]
    assert receipts(take(store, deleted(seqs((1, 6)))))


@pytest.mark.parametrize("kind", [KIND_EDIT, KIND_DELETE])
def test_what_names_the_numbers_of_another_epoch_does_nothing(store: Shelf, kind: int) -> None:
    """After a restore they are other records."""
    made = edited(seqs((1, 2))) if kind == KIND_EDIT else deleted(seqs((1, 2)))
    stale = made._replace(message=replace(made.message, epoch=store.logs["room"].epoch + 1))
    assert codes(take(store, stale)) == [(stale.message.n, Code.NO_RECORD)]
    assert len(rows(store)) == 6
    current = made._replace(message=replace(made.message, n=next(numbers), epoch=store.logs["room"].epoch))
    assert receipts(take(store, current))
