"""The machine as a whole: inputs in, steps out."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.bench import Bench
from simulated.samples import EPOCH, part, primed, push, record, runs
from tidelog.codec.dictionaries import Dictionary, deflated, trained
from tidelog.codec.parcels import expand
from tidelog.replica.requests import Job
from tidelog.replica.steps import Arrived, Receipted, Refused, Renumbered, SyncEnded, SyncReport, Trouble
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.digest import answer_digest
from tidelog.wire.errors import Code, ProtocolError, Unavailable
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.frames import (
    Delta,
    Fault,
    Message,
    Messages,
    Part,
    Receipt,
    Receipts,
    Rejection,
    SyncRequest,
)
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.mqttsize import delivery_bytes
from tidelog.wire.page_frames import Page
from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import EVERYTHING, RangeSet

OUTBOX = b"\x11" * 4


@pytest.fixture
def bench() -> Bench:
    """A machine that is online and knows nothing."""
    made = Bench()
    made.connect()
    return made


def digest(n: int, *, body: bytes, channel: str = "room") -> bytes:
    """What answers to a message of the bench carry."""
    return answer_digest(Message(n=n, channel=channel, body=body, sent=500))


def receipts(
    *ns: int, channel: str = "room", epoch: int = EPOCH, first_seq: int = 1, body: bytes = b"hello"
) -> Receipts:
    """For messages with this body."""
    told = tuple(
        Receipt(
            n=n,
            channel=channel,
            epoch=epoch,
            seq=seq,
            time=2_000,
            digest=digest(n, body=body, channel=channel),
        )
        for seq, n in enumerate(ns, first_seq)
    )
    return Receipts(outbox=OUTBOX, highest=max(ns), author="ann", receipts=told)


def rejected(n: int, code: Code, *, highest: int = 0, body: bytes = b"hello") -> Receipts:
    refused = Rejection(n=n, code=code, digest=digest(n, body=body))
    return Receipts(outbox=OUTBOX, highest=highest, author="ann", rejections=(refused,))


TEXT = trained(b"what everybody says\0")


def piece(fetch: Fetch, *, dictionary: Dictionary = TEXT, size: int = 0) -> Piece:
    """The answer to a fetch, of so many bytes at most."""
    whole = deflated(dictionary)
    data = whole[fetch.offset :][: size or len(whole)]
    return Piece(rid=fetch.rid, dictionary=fetch.dictionary, size=len(whole), offset=fetch.offset, data=data)


def fetch_of(bench: Bench) -> Fetch:
    """The only packet that was sent since the last look."""
    (frame,) = bench.frames()
    assert isinstance(frame, Fetch)
    return frame


def synced(bench: Bench, *seqs: int, epoch: int = EPOCH) -> None:
    """Let the device know a room, with these records."""
    bench.sync()
    bench.receive(Delta(rid=bench.request().rid, more=False, parts=(part("room", *seqs, epoch=epoch),)))
    bench.sent.clear()
    bench.events.clear()


# Writing


def test_a_message_is_on_disk_before_it_is_sent(bench: Bench) -> None:
    _, step = bench.machine.write("room", b"hello", kind=16, content_type="t/x", sent=5)
    assert not step.send
    (entry,) = step.changes.queued
    assert (entry.n, entry.kind, entry.content_type, entry.sent) == (1, 16, "t/x", 5)
    assert step.changes.next_n == 2


def test_offline_nothing_is_sent_and_nothing_is_due() -> None:
    bench = Bench()
    bench.write()
    bench.sync()
    assert bench.machine.due() is None
    assert not bench.sent


def test_a_receipt_turns_the_message_into_a_record(bench: Bench) -> None:
    """Both in one transaction: never lost, never twice."""
    bench.write()
    bench.tick()
    (told,) = bench.receive(receipts(1, first_seq=4))
    assert isinstance(told, Receipted)
    assert (told.n, told.receipt.seq, told.receipt.time) == (1, 4, 2_000)
    (kept,) = bench.store.records("room", EPOCH, start=1, stop=9, limit=9)
    assert (kept.seq, kept.author, kept.time, kept.sent, kept.body) == (4, "ann", 2_000, 500, b"hello")
    assert bench.store.load().outbox == ()


def test_a_receipt_that_comes_twice_is_told_once(bench: Bench) -> None:
    bench.write()
    bench.tick()
    bench.receive(receipts(1))
    assert not bench.receive(receipts(1))


def test_a_receipt_after_the_push_of_the_same_record_adds_nothing(bench: Bench) -> None:
    bench.write(b"record 1")
    bench.tick()
    bench.receive(push("room", 1))
    assert [type(event) for event in bench.receive(receipts(1, body=b"record 1"))] == [Receipted]
    assert bench.store.weight("room", EPOCH).records == 1


def test_a_message_that_says_no_time_becomes_the_record_that_others_have(bench: Bench) -> None:
    """It primes pushes, so both sides must hold the same."""
    _, step = bench.machine.write("room", b"hello", kind=0, content_type="", sent=0)
    bench.do(step)
    bench.tick()
    told = answer_digest(Message(n=1, channel="room", body=b"hello", sent=0))
    receipt = Receipt(n=1, channel="room", epoch=EPOCH, seq=1, time=2_000, digest=told)
    bench.receive(Receipts(outbox=OUTBOX, highest=1, author="ann", receipts=(receipt,)))
    (stored,) = bench.store.records("room", EPOCH, start=1, stop=2, limit=1)
    assert (stored.time, stored.sent) == (2_000, 2_000)


def test_a_receipt_of_another_outbox_is_a_stray(bench: Bench) -> None:
    bench.write()
    bench.tick()
    assert not bench.receive(Receipts(outbox=b"\x22" * 4, highest=1, receipts=receipts(1).receipts))
    assert bench.machine.strays == 1
    assert bench.store.load().outbox


@pytest.mark.parametrize("late", [receipts(1, body=b"old"), receipts(1, channel="elsewhere")])
def test_a_late_receipt_for_another_bearer_of_the_number_settles_nothing(
    bench: Bench, late: Receipts
) -> None:
    """After a restore the number belongs to another message: that gets a new one, and is sent again."""
    bench.write()
    bench.tick()
    bench.frames()
    assert bench.receive(replace(late, highest=5)) == (Renumbered(old=1, new=6),)
    (again,) = bench.frames()
    assert isinstance(again, Messages)
    assert [(message.n, message.body) for message in again.messages] == [(6, b"hello")]
    assert [entry.n for entry in bench.store.load().outbox] == [6]
    assert not bench.machine.holdings.by_channel, "the other one's record comes by a sync"
    assert [type(event) for event in bench.receive(receipts(6, first_seq=2))] == [Receipted]


def test_an_answer_that_does_not_name_its_message_is_not_ours(bench: Bench) -> None:
    """Numbering anew at each of them would store the message again and again."""
    bench.write()
    bench.tick()
    receipt = replace(receipts(1).receipts[0], digest=b"")
    refused = Rejection(n=1, code=Code.NO_CHANNEL)
    for told in (
        Receipts(outbox=OUTBOX, highest=1, receipts=(receipt,)),
        Receipts(outbox=OUTBOX, highest=1, rejections=(refused,)),
    ):
        assert not bench.receive(told, Encoding.JSON)
    assert [(entry.n, entry.rejected) for entry in bench.store.load().outbox] == [(1, "")]


@pytest.mark.parametrize("code", list(Code))
def test_a_late_rejection_of_another_bearer_of_the_number_is_ignored(bench: Bench, code: Code) -> None:
    """Ours may be stored under the number, even where the other one was in conflict."""
    bench.write()
    bench.tick()
    bench.frames()
    due = bench.machine.due()
    assert not bench.receive(rejected(1, code, highest=7, body=b"old"))
    assert not bench.frames()
    assert bench.machine.due() == due
    assert [(entry.n, entry.rejected) for entry in bench.store.load().outbox] == [(1, "")]
    assert [type(event) for event in bench.receive(receipts(1))] == [Receipted]


def test_a_receipt_that_shows_a_gap_is_reason_to_ask(bench: Bench) -> None:
    synced(bench, 1)
    bench.write()
    bench.tick()
    bench.receive(receipts(1, first_seq=3))
    bench.now += 2.0
    bench.tick()
    assert bench.request().statements[0].have == runs((1, 2), (3, 4))


def test_a_receipt_in_another_epoch_is_reason_to_ask_and_no_more(bench: Bench) -> None:
    """The message goes again once the epoch is known."""
    synced(bench, 1)
    bench.write()
    bench.tick()
    bench.receive(receipts(1, epoch=8, first_seq=5))
    assert len(bench.store.load().outbox) == 1
    assert bench.machine.holdings.by_channel["room"].have == runs((1, 2))
    bench.now += 2.0
    bench.tick()
    request = bench.request()
    assert request.statements[0].epoch == EPOCH
    bench.receive(Delta(rid=request.rid, parts=(Part(channel="room", epoch=8, head=1),), more=False))
    assert len([one for one in bench.frames() if isinstance(one, Messages)]) == 2
    bench.receive(receipts(1, epoch=8, first_seq=5))
    assert not bench.store.load().outbox
    assert 5 in bench.machine.holdings.by_channel["room"].have


def test_a_conflict_gives_a_new_number_above_all_that_were_used(bench: Bench) -> None:
    bench.write()
    bench.tick()
    bench.frames()
    events = bench.receive(rejected(1, Code.CONFLICT, highest=40))
    assert events == (Renumbered(old=1, new=41),)
    (again,) = bench.frames()
    assert isinstance(again, Messages)
    assert [message.n for message in again.messages] == [41]
    assert bench.write() == 42


def test_a_number_in_conflict_and_with_a_receipt_was_anothers(bench: Bench) -> None:
    """Both messages, the old one and ours, were in the service's batch: the receipt is not for ours."""
    bench.write(b"ours")
    bench.tick()
    frame = replace(receipts(1, body=b"old"), rejections=rejected(1, Code.CONFLICT, body=b"ours").rejections)
    assert bench.receive(frame) == (Renumbered(old=1, new=2),)
    assert [entry.body for entry in bench.store.load().outbox] == [b"ours"]
    assert bench.store.weight("room", EPOCH).records == 0


