"""Which bytes of large bodies go up, and when."""

from __future__ import annotations

import pytest

from simulated.samples import Steady
from tidelog.replica.outbox import Outbox
from tidelog.replica.ports import BodyPart, Changes, OutboxEntry
from tidelog.replica.tuning import Tuning
from tidelog.replica.uploads import WINDOW_BYTES, Uploads
from tidelog.store.memory import MemoryStore
from tidelog.wire import packed
from tidelog.wire.errors import Code
from tidelog.wire.frames import KIND_STUB, Fault
from tidelog.wire.large import Chunk, Upload
from tidelog.wire.stubs import stub_body, stub_for

BODY = bytes(range(256)) * 800
STUB = stub_for(BODY)
PART = 15_360


def entry(n: int, body: bytes = BODY) -> OutboxEntry:
    stub = stub_body(stub_for(body))
    return OutboxEntry(n=n, channel="room", kind=KIND_STUB, sent=1, content_type="", body=stub)


@pytest.fixture
def outbox() -> Outbox:
    made = Outbox(b"abcd", 1, [entry(1), entry(2)], tuning=Tuning(), chance=Steady())
    made.batches(0.0)
    return made


@pytest.fixture
def uploads(outbox: Outbox) -> Uploads:
    shelf = MemoryStore()
    shelf.apply(Changes(queued=(entry(1),), parts=(BodyPart(STUB.digest, STUB.size, 0, BODY),)))
    return Uploads(outbox=outbox, shelf=shelf, tuning=Tuning(), chance=Steady())


def begun(uploads: Uploads, offset: int = 0) -> None:
    assert uploads.need(entry(1), 0.0)
    assert uploads.due() == 0
    assert uploads.next(0.0) == [Chunk(rid=1, digest=STUB.digest, size=STUB.size)]
    assert uploads.due() == 5
    assert uploads.take(Upload(rid=1, offset=offset), 1.0)


def test_it_begins_with_the_question_and_goes_on_from_the_answer(uploads: Uploads) -> None:
    begun(uploads, offset=3 * PART)
    chunks = uploads.next(1.0)
    assert [chunk.offset for chunk in chunks] == [3 * PART, 4 * PART, 5 * PART, 6 * PART]
    assert all(chunk.data == BODY[chunk.offset : chunk.offset + PART] for chunk in chunks)
    assert all(len(packed.encode(chunk)) <= Tuning().page_bytes for chunk in chunks)
    assert uploads.next(1.0) == []
    assert uploads.due() == 6


def test_a_window_is_under_way_and_moves_with_the_answers(uploads: Uploads) -> None:
    begun(uploads)
    sent = sum(len(chunk.data) for chunk in uploads.next(1.0))
    assert WINDOW_BYTES - PART < sent <= WINDOW_BYTES
    assert uploads.take(Upload(rid=1, offset=PART), 2.0)
    assert uploads.due() == 0
    assert [chunk.offset for chunk in uploads.next(2.0)] == [sent]


def test_small_packets_make_a_small_window(outbox: Outbox, uploads: Uploads) -> None:
    """A service lets few packets of one device wait."""
    uploads.tuning = Tuning(page_bytes=256)
    begun(uploads)
    assert [len(chunk.data) for chunk in uploads.next(1.0)] == [1_024] * 16
    assert outbox.due() is not None, "the other message goes its way"


def test_a_message_is_held_until_its_bytes_are_there(outbox: Outbox, uploads: Uploads) -> None:
    begun(uploads)
    assert [one.n for batch in outbox.batches(100.0) for one in batch.messages] == [2]
    assert uploads.take(Upload(rid=1, offset=STUB.size), 101.0)
    assert [one.n for batch in outbox.batches(101.0) for one in batch.messages] == [1]
    assert (uploads.due(), uploads.next(200.0)) == (None, [])


def test_without_an_answer_it_asks_how_much_is_there(uploads: Uploads) -> None:
    begun(uploads)
    uploads.next(1.0)
    assert uploads.next(6.0) == [Chunk(rid=1, digest=STUB.digest, size=STUB.size)]
    assert uploads.due() == 11
    assert uploads.take(Upload(rid=1, offset=PART), 7.0)
    assert uploads.next(7.0)[0].offset == PART, "what was sent behind a hole is lost"


def test_answers_that_overtake_each_other_do_no_harm(uploads: Uploads) -> None:
    begun(uploads)
    uploads.next(1.0)
    assert uploads.take(Upload(rid=1, offset=3 * PART), 2.0)
    assert uploads.take(Upload(rid=1, offset=PART), 2.0)
    assert uploads.next(2.0)[0].offset == 4 * PART


@pytest.mark.parametrize(
    "told", [Upload(rid=2, offset=5), Upload(rid=0), Upload(rid=1, offset=STUB.size + 1)]
)
def test_answers_to_nothing_are_strays(uploads: Uploads, told: Upload) -> None:
    assert not uploads.take(told, 0.0)
    begun(uploads)
    assert not uploads.take(told, 0.0)
    assert uploads.refused(Fault(code=Code.BUSY, rid=2), 0.0) is None


def test_a_service_that_is_busy_is_asked_again_soon(uploads: Uploads) -> None:
    begun(uploads)
    uploads.next(1.0)
    assert uploads.refused(Fault(code=Code.BUSY, rid=1), 2.0) == 0
    assert uploads.refused(Fault(code=Code.BUSY, rid=1), 2.0) == 0, "once for each chunk"
    assert uploads.due() == 3
    assert uploads.next(3.0) == [Chunk(rid=1, digest=STUB.digest, size=STUB.size)]


def test_bytes_that_arrive_wrong_are_sent_again_three_times(uploads: Uploads) -> None:
    begun(uploads)
    spoilt = Fault(code=Code.BLOB, rid=1)
    assert [uploads.refused(spoilt, 2.0) for _ in range(3)] == [0, 0, 1]
    assert uploads.due() is None


@pytest.mark.parametrize("code", [Code.LIMIT, Code.UNSUPPORTED, Code.MALFORMED])
def test_a_service_that_takes_none_ends_it(uploads: Uploads, code: Code) -> None:
    begun(uploads)
    assert uploads.refused(Fault(code=code, rid=1), 2.0) == 1
    assert uploads.due() is None


def test_what_is_not_on_the_disk_cannot_go_up(outbox: Outbox, uploads: Uploads) -> None:
    assert not uploads.need(entry(1, BODY[:40_000]), 0.0)
    uploads.shelf = None
    assert not uploads.need(entry(1), 0.0)
    plain = OutboxEntry(n=1, channel="room", kind=0, sent=1, content_type="", body=b"small")
    assert not uploads.need(plain, 0.0)
    assert outbox.due() is not None


def test_a_message_that_is_settled_or_renumbered_needs_nothing_more(outbox: Outbox, uploads: Uploads) -> None:
    begun(uploads)
    outbox.remove(1)
    assert (uploads.due(), uploads.next(9.0)) == (None, [])


def test_one_whose_bytes_another_message_has_taken_waits_before_it_begins_again(uploads: Uploads) -> None:
    begun(uploads, offset=STUB.size)
    assert uploads.need(entry(1), 2.0)
    assert uploads.due() == 7
    uploads.restart()
    assert uploads.due() is None
    assert uploads.need(entry(1), 2.0)
    assert uploads.due() == 0
