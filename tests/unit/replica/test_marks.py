"""What a device does with marks: its own wait for the service's word, others' are kept as they rise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulated.bench import Bench
from simulated.samples import runs
from tidelog.replica.ports import Changes, Holding, Mark
from tidelog.replica.steps import Marked, MarkSettled, Trouble
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code, UsageError
from tidelog.wire.frames import Fault
from tidelog.wire.limits import MARKS_MAX
from tidelog.wire.marks import Mark as Asked
from tidelog.wire.marks import Marked as Told
from tidelog.wire.marks import MarkRequest, Marks, Member

HOLDING = Holding(channel="room", epoch=7, have=runs((1, 101)), wanted=runs((1, 101)), head=100)


@pytest.fixture
def bench() -> Bench:
    """A device that is online and has a hundred records."""
    made = Bench()
    made.store.apply(Changes(holdings=(HOLDING,)))
    made.boot()
    made.connect()
    made.frames()
    return made


def read(bench: Bench, seq: int, channel: str = "room") -> list[Frame]:
    """The user reads; what goes out."""
    bench.do(bench.machine.mark_read(channel, seq, bench.now))
    bench.tick()
    return bench.frames()


def own(bench: Bench) -> Mark:
    """As it is on the disk."""
    (mark,) = (one for one in bench.store.load().marks if not one.user)
    return mark


def answer(request: Frame, *marks: Told, gone: tuple[str, ...] = ()) -> Marks:
    assert isinstance(request, MarkRequest)
    return Marks(rid=request.rid, user="ann", marks=marks, gone=gone)


def mark(read: int, *, waiting: bool = False, **fields: object) -> Mark:
    made = Mark(channel="room", epoch=7, read=read, delivered=read, waiting=waiting)
    return replace(made, **fields)  # type: ignore[arg-type]  # each test gives fitting ones


def test_what_was_read_goes_out_and_waits_for_the_services_word(bench: Bench) -> None:
    (request,) = read(bench, 57)
    assert isinstance(request, MarkRequest)
    assert request.marks == (Asked("room", 7, 57, 57),)
    assert own(bench) == mark(57, waiting=True)
    events = bench.receive(answer(request, Told("room", 7, 57, 57)))
    assert events == (MarkSettled(mark=mark(57)),)
    assert own(bench) == mark(57)
    assert bench.store.load().user == "ann"
    assert bench.machine.due() is None


def test_a_lost_packet_is_sent_again_and_again(bench: Bench) -> None:
    read(bench, 57)
    waits = []
    for _ in range(4):
        due = bench.machine.due()
        assert due is not None
        waits.append(due - bench.now)
        bench.now = due
        bench.tick()
        (again,) = bench.frames()
    assert waits == sorted(waits)
    assert bench.receive(answer(again, Told("room", 7, 57, 57))) == (MarkSettled(mark=mark(57)),)


def test_a_late_answer_to_an_earlier_try_settles_what_it_says(bench: Bench) -> None:
    (first,) = read(bench, 57)
    bench.now += 60
    bench.tick()
    assert bench.receive(answer(first, Told("room", 7, 57, 57))) == (MarkSettled(mark=mark(57)),)


def test_it_survives_a_restart_and_an_outage(bench: Bench) -> None:
    bench.do(bench.machine.disconnected())
    assert read(bench, 57) == []
    bench.boot()
    assert bench.machine.due() is None
    bench.connect()
    (request,) = bench.frames()
    assert isinstance(request, MarkRequest)
    assert request.marks == (Asked("room", 7, 57, 57),)


def test_one_request_is_open_and_the_next_one_has_what_rose_meanwhile(bench: Bench) -> None:
    (request,) = read(bench, 57)
    assert read(bench, 58) == read(bench, 60) == []
    bench.sent.clear()
    assert bench.receive(answer(request, Told("room", 7, 57, 57))) == ()
    (second,) = bench.frames()
    assert isinstance(second, MarkRequest)
    assert second.marks == (Asked("room", 7, 60, 60),)
    assert bench.receive(answer(second, Told("room", 7, 60, 60))) == (MarkSettled(mark=mark(60)),)


def test_a_lower_mark_sends_nothing_and_is_settled_at_once(bench: Bench) -> None:
    (request,) = read(bench, 57)
    bench.receive(answer(request, Told("room", 7, 57, 57)))
    assert read(bench, 56) == []
    assert bench.events[-1] == MarkSettled(mark=mark(57))


def test_no_mark_is_above_the_head(bench: Bench) -> None:
    """Else what is written next would count as read."""
    read(bench, 10**9)
    assert own(bench) == mark(100, waiting=True)


def test_of_a_channel_that_it_does_not_know_it_marks_nothing(bench: Bench) -> None:
    with pytest.raises(UsageError) as refused:
        bench.machine.mark_read("elsewhere", 5, bench.now)
    assert refused.value.code == "no_channel"


def test_another_device_of_the_user_is_further(bench: Bench) -> None:
    (request,) = read(bench, 57)
    events = bench.receive(answer(request, Told("room", 7, 80, 90)))
    further = mark(80, delivered=90)
    assert events == (Marked(marks=(further,)), MarkSettled(mark=further))
    assert bench.receive(Marks(marks=(Told("room", 7, 70, 70),))) == (), "late, and lower"
    assert own(bench) == further


def test_the_services_word_settles_even_where_it_has_less(bench: Bench) -> None:
    """It was set back: repeating would not help, and the device keeps what the user has read."""
    (request,) = read(bench, 57)
    assert bench.receive(answer(request, Told("room", 7, 30, 30))) == (MarkSettled(mark=mark(57)),)


def test_what_was_not_asked_for_settles_only_what_it_has(bench: Bench) -> None:
    read(bench, 57)
    assert bench.receive(Marks(marks=(Told("room", 7, 56, 56),))) == ()
    assert own(bench).waiting
    assert bench.receive(Marks(marks=(Told("room", 7, 57, 57),))) == (MarkSettled(mark=mark(57)),)


def test_a_channel_that_is_gone_ends_the_waiting_with_an_error(bench: Bench) -> None:
    (request,) = read(bench, 57)
    (settled,) = bench.receive(answer(request, gone=("room",)))
    assert isinstance(settled, MarkSettled)
    assert settled.error is not None
    assert settled.error.code == "no_channel"
    assert own(bench) == mark(57)


def test_a_mark_of_a_log_that_begins_anew_is_dropped(bench: Bench) -> None:
    (request,) = read(bench, 57)
    assert bench.receive(answer(request, Told("room", 8))) == (MarkSettled(mark=mark(57)),)
    bench.do(bench.machine.mark_read("room", 58, bench.now))
    bench.store.apply(Changes(holdings=(Holding(channel="room", epoch=8, head=3),)))
    bench.boot()
    bench.connect()
    assert not any(isinstance(frame, MarkRequest) for frame in bench.frames())
    assert not own(bench).waiting
    assert bench.machine.marks.own("room", 8) == Mark(channel="room", epoch=8)


def test_word_of_the_new_epoch_ends_the_waiting_of_the_old_one(bench: Bench) -> None:
    read(bench, 57)
    bench.store.apply(Changes(holdings=(replace(HOLDING, epoch=8),)))
    bench.boot()
    told = Mark(channel="room", epoch=8, read=3, delivered=3)
    events = bench.receive(Marks(marks=(Told("room", 8, 3, 3),)))
    assert events == (Marked(marks=(told,)), MarkSettled(mark=told))
    bench.connect()
    assert not any(isinstance(frame, MarkRequest) for frame in bench.frames())


def test_marks_of_another_epoch_are_not_taken(bench: Bench) -> None:
    told = Told("room", 6, 90, 90, (Member("bob", 5, 5),))
    assert bench.receive(Marks(marks=(told, Told("elsewhere", 7, 5, 5)))) == ()
    assert bench.store.load().marks == ()


def test_members_are_told_once_as_they_rise(bench: Bench) -> None:
    bob = mark(5, user="bob")
    told = Told("room", 7, others=(Member("bob", 5, 5),))
    assert bench.receive(Marks(marks=(told,))) == (Marked(marks=(bob,)),)
    assert bench.receive(Marks(marks=(told,))) == ()
    lower = Told("room", 7, others=(Member("bob", 4, 9),))
    assert bench.receive(Marks(marks=(lower,))) == (Marked(marks=(replace(bob, delivered=9),)),)
    assert bench.store.load().marks[0].receipts


def test_what_has_arrived_is_told_where_others_hear_of_it(bench: Bench) -> None:
    bench.receive(Marks(marks=(Told("room", 7, others=()),)))
    assert bench.frames() == []
    assert own(bench) == mark(0, delivered=100, receipts=True, waiting=True)
    due = bench.machine.due()
    assert due is not None
    assert due > bench.now
    bench.now = due
    bench.tick()
    (request,) = bench.frames()
    assert isinstance(request, MarkRequest)
    assert request.marks == (Asked("room", 7, 0, 100),)


@pytest.mark.parametrize(
    ("have", "wanted", "delivered"),
    [
        (runs((1, 41), (43, 101)), runs((1, 101)), 40),
        (runs((71, 101)), runs((71, 101)), 100),
        (runs((71, 101)), runs((1, 101)), 0),
        (runs((1, 41)), runs((1, 41)), 40),
        (runs(), runs(), 0),
    ],
)
def test_delivered_is_what_lies_below_the_first_gap(have: object, wanted: object, delivered: int) -> None:
    """Records that nobody asked for are none; where the first one lacks nothing is delivered."""
    bench = Bench()
    bench.store.apply(Changes(holdings=(replace(HOLDING, have=have, wanted=wanted),)))  # type: ignore[arg-type]
    bench.boot()
    bench.connect()
    bench.receive(Marks(marks=(Told("room", 7, others=()),)))
    assert own(bench).delivered == delivered


def test_where_nobody_hears_of_it_nothing_is_told(bench: Bench) -> None:
    bench.receive(Marks(marks=(Told("room", 7, 5, 5),)))
    assert own(bench).delivered == 5
    assert bench.machine.due() is None


def test_very_many_marks_take_several_requests() -> None:
    bench = Bench()
    names = [f"room{n:04}" for n in range(MARKS_MAX + 5)]
    bench.store.apply(Changes(holdings=tuple(replace(HOLDING, channel=name) for name in names)))
    bench.boot()
    for name in names:
        bench.do(bench.machine.mark_read(name, 5, bench.now))
    bench.connect()
    (first,) = (frame for frame in bench.frames() if isinstance(frame, MarkRequest))
    assert len(first.marks) == MARKS_MAX
    bench.receive(answer(first, *(Told(*one) for one in first.marks)))
    (second,) = bench.frames()
    assert isinstance(second, MarkRequest)
    assert len(second.marks) == 5


@pytest.mark.parametrize("code", [Code.BUSY, Code.INTERNAL])
def test_where_the_service_is_busy_it_is_asked_later(bench: Bench, code: Code) -> None:
    (request,) = read(bench, 57)
    assert isinstance(request, MarkRequest)
    assert bench.receive(Fault(code=code, rid=request.rid)) == ()
    due = bench.machine.due()
    assert due is not None
    assert due > bench.now


def test_a_request_that_is_refused_is_told_and_not_repeated_on_this_connection(bench: Bench) -> None:
    (request,) = read(bench, 57)
    assert isinstance(request, MarkRequest)
    (trouble,) = bench.receive(Fault(code=Code.UNSUPPORTED, rid=request.rid))
    assert isinstance(trouble, Trouble)
    assert bench.machine.due() is None
    assert read(bench, 58) == []
    bench.connect()
    assert any(isinstance(frame, MarkRequest) for frame in bench.frames())