def test_a_number_with_a_receipt_and_in_conflict_is_ours(bench: Bench) -> None:
    """The same the other way round: ours came first, and is not sent again."""
    bench.write(b"ours")
    bench.tick()
    frame = replace(receipts(1, body=b"ours"), rejections=rejected(1, Code.CONFLICT, body=b"old").rejections)
    assert [type(event) for event in bench.receive(frame)] == [Receipted]
    assert not bench.store.load().outbox


@pytest.mark.parametrize("code", [Code.NO_CHANNEL, Code.LIMIT, Code.UNSUPPORTED, Code.DENIED])
def test_a_refused_message_stays_marked(bench: Bench, code: Code) -> None:
    bench.write()
    bench.tick()
    (told,) = bench.receive(rejected(1, code))
    assert isinstance(told, Refused)
    assert told.error.code == code.word
    assert [entry.rejected for entry in bench.store.load().outbox] == [code.word]
    bench.frames()
    bench.now += 1_000
    bench.tick()
    assert not bench.frames()
    assert not bench.receive(rejected(1, Code.CONFLICT, highest=9)), "a late word changes nothing"
    assert not bench.receive(receipts(1))


@pytest.mark.parametrize("code", [Code.BUSY, Code.WINDOW])
def test_a_message_that_is_to_wait_is_sent_again(bench: Bench, code: Code) -> None:
    bench.write()
    bench.tick()
    bench.frames()
    assert not bench.receive(rejected(1, code))
    assert not bench.frames()
    bench.now += 5.0
    bench.tick()
    assert isinstance(bench.frames()[0], Messages)


