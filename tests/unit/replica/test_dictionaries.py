"""Which dictionary is wanted, what came of it, when it is asked for again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.samples import Steady
from tidelog.codec.dictionaries import BUILTIN, deflated, trained
from tidelog.replica.dictionaries import HELD_MAX, Dictionaries
from tidelog.replica.tuning import Tuning
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.frames import Fault

TEXT = trained(b"what everybody says, over and over again\0")
WHOLE = deflated(TEXT)


@pytest.fixture
def made() -> Dictionaries:
    """One that wants a dictionary."""
    dictionaries = Dictionaries((), tuning=Tuning(page_bytes=300), chance=Steady())
    dictionaries.want(TEXT.id)
    return dictionaries


def asked(made: Dictionaries, now: float = 0.0) -> Fetch:
    fetch = made.next(now)
    assert fetch is not None
    return fetch


def piece(offset: int, stop: int = len(WHOLE), *, size: int = len(WHOLE)) -> Piece:
    return Piece(rid=1, dictionary=TEXT.id, size=size, offset=offset, data=WHOLE[offset:stop])


def test_what_is_held_built_in_or_none_is_not_wanted() -> None:
    made = Dictionaries((TEXT.id, 300), tuning=Tuning(), chance=Steady())
    for number in (0, BUILTIN, 255, 300, TEXT.id):
        made.want(number)
        assert (made.due(), made.next(0.0)) == (None, None)
    assert made.held == (TEXT.id, 300)


def test_it_is_asked_for_at_once_from_the_beginning(made: Dictionaries) -> None:
    assert made.due() == 0
    assert asked(made) == Fetch(rid=1, dictionary=TEXT.id, offset=0, page_bytes=300)
    assert made.due() == 5


@given(st.lists(st.integers(1, 30), min_size=1))
def test_however_it_is_cut_it_comes_out_whole(sizes: list[int]) -> None:
    made = Dictionaries((), tuning=Tuning(), chance=Steady())
    made.want(TEXT.id)
    while True:
        offset = asked(made).offset
        done = made.take(piece(offset, offset + sizes[offset % len(sizes)]))
        if done is not None:
            break
    assert done == TEXT
    assert (made.held, made.due()) == ((TEXT.id,), None)


def test_a_piece_that_does_not_come_is_asked_for_again_three_times(made: Dictionaries) -> None:
    asked(made)
    assert made.take(piece(0, 10)) is None
    times = []
    while (due := made.due()) is not None:
        times.append(due)
        fetch = made.next(due)
        assert fetch is None or fetch.offset == 10
    assert times == [0, 5, 15, 35]


def test_the_next_page_that_names_it_goes_on_where_it_stopped(made: Dictionaries) -> None:
    asked(made)
    made.take(piece(0, 10))
    while (due := made.due()) is not None:
        made.next(due)
    made.want(TEXT.id)
    assert asked(made, 99.0).offset == 10


def test_naming_it_again_while_it_is_fetched_changes_nothing(made: Dictionaries) -> None:
    asked(made)
    made.want(TEXT.id)
    assert made.due() == 5


def test_another_one_takes_its_place(made: Dictionaries) -> None:
    asked(made)
    made.want(300)
    assert asked(made).dictionary == 300
    assert not made.expects(piece(0))


def test_answers_to_earlier_tries_are_taken_and_doubled_ones_are_not(made: Dictionaries) -> None:
    assert not made.expects(piece(0)), "nothing was asked for yet"
    asked(made)
    asked(made, 5.0)
    assert made.expects(piece(0))
    assert made.take(piece(0, 10)) is None
    assert made.take(piece(0, 10)) is None
    assert made.take(piece(20)) is None
    assert made.take(piece(10)) == TEXT
    assert not made.expects(piece(0))
    assert made.take(piece(0)) is None


def test_one_that_the_service_does_not_have_is_given_up(made: Dictionaries) -> None:
    asked(made)
    assert made.take(Piece(rid=1, dictionary=TEXT.id)) is None
    assert made.due() is None
    made.want(TEXT.id)
    assert made.due() == 0


def test_one_whose_size_changes_begins_anew_with_the_next_page(made: Dictionaries) -> None:
    asked(made)
    made.take(piece(0, 10))
    asked(made)
    assert made.take(piece(10, 20, size=len(WHOLE) + 1)) is None
    assert made.due() is None
    made.want(TEXT.id)
    assert asked(made).offset == 0
    assert made.take(piece(0)) == TEXT


def test_one_that_came_out_wrong_is_not_asked_for_again(made: Dictionaries) -> None:
    asked(made)
    wrong = deflated(trained(b"something else"))
    with pytest.raises(ProtocolError):
        made.take(Piece(rid=1, dictionary=TEXT.id, size=len(wrong), data=wrong))
    made.want(TEXT.id)
    assert (made.due(), made.held) == (None, ())
    made.want(300)
    assert made.due() == 0


def test_a_busy_service_is_asked_later(made: Dictionaries) -> None:
    fetch = asked(made)
    assert made.refused(Fault(code=Code.BUSY, rid=fetch.rid), 1.0)
    assert made.due() == 6


def test_a_service_that_does_not_know_fetches_is_not_asked_again(made: Dictionaries) -> None:
    fetch = asked(made)
    assert made.refused(Fault(code=Code.UNSUPPORTED, rid=fetch.rid), 1.0)
    made.want(TEXT.id)
    assert made.due() is None


@pytest.mark.parametrize("rid", [0, 2])
def test_other_faults_are_not_its_own(made: Dictionaries, rid: int) -> None:
    assert not made.refused(Fault(code=Code.BUSY, rid=rid), 1.0)
    asked(made)
    assert not made.refused(Fault(code=Code.BUSY, rid=rid), 1.0)


def test_after_a_lost_link_it_is_asked_at_once(made: Dictionaries) -> None:
    asked(made)
    made.suspend()
    assert made.due() == 0
    Dictionaries((), tuning=Tuning(), chance=Steady()).suspend()


def test_the_oldest_are_let_go() -> None:
    made = Dictionaries(range(300, 300 + HELD_MAX), tuning=Tuning(), chance=Steady())
    assert made.outworn() == ()
    made.want(TEXT.id)
    asked(made)
    made.take(piece(0))
    assert made.outworn() == (300,)
    assert made.held == (301, 302, 303, TEXT.id)
