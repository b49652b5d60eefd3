"""A terminal is a real device on a real file; here its link leads nowhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidelog.replica.ports import Record
from tidelog.wire.errors import ProtocolError, Unavailable
from tidelog_fleet.crew import Seat
from tidelog_fleet.ledger import Ledger
from tidelog_fleet.links import Links
from tidelog_fleet.plan import Quit, Start, Step, Wipe, Write
from tidelog_fleet.terminal import Terminal

SEAT = Seat(device="f1u1a", user="f1u1")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def terminal(tmp_path: Path, ledger: Ledger) -> Iterator[Terminal]:
    with Links("mqtt://127.0.0.1:1") as links:
        link = links.add()
        link.cut(silent=False)
        made = Terminal(SEAT, secret="x", link=link, folder=tmp_path, ledger=ledger)
        yield made
        made.close()


def write(*bodies: bytes) -> Write:
    return Write(channel="room", bodies=bodies)


def test_what_is_written_offline_outlives_the_program(terminal: Terminal, ledger: Ledger) -> None:
    for action in (Start(), write(b"one", b"two"), Quit(), Start()):
        terminal.perform(action)
    assert [entry.body for entry in terminal.device.outbox()] == [b"one", b"two"]
    assert (ledger.counts().written, ledger.counts().restarts) == (2, 1)
    assert ledger.complaints == ()


def test_a_wipe_takes_the_outbox_with_it(terminal: Terminal, ledger: Ledger) -> None:
    for action in (write(b"one"), Wipe(), write(b"two")):
        terminal.perform(action)
    assert [entry.body for entry in terminal.device.outbox()] == [b"two"]
    assert [message.may_be_lost for message in ledger.messages] == [True, False]


def test_without_a_link_it_does_not_come_to_an_end(terminal: Terminal) -> None:
    terminal.perform(write(b"one"))
    assert terminal.deliver(lambda: 0.0) == "1 messages in the outbox without a receipt"
    assert terminal.complete(lambda: 0.0) == "no sync was complete in time"
    assert not terminal.online


def test_a_plan_ends_when_told_and_leaves_out_what_is_late(terminal: Terminal, ledger: Ledger) -> None:
    stop = threading.Event()
    steps = [Step(at_s=0.0, action=write(b"one")), Step(at_s=3_600.0, action=write(b"two"))]
    terminal.act(steps, started=-7_200.0, until=-3_600.0, stop=stop)
    assert ledger.counts().written == 0
    stop.set()
    terminal.act(steps, started=-7_200.0, until=float("inf"), stop=stop)
    assert ledger.counts().written == 0
    stop.clear()
    terminal.act(steps, started=-7_200.0, until=float("inf"), stop=stop)
    assert ledger.counts().written == 2


def test_a_record_told_as_new_twice_is_a_complaint(terminal: Terminal, ledger: Ledger) -> None:
    record = Record(channel="room", seq=1, author="x", time=1, sent=1, kind=0, body=b"")
    terminal._arrived(record)
    assert ledger.complaints == ()
    terminal._arrived(record)
    assert ["twice" in complaint.text for complaint in ledger.complaints] == [True]
    assert ledger.counts().delivered == 2


def test_a_broken_protocol_is_a_complaint_and_a_broken_link_is_none(
    terminal: Terminal, ledger: Ledger
) -> None:
    terminal._troubled(Unavailable("the link is gone"))
    assert ledger.complaints == ()
    terminal._troubled(ProtocolError("not a frame"))
    assert len(ledger.complaints) == 1


def test_after_its_end_nothing_is_started_again(terminal: Terminal, ledger: Ledger) -> None:
    terminal.perform(Start())
    terminal.close()
    terminal.perform(write(b"one"))
    assert ledger.counts().written == 0
    assert ledger.complaints == ()