def test_a_refused_message_can_be_sent_again_as_a_new_one(bench: Bench) -> None:
    bench.write()
    bench.tick()
    bench.receive(rejected(1, Code.NO_CHANNEL))
    assert bench.do(bench.machine.resubmit(1)) == (Renumbered(old=1, new=2),)
    bench.frames()
    bench.tick()
    (again,) = bench.frames()
    assert isinstance(again, Messages)
    assert not bench.do(bench.machine.resubmit(2)), "it is not refused"


def test_a_refused_message_can_be_discarded_others_not(bench: Bench) -> None:
    bench.write()
    bench.do(bench.machine.discard(1))
    assert bench.store.load().outbox
    bench.tick()
    bench.receive(rejected(1, Code.NO_CHANNEL))
    bench.do(bench.machine.discard(1))
    assert not bench.store.load().outbox


# Parcels


@pytest.fixture
def packer() -> Bench:
    """A machine that is online, may send parcels, and holds records 1 to 3."""
    made = Bench(parcels=True)
    made.connect()
    synced(made, 1, 2, 3)
    return made


def bases(bench: Bench) -> list[Basis | None]:
    """What the parcels that were sent build on; there is nothing else."""
    parcels = [frame for frame in bench.frames() if isinstance(frame, Parcel)]
    return [parcel.basis for parcel in parcels]


