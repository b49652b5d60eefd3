"""When a device asks by itself for what is missing."""

from __future__ import annotations

from simulated.samples import EPOCH, Steady, part, runs
from tidelog.replica.holdings import Holdings
from tidelog.replica.ports import Holding
from tidelog.replica.repairs import Repairs
from tidelog.replica.tuning import Tuning
from tidelog.wire.ranges import EVERYTHING


def with_gap() -> Holdings:
    return Holdings([Holding(channel="room", epoch=EPOCH, have=runs((1, 2)), wanted=EVERYTHING, head=3)])


def repairs() -> Repairs:
    return Repairs(tuning=Tuning(), chance=Steady())


def test_a_gap_is_asked_for_after_two_seconds() -> None:
    known, mender = with_gap(), repairs()
    mender.look("room", known, 10.0, epoch=EPOCH)
    assert mender.due() == 12.0
    assert mender.ripe(known, 11.9) == []
    assert mender.ripe(known, 12.0) == ["room"]


def test_more_news_of_the_same_gap_does_not_put_it_off() -> None:
    known, mender = with_gap(), repairs()
    mender.look("room", known, 10.0, epoch=EPOCH)
    mender.look("room", known, 11.5, epoch=EPOCH)
    assert mender.due() == 12.0


def test_a_gap_that_closed_by_itself_is_forgotten() -> None:
    known, mender = with_gap(), repairs()
    mender.look("room", known, 10.0, epoch=EPOCH)
    known.accept(part("room", 2, 3))
    assert mender.ripe(known, 12.0) == []
    assert mender.due() is None


def test_news_that_closes_a_gap_ends_the_wait() -> None:
    known, mender = with_gap(), repairs()
    mender.look("room", known, 10.0, epoch=EPOCH)
    known.accept(part("room", 2, 3))
    mender.look("room", known, 10.5, epoch=EPOCH)
    assert mender.due() is None


def test_without_a_gap_nothing_is_due() -> None:
    mender = repairs()
    mender.look("room", Holdings([]), 10.0, epoch=EPOCH)
    mender.look("room", Holdings([Holding(channel="room", epoch=EPOCH)]), 10.0, epoch=EPOCH)
    assert mender.due() is None


def test_word_of_another_epoch_is_reason_to_ask() -> None:
    known = Holdings([Holding(channel="room", epoch=EPOCH, have=runs((1, 4)), wanted=EVERYTHING, head=3)])
    mender = repairs()
    mender.look("room", known, 10.0, epoch=8)
    assert mender.ripe(known, 12.0) == ["room"]


def test_after_three_tries_without_progress_it_is_given_up() -> None:
    """Each wait is longer than the one before."""
    known, mender = with_gap(), repairs()
    mender.look("room", known, 0.0, epoch=EPOCH)
    times = []
    while (due := mender.due()) is not None:
        if mender.ripe(known, due):
            times.append(due)
    assert times == [2.0, 12.0, 32.0]
    assert mender.exhausted() == ["room"]
    assert mender.exhausted() == []


def test_progress_starts_the_tries_anew() -> None:
    known, mender = with_gap(), repairs()
    mender.look("room", known, 0.0, epoch=EPOCH)
    for _ in range(3):
        assert mender.ripe(known, mender.due() or 0.0) == ["room"]
    known.accept(part("room", 2))
    assert mender.ripe(known, mender.due() or 0.0) == ["room"]


def test_an_answer_that_closes_the_gap_settles_it() -> None:
    known, mender = with_gap(), repairs()
    mender.look("room", known, 0.0, epoch=EPOCH)
    mender.settle(known.by_channel["room"])
    assert mender.watches(["room"])
    known.accept(part("room", 2, 3))
    mender.settle(known.by_channel["room"])
    assert not mender.watches(["room"])


def test_a_channel_that_is_gone_is_not_asked_for() -> None:
    known, mender = with_gap(), repairs()
    mender.look("room", known, 0.0, epoch=EPOCH)
    mender.forget(["room", "elsewhere"])
    assert mender.due() is None


def test_the_top_up_after_a_reconnect_is_due_once() -> None:
    mender = repairs()
    mender.resume(10.0)
    assert mender.due() == 11.0
    assert not mender.resume_ripe(10.9)
    assert mender.resume_ripe(11.0)
    assert not mender.resume_ripe(11.0)
    mender.resume(20.0)
    mender.cancel_resume()
    assert mender.due() is None


def complete() -> Holdings:
    return Holdings([Holding(channel="room", epoch=EPOCH, have=runs((1, 4)), wanted=EVERYTHING, head=3)])


def test_a_push_that_could_not_be_read_is_asked_for_after_two_seconds() -> None:
    known, mender = complete(), repairs()
    mender.unread("room", runs((5, 6)), 10.0, doubtful=False)
    mender.unread("room", runs((6, 7)), 11.5, doubtful=False)
    mender.look("room", known, 11.6, epoch=EPOCH)
    assert mender.ripe(known, 11.9) == []
    assert mender.ripe(known, 12.0) == ["room"]


def test_once_its_records_are_there_it_is_not() -> None:
    known, mender = complete(), repairs()
    mender.unread("room", runs((5, 6)), 10.0, doubtful=False)
    known.accept(part("room", 4, 5))
    mender.look("room", known, 10.5, epoch=EPOCH)
    assert mender.due() is None


def test_where_its_seqs_may_be_other_records_it_is_asked_for_all_the_same() -> None:
    known, mender = complete(), repairs()
    mender.unread("room", runs((2, 3)), 10.0, doubtful=True)
    assert mender.ripe(known, 12.0) == ["room"]
    mender.settle(complete().by_channel["room"])
    assert mender.due() is None


def test_an_answer_settles_it_only_if_it_was_asked_for_since() -> None:
    known, mender = complete(), repairs()
    holding = known.by_channel["room"]
    mender.unread("room", runs((5, 6)), 10.0, doubtful=False)
    mender.settle(holding)
    assert mender.ripe(known, 12.0) == ["room"]
    mender.unread("room", runs((6, 7)), 12.5, doubtful=False)
    mender.settle(holding)
    assert mender.due() is not None
    assert mender.ripe(known, 60.0) == ["room"]
    mender.settle(holding)
    assert mender.due() is None
