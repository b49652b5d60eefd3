"""What the ports' own values say of themselves."""

from __future__ import annotations

import pytest

from simulated.samples import entry, runs
from tidelog.codec.dictionaries import trained
from tidelog.replica.ports import Changes, Holding, Mark, Outgoing, Record
from tidelog.replica.tokens import Token
from tidelog.wire.ranges import EVERYTHING
from tidelog.wire.standings import Standings


def holding(**fields: object) -> Holding:
    return Holding(channel="room", epoch=7, **fields)  # type: ignore[arg-type] # each test gives fitting ones


def test_gaps_exist_are_wanted_and_not_had() -> None:
    """Neither what nobody asked for nor what was never written is a gap."""
    known = holding(have=runs((1, 4), (6, 7)), wanted=runs((2, 20)), head=8)
    assert known.gaps == runs((4, 6), (7, 9))


def test_below_the_floor_there_is_no_gap() -> None:
    assert holding(wanted=EVERYTHING, head=9, floor=8).gaps == runs((8, 10))
    assert not holding(wanted=EVERYTHING, head=3, floor=8).gaps


def test_an_empty_log_has_no_gap() -> None:
    assert not holding(wanted=EVERYTHING).gaps


def test_a_body_that_is_no_text_is_shown_all_the_same() -> None:
    record = Record(channel="room", seq=1, author="ann", time=1, sent=1, kind=0, body=b"caf\xc3\xa9 \xff")
    assert record.text == "café \ufffd"


@pytest.mark.parametrize(
    "changes",
    [
        Changes(holdings=(holding(),)),
        Changes(queued=(entry(1),)),
        Changes(settled=(1,)),
        Changes(dropped=(("room", 7, EVERYTHING),)),
        Changes(next_n=2),
        Changes(outworn=(300,)),
        Changes(dictionaries=(trained(b"text"),)),
        Changes(forgotten=(b"scope",)),
        Changes(marks=(Mark(channel="room", epoch=7),)),
        Changes(user="ann"),
        Changes(tokens=(Token(b"scope", b"name", Standings()),)),
    ],
)
def test_any_change_is_worth_writing(changes: Changes) -> None:
    assert changes
    assert not Changes()


def test_bodies_stay_out_of_logs() -> None:
    assert "secret" not in repr(Outgoing(topic="tl1/a/msg", payload=b"secret"))