def test_a_batch_goes_as_a_parcel_after_what_is_held(packer: Bench) -> None:
    packer.write(b"record 3, record 2, record 1")
    packer.tick()
    (basis,) = bases(packer)
    assert basis is not None
    assert (basis.channel, basis.last, basis.holes) == ("room", 3, RangeSet())
    (told,) = packer.receive(receipts(1, first_seq=4, body=b"record 3, record 2, record 1"))
    assert isinstance(told, Receipted)


def test_what_has_a_receipt_is_built_on_next(packer: Bench) -> None:
    body = b"record 3, record 2, record 1"
    packer.write(body)
    packer.tick()
    packer.receive(receipts(1, first_seq=4, body=body))
    packer.frames()
    packer.write(body)
    packer.tick()
    (basis,) = bases(packer)
    assert basis is not None
    assert basis.last == 4


def test_without_the_context_the_same_messages_go_again_at_once(packer: Bench) -> None:
    """Nothing is told to the application, and what has its receipt does not go again."""
    body = b"record 3, record 2, record 1"
    for _ in range(3):
        packer.write(body)
    packer.tick()
    assert all(bases(packer))
    packer.receive(receipts(2, first_seq=4, body=body))
    assert not packer.receive(Fault(code=Code.CONTEXT))
    (again,) = packer.frames()
    assert isinstance(again, Parcel)
    assert again.basis is None
    assert again.numbers == (1, 3)
    assert expand(again, None).messages[0].body == body
    assert not packer.receive(Fault(code=Code.CONTEXT)), "that of another packet, late"
    assert not packer.frames()


def test_the_next_connection_tries_a_context_again(packer: Bench) -> None:
    packer.receive(Fault(code=Code.CONTEXT))
    packer.write(b"record 3, record 2, record 1")
    packer.tick()
    assert bases(packer) == [None]
    packer.do(packer.machine.disconnected())
    packer.connect()
    assert all(bases(packer))


def test_an_earlier_service_gets_the_messages_plain(packer: Bench) -> None:
    packer.write(b"record 3, record 2, record 1")
    packer.tick()
    packer.frames()
    assert not packer.receive(Fault(code=Code.UNSUPPORTED, text="unknown type 5"))
    assert [type(frame) for frame in packer.frames()] == [Messages]


def test_a_fault_that_is_not_about_parcels_is_told(packer: Bench) -> None:
    (told,) = packer.receive(Fault(code=Code.UNSUPPORTED))
    assert isinstance(told, Trouble)


def test_a_message_without_a_receipt_goes_plain_the_second_time(packer: Bench) -> None:
    packer.write(b"record 3, record 2, record 1")
    packer.tick()
    assert all(bases(packer))
    packer.now += 5.0
    packer.tick()
    assert [type(frame) for frame in packer.frames()] == [Messages]


# Syncing


def test_a_page_is_kept_and_the_next_one_asked_for(bench: Bench) -> None:
    bench.sync()
    first = bench.request()
    page = Delta(rid=first.rid, more=True, parts=(part("room", 3, 4, head=4),))
    (told,) = bench.receive(page)
    assert isinstance(told, Arrived)
    assert [one.seq for one in told.records] == [3, 4]
    second = bench.request()
    assert second.rid != first.rid
    assert second.statements[0].have == runs((3, 5))


def test_a_sync_ends_with_a_report_and_wants_all_that_will_come(bench: Bench) -> None:
    number = bench.sync()
    for outgoing in bench.sent:
        bench.machine.sent(outgoing, 30)
    arrived, ended = bench.receive(Delta(rid=bench.request().rid, more=False, parts=(part("room", 1, 2),)))
    assert isinstance(arrived, Arrived)
    assert isinstance(ended, SyncEnded)
    assert ended.job == number
    assert ended.report is not None
    assert (ended.report.records, ended.report.rounds, ended.report.complete) == (2, 1, True)
    assert ended.report.bytes_up == 30
    assert ended.report.bytes_down > 40
    assert bench.machine.holdings.by_channel["room"].wanted == EVERYTHING


def test_a_device_that_wants_no_pushes_wants_up_to_the_head_only() -> None:
    bench = Bench(tuning=Tuning(live=False))
    bench.connect()
    synced(bench, 1, 2)
    assert bench.machine.holdings.by_channel["room"].wanted == runs((1, 3))


def test_an_answer_counts_for_the_channels_asked_for_only(bench: Bench) -> None:
    bench.sync("room")
    answer = Delta(rid=bench.request().rid, more=False, parts=(part("room", 1), part("other", 1)))
    bench.receive(answer)
    assert bench.machine.holdings.by_channel.keys() == {"room"}
    assert bench.store.weight("other", EPOCH).records == 0


