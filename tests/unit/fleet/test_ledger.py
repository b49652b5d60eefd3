"""The ledger tells what was lost with a wipe from what must be stored."""

from __future__ import annotations

from concurrent.futures import Future

from tidelog.replica.ports import OutboxEntry
from tidelog.replica.steps import Receipt
from tidelog.wire.errors import Denied, Unavailable
from tidelog_fleet.crew import Seat
from tidelog_fleet.ledger import Ledger

SEAT = Seat(device="f1u1a", user="f1u1")
OTHER = Seat(device="f1u2a", user="f1u2")


def waiting(n: int, body: bytes) -> OutboxEntry:
    return OutboxEntry(n=n, channel="room", kind=0, sent=0, content_type="", body=body)


def wrote(ledger: Ledger, body: bytes, seat: Seat = SEAT) -> Future[Receipt]:
    future: Future[Receipt] = Future()
    ledger.wrote(seat, "room", body, future)
    return future


def test_a_receipt_is_noted_with_its_message() -> None:
    ledger = Ledger()
    receipt = Receipt(channel="room", seq=1, time=5)
    wrote(ledger, b"one").set_result(receipt)
    wrote(ledger, b"two")
    assert [message.receipt for message in ledger.messages] == [receipt, None]
    assert (ledger.counts().written, ledger.counts().receipts) == (2, 1)


def test_only_what_waited_in_the_wiped_outbox_may_be_lost() -> None:
    ledger = Ledger()
    wrote(ledger, b"stored").set_result(Receipt(channel="room", seq=1, time=5))
    wrote(ledger, b"waiting")
    wrote(ledger, b"settled after a restart")
    wrote(ledger, b"waiting", OTHER)
    ledger.wiped(SEAT, [waiting(2, b"waiting")])
    assert [message.may_be_lost for message in ledger.messages] == [False, True, False, False]
    assert ledger.counts().wipes == 1


def test_a_closed_program_is_no_complaint_and_a_refusal_is() -> None:
    ledger = Ledger()
    wrote(ledger, b"one").set_exception(Unavailable("the device was closed", code="closed"))
    assert ledger.complaints == ()
    wrote(ledger, b"two").set_exception(Denied("no such channel", code="no_channel"))
    assert [complaint.seat for complaint in ledger.complaints] == [SEAT]