def test_a_stray_answer_is_dropped_and_counted(bench: Bench) -> None:
    bench.sync()
    assert not bench.receive(Delta(rid=bench.request().rid + 1, more=False, parts=(part("room", 1),)))
    assert bench.machine.strays == 1
    assert not bench.machine.holdings.by_channel


def test_a_channel_that_is_not_mine_ends_the_sync_with_an_error(bench: Bench) -> None:
    bench.sync("theirs")
    (ended,) = bench.receive(Delta(rid=bench.request().rid, more=False, gone=("theirs",)))
    assert isinstance(ended, SyncEnded)
    assert ended.error is not None
    assert ended.error.code == "no_channel"


def test_one_channel_of_several_that_is_gone_is_reported(bench: Bench) -> None:
    bench.sync("room", "theirs")
    answer = Delta(rid=bench.request().rid, more=False, parts=(part("room", 1),), gone=("theirs",))
    ended = bench.receive(answer)[-1]
    assert isinstance(ended, SyncEnded)
    assert ended.report is not None
    assert ended.report.gone == ("theirs",)


def test_pages_that_bring_nothing_end_the_sync(bench: Bench) -> None:
    bench.sync()
    for _ in range(3):
        events = bench.receive(Delta(rid=bench.request().rid, more=True))
    (ended,) = events
    assert isinstance(ended, SyncEnded)
    assert ended.error is not None
    assert ended.error.code == "malformed"


def test_a_fault_ends_the_sync_that_it_answers(bench: Bench) -> None:
    bench.sync()
    bench.sync("room")
    (ended,) = bench.receive(Fault(code=Code.LIMIT, rid=bench.request().rid, text="too large"))
    assert isinstance(ended, SyncEnded)
    assert ended.error is not None
    assert (ended.error.code, str(ended.error)) == ("limit", "too large")
    assert not bench.request().everywhere, "the next one goes out"


def test_a_fault_without_a_request_is_told_as_trouble(bench: Bench) -> None:
    bench.sync()
    for rid in (0, bench.request().rid + 1):
        (told,) = bench.receive(Fault(code=Code.INTERNAL, rid=rid))
        assert isinstance(told, Trouble)


def test_a_busy_service_is_asked_again(bench: Bench) -> None:
    bench.sync()
    assert not bench.receive(Fault(code=Code.BUSY, rid=bench.request().rid))
    bench.frames()
    bench.now += 5.0
    bench.tick()
    assert isinstance(bench.frames()[0], SyncRequest)


def test_syncs_can_be_given_up_one_or_all(bench: Bench) -> None:
    late = Unavailable("too late", code="timeout")
    first, second, third = bench.sync(), bench.sync("a"), bench.sync("b")
    assert bench.do(bench.machine.give_up(second, late)) == (SyncEnded(job=second, error=late),)
    assert bench.do(bench.machine.give_up(second, late)) == ()
    ended = bench.do(bench.machine.abandon(late))
    assert ended == (SyncEnded(job=first, error=late), SyncEnded(job=third, error=late))


def test_what_arrived_before_a_cut_is_not_asked_for_again(bench: Bench) -> None:
    bench.sync()
    bench.receive(Delta(rid=bench.request().rid, more=True, parts=(part("room", 3, 4),)))
    bench.do(bench.machine.disconnected())
    assert bench.machine.due() is None
    bench.frames()
    bench.connect()
    assert bench.request().statements[0].have == runs((3, 5))


# Live


def test_a_push_is_kept_and_told_once(bench: Bench) -> None:
    synced(bench, 1)
    assert [type(event) for event in bench.receive(push("room", 2))] == [Arrived]
    assert not bench.receive(push("room", 2))
    assert bench.store.weight("room", EPOCH).records == 2


def test_a_push_of_another_epoch_is_not_kept_but_asked_about(bench: Bench) -> None:
    synced(bench, 1)
    assert not bench.receive(push("room", 2, epoch=8))
    assert bench.store.weight("room", 8).records == 0
    bench.now += 2.0
    bench.tick()
    bench.receive(Delta(rid=bench.request().rid, more=False, parts=(part("room", 1, 2, epoch=8),)))
    assert bench.machine.holdings.by_channel["room"].epoch == 8
    assert bench.store.weight("room", 8).records == 2
    assert bench.machine.due() is None


def test_a_late_push_of_the_old_epoch_costs_one_question(bench: Bench) -> None:
    synced(bench, 1, epoch=8)
    bench.receive(push("room", 9, epoch=EPOCH))
    bench.now += 2.0
    bench.tick()
    bench.receive(Delta(rid=bench.request().rid, more=False))
    assert bench.machine.due() is None
    assert bench.store.weight("room", EPOCH).records == 0


def test_after_a_reconnect_live_channels_are_topped_up(bench: Bench) -> None:
    synced(bench, 1)
    bench.do(bench.machine.disconnected())
    bench.connect()
    assert not bench.frames()
    bench.now += 1.0
    bench.tick()
    request = bench.request()
    assert not request.everywhere
    assert request.statements[0].want is None, "all of it, what is still to be written included"


def test_a_sync_of_everything_makes_the_top_up_needless(bench: Bench) -> None:
    synced(bench, 1)
    bench.do(bench.machine.disconnected())
    bench.connect()
    bench.sync()
    bench.receive(Delta(rid=bench.request().rid, more=False))
    assert bench.machine.due() is None


def test_a_top_up_without_an_answer_shows(bench: Bench) -> None:
    synced(bench, 1)
    bench.do(bench.machine.disconnected())
    bench.connect()
    told = []
    while (due := bench.machine.due()) is not None:
        bench.now = due
        told += bench.tick()
    assert [event.error.code for event in told if isinstance(event, Trouble)] == ["no_answer"]
    assert len(bench.frames()) == 3


def test_a_gap_that_stays_shows_once(bench: Bench) -> None:
    """Three tries; each is sent three times where nothing answers."""
    synced(bench, 1)
    bench.receive(push("room", 3))
    told = []
    while (due := bench.machine.due()) is not None:
        bench.now = due
        told += bench.tick()
    assert [event.error.code for event in told if isinstance(event, Trouble)] == ["repair_failed"]
    assert len(bench.frames()) == 9
    bench.receive(push("room", 4))
    assert bench.machine.due() == bench.now + 2.0


def ended(bench: Bench) -> SyncReport:
    """The report of the sync that ended last."""
    last = bench.events[-1]
    assert isinstance(last, SyncEnded)
    assert last.report is not None
    return last.report


def test_a_report_tells_what_its_records_would_take_as_a_publish_each(bench: Bench) -> None:
    bench.sync()
    bench.receive(Delta(rid=bench.request().rid, more=True, parts=(part("room", 1, 2),)))
    bench.tick()
    bench.receive(Delta(rid=bench.request().rid, more=False, parts=(part("room", 2, 3),)))
    held = bench.store.records("room", EPOCH, start=1, stop=9, limit=9)
    each = [delivery_bytes("tl1/phone/re", len(one.body), qos=1) for one in held]
    assert (len(each), ended(bench).bytes_plain) == (3, sum(each))
    bench.sync()
    bench.receive(Delta(rid=bench.request().rid, more=False))
    assert ended(bench).bytes_plain == 0


def test_answers_that_come_twice_or_too_late_are_repetition(bench: Bench) -> None:
    bench.sync()
    first, page = bench.request().rid, part("room", 1)
    bench.now += 100.0
    bench.tick()
    again = bench.request().rid
    bench.receive(Delta(rid=again, more=True, parts=(page,)))
    taken = len(wire.encode(Delta(rid=again, more=True, parts=(page,)), Encoding.PACKED)) + 20
    late = 0
    for frame in (Delta(rid=first, more=True, parts=(page,)), Fault(code=Code.BUSY, rid=again)):
        bench.receive(frame)
        late += len(wire.encode(frame, Encoding.PACKED)) + 20
    bench.tick()
    last = Delta(rid=bench.request().rid, more=False)
    bench.receive(last)
    taken += len(wire.encode(last, Encoding.PACKED)) + 20
    assert (ended(bench).bytes_repeated, ended(bench).bytes_down) == (late, late + taken)


def test_a_gap_in_a_channel_that_is_gone_is_not_asked_for_again(bench: Bench) -> None:
    synced(bench, 1)
    bench.receive(push("room", 3))
    bench.now += 2.0
    bench.tick()
    assert not bench.receive(Delta(rid=bench.request().rid, more=False, gone=("room",)))
    assert bench.machine.due() is None


def test_dropped_records_come_back_only_by_a_sync_of_everything(bench: Bench) -> None:
    synced(bench, 1, 2, 3)
    bench.do(bench.machine.drop("room", runs((2, 3))))
    assert bench.store.weight("room", EPOCH).records == 2
    bench.sync(wanted=True)
    assert bench.request().statements[0].want == runs((1, 2), (3, SEQ_STOP))
    bench.receive(Delta(rid=bench.request().rid, more=False))
    bench.sync()
    assert bench.request().statements[0].want is None
    assert bench.do(bench.machine.drop("elsewhere", EVERYTHING)) == ()


def test_topping_up_a_channel_of_which_nothing_is_wanted_ends() -> None:
    """Nothing wanted is not the same as left over for the next request."""
    bench = Bench(tuning=Tuning(live=False))
    bench.connect()
    synced(bench, 1)
    bench.do(bench.machine.drop("room", EVERYTHING))
    assert not bench.machine.holdings.by_channel["room"].wanted
    bench.sync(wanted=True)
    ended = bench.receive(Delta(rid=bench.request().rid, more=False))[-1]
    assert isinstance(ended, SyncEnded)
    assert ended.report is not None
    assert ended.report.rounds == 1


# Whatever arrives


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x34", b"\xff" * 70_000, b"{", b"\x3b\xa0", b"\x55\x80"])
def test_a_malformed_packet_is_trouble_and_no_more(bench: Bench, payload: bytes) -> None:
    (told,) = bench.do(bench.machine.received(payload, len(payload), 0.0))
    assert isinstance(told, Trouble)


def test_a_frame_that_only_devices_send_is_a_stray(bench: Bench) -> None:
    assert not bench.receive(SyncRequest(rid=1))
    assert bench.machine.strays == 1


@given(st.integers(0, 2**32))
def test_nothing_makes_it_run_in_circles_or_forget_the_disk(seed: int) -> None:
    """After any inputs: nothing due in the past, memory equal to the disk (the bench checks each step)."""
    rng = Random(seed)
    bench = Bench(chance=rng, tuning=Tuning(live=rng.random() < 0.8, batch_messages=2, flight_batches=2))
    for _ in range(40):
        _anything(bench, rng)
        bench.tick()
        bench.now += rng.choice([0.0, 0.1, 1.0, 7.0, 100.0])
        bench.tick()


def _anything(bench: Bench, rng: Random) -> None:
    machine = bench.machine
    some = runs((low := rng.randrange(1, 12), low + rng.randrange(1, 6)))
    match rng.randrange(12):
        case 0:
            bench.connect()
        case 1:
            bench.do(machine.disconnected())
        case 2:
            bench.write(channel=rng.choice(["room", "other"]))
        case 3:
            bench.do(machine.drop("room", rng.choice([some, EVERYTHING])))
        case 4:
            job = Job(id=9, channels=rng.choice([None, ("room",)]), wanted_only=rng.random() < 0.5)
            bench.do(machine.sync(job, bench.now))
        case 5:
            n = rng.randrange(1, 6)
            bench.do(machine.resubmit(n) if rng.random() < 0.5 else machine.discard(n))
        case 6:
            bench.boot()
        case 7:
            bench.do(machine.give_up(9, Unavailable("enough")))
        case _:
            bench.receive(_any_frame(bench, rng), rng.choice(list(Encoding)))


def _any_frame(bench: Bench, rng: Random) -> Frame:
    waiting = bench.machine._parts.requests.open
    rid = waiting.question.request.rid if waiting and rng.random() < 0.8 else rng.randrange(1, 65_536)
    ns = sorted(rng.sample(range(1, 9), rng.randrange(1, 4)))
    match rng.randrange(5):
        case 0 if ns[0] > 1 and rng.random() < 0.5:
            context = RangeSet.of(rng.sample(range(1, ns[0]), rng.randrange(1, ns[0])))
            frame = primed(*ns, after=context, epoch=rng.choice([EPOCH, EPOCH, 8]))
            return frame if rng.random() < 0.8 else replace(frame, check=b"lies")
        case 0:
            return push("room", *ns, epoch=rng.choice([EPOCH, EPOCH, 8]))
        case 1:
            return Fault(code=rng.choice(list(Code)), rid=rng.choice([0, rid]))
        case 2:
            return receipts(*ns, epoch=rng.choice([EPOCH, EPOCH, 8]), first_seq=rng.randrange(1, 9))
        case 3:
            return rejected(ns[0], rng.choice(list(Code)), highest=rng.randrange(20))
        case _:
            return Delta(rid=rid, more=rng.random() < 0.4, parts=_any_parts(rng, ns))


def _any_parts(rng: Random, ns: list[int]) -> tuple[Part, ...]:
    epoch = rng.choice([EPOCH, EPOCH, EPOCH, 8])
    voids = RangeSet() if rng.random() < 0.7 else runs((9, 11))
    head = rng.randrange(8, 14)
    made = Part(
        channel="room",
        epoch=epoch,
        head=head,
        floor=rng.choice([1, 1, 3]),
        voids=voids,
        records=tuple(record(n) for n in ns),
    )
    return rng.choice([(), (made,), (made, part("other", *ns))])


def test_a_dictionary_is_fetched_piece_by_piece_and_kept(bench: Bench) -> None:
    bench.machine._parts.dictionaries.want(TEXT.id)
    assert bench.machine.due() == 0
    bench.tick()
    bench.receive(piece(fetch_of(bench), size=10))
    assert bench.store.load().dictionaries == ()
    rest = fetch_of(bench)
    assert rest.offset == 10
    bench.receive(piece(rest))
    assert bench.store.dictionary(TEXT.id) == TEXT
    assert (bench.frames(), bench.events, bench.machine.due()) == ([], [], None)
    bench.boot()
    bench.connect()
    bench.machine._parts.dictionaries.want(TEXT.id)
    bench.tick()
    assert bench.frames() == []


def test_a_page_names_a_dictionary_and_a_sync_with_a_budget_passes_it_over() -> None:
    bench = Bench(pages=True)
    bench.connect()
    for max_bytes, wanted in ((500, []), (0, [TEXT.id])):
        bench.do(bench.machine.sync(Job(id=7, channels=None, max_bytes=max_bytes), bench.now))
        bench.tick()
        request = bench.request()
        bench.sent.clear()
        bench.receive(Page(rid=request.rid, dictionary=TEXT.id))
        assert [frame.dictionary for frame in bench.frames() if isinstance(frame, Fetch)] == wanted


def test_a_dictionary_waits_until_nothing_else_is_asked_for(bench: Bench) -> None:
    bench.sync()
    request = bench.request()
    bench.sent.clear()
    bench.machine._parts.dictionaries.want(TEXT.id)
    bench.tick()
    assert bench.frames() == []
    bench.receive(Delta(rid=request.rid, more=False))
    assert fetch_of(bench).dictionary == TEXT.id


def test_offline_nothing_is_fetched_and_the_piece_under_way_is_asked_for_again(bench: Bench) -> None:
    bench.machine._parts.dictionaries.want(TEXT.id)
    bench.tick()
    bench.receive(piece(fetch_of(bench), size=10))
    assert fetch_of(bench).offset == 10
    bench.do(bench.machine.disconnected())
    bench.tick()
    assert (bench.frames(), bench.machine.due()) == ([], None)
    bench.connect()
    assert fetch_of(bench).offset == 10


def test_the_oldest_dictionary_gives_way(bench: Bench) -> None:
    made = [trained(b"text %d" % at) for at in range(5)]
    for one in made:
        bench.machine._parts.dictionaries.want(one.id)
        bench.tick()
        bench.receive(piece(fetch_of(bench), dictionary=one))
    assert bench.store.load().dictionaries == tuple(one.id for one in made[1:])
    assert bench.store.dictionary(made[0].id) is None


def test_a_dictionary_that_comes_out_wrong_is_told_and_not_kept(bench: Bench) -> None:
    bench.machine._parts.dictionaries.want(TEXT.id)
    bench.tick()
    bench.receive(piece(fetch_of(bench), dictionary=trained(b"something else")))
    assert bench.store.load().dictionaries == ()
    (trouble,) = bench.events
    assert isinstance(trouble, Trouble)
    assert isinstance(trouble.error, ProtocolError)


def test_a_fault_that_answers_a_fetch_is_no_trouble(bench: Bench) -> None:
    bench.machine._parts.dictionaries.want(TEXT.id)
    bench.tick()
    bench.receive(Fault(code=Code.BUSY, rid=fetch_of(bench).rid))
    assert (bench.events, bench.frames()) == ([], [])
    bench.now = bench.machine.due() or 0.0
    bench.tick()
    bench.receive(Fault(code=Code.UNSUPPORTED, rid=fetch_of(bench).rid))
    assert (bench.events, bench.machine.due()) == ([], None)


def test_a_piece_that_nobody_asked_for_is_a_stray(bench: Bench) -> None:
    bench.receive(piece(Fetch(rid=1, dictionary=TEXT.id)))
    assert (bench.machine.strays, bench.store.load().dictionaries) == (1, ())
