"""One request at a time: what is asked, for whom, and when again."""

from __future__ import annotations

from simulated.samples import EPOCH, Steady, runs
from tidelog.codec.page import Rule
from tidelog.replica.asking import Ability
from tidelog.replica.holdings import Holdings
from tidelog.replica.ports import Holding
from tidelog.replica.requests import Job, Requests
from tidelog.replica.tokens import Tokens
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX, REQUEST_ID_STOP
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet

NOTHING = Holdings([])


def requests(*, tuning: Tuning | None = None, chance: Steady | None = None) -> Requests:
    """Of a device that asks for deltas."""
    tuning = tuning or Tuning()
    ability = Ability(
        codecs=(1,), page_bytes=tuning.page_bytes, context_bytes=0, live=tuning.live, pages=False
    )
    return Requests(tuning=tuning, chance=chance or Steady(), ability=ability, device="phone")


def job(number: int, *channels: str, wanted_only: bool = False, repair: bool = False) -> Job:
    return Job(id=number, channels=channels or None, wanted_only=wanted_only, repair=repair)


def asked(made: Requests, holdings: Holdings = NOTHING, now: float = 0.0) -> SyncRequest:
    request = made.next(holdings, Tokens([]), now)
    assert isinstance(request, SyncRequest)
    return request


def pieces(channel: str, count: int) -> Holding:
    """A channel with that many holes."""
    have = RangeSet((seq, seq + 1) for seq in range(1, 2 * count, 2))
    return Holding(channel=channel, epoch=EPOCH, have=have, wanted=EVERYTHING, head=2 * count)


def test_a_request_says_what_is_asked_and_how() -> None:
    made = requests(tuning=Tuning(page_bytes=300, live=False))
    made.add(Job(id=1, channels=("room",), rule=Rule(oldest_first=True)))
    request = asked(made, Holdings([pieces("room", 2)]))
    assert (request.everywhere, request.page_bytes, request.codecs) == (False, 300, (1,))
    assert (request.oldest_first, request.live) == (True, False)
    (statement,) = request.statements
    assert (statement.epoch, statement.have, statement.want) == (EPOCH, runs((1, 2), (3, 4)), None)


def test_a_request_for_everything_states_every_channel_that_is_known() -> None:
    made = requests()
    made.add(job(1))
    request = asked(made, Holdings([pieces("b", 1), pieces("a", 1)]))
    assert request.everywhere
    assert [statement.channel for statement in request.statements] == ["a", "b"]


def test_only_one_request_is_open() -> None:
    made = requests()
    made.add(job(1))
    made.add(job(2))
    assert made.due() == 0.0
    asked(made)
    assert made.next(NOTHING, Tokens([]), 4.9) is None
    assert made.due() == 5.0


def test_the_same_page_is_asked_for_again_under_another_id() -> None:
    made = requests()
    made.add(job(1))
    first, again = asked(made), asked(made, now=5.0)
    assert first.rid != again.rid
    assert made.due() == 15.0
    assert made.open is not None
    assert made.open.job.rounds == 2


def test_answers_to_earlier_tries_are_taken_to_all_others_not() -> None:
    """On a slow link the answer to the first try comes after the second one was sent."""
    made = requests()
    made.add(job(1))
    rids = [asked(made, now=now).rid for now in (0.0, 5.0, 15.0, 35.0, 75.0)]
    assert made.find(rids[0]) is None, "too long ago"
    assert all(made.find(rid) for rid in rids[1:])
    answered = made.answered(rids[1])
    assert answered is not None
    assert answered.question.request.rid == rids[1]
    assert made.answered(rids[4]) is None


def test_an_answer_counts_only_for_the_channels_asked_for() -> None:
    made = requests()
    made.add(job(1, "room"))
    asked(made)
    assert made.open is not None
    assert made.open.asked_for("room")
    assert not made.open.asked_for("elsewhere")


def test_the_applications_jobs_go_before_repairs_and_a_next_page_before_both() -> None:
    made = requests()
    made.add(job(0, "r", repair=True))
    made.add(job(1, "a"))
    made.add(job(2, "b"))
    order = []
    for resumed in (True, False, False, False):
        request = asked(made)
        order.append(request.statements[0].channel)
        answered = made.answered(request.rid)
        assert answered is not None
        if resumed:
            made.resume(answered.job)
    assert order == ["a", "a", "b", "r"]
    assert made.due() is None


def test_a_lost_connection_puts_the_open_job_first() -> None:
    made = requests()
    made.add(job(1, "a"))
    made.add(job(2, "b"))
    first = asked(made)
    made.suspend()
    made.suspend()
    assert made.find(first.rid) is None
    assert asked(made).statements[0].channel == "a"


def test_jobs_can_be_given_up() -> None:
    made = requests()
    jobs = [job(1, "a"), job(2, "b"), job(3, "c")]
    for one in jobs:
        made.add(one)
    asked(made)
    assert made.remove(1) is jobs[0]
    assert made.remove(3) is jobs[2]
    assert made.remove(3) is None
    asked(made)
    made.add(jobs[0])
    assert made.clear() == [jobs[1], jobs[0]]
    assert made.due() is None


def test_a_busy_service_is_asked_again_later() -> None:
    made = requests()
    made.hold(0.0)
    made.add(job(1))
    asked(made)
    made.hold(4.0)
    assert made.due() == 9.0


def test_a_repair_without_an_answer_ends_after_three_requests() -> None:
    made = requests()
    repair = job(0, "r", repair=True)
    made.add(repair)
    for now in (0.0, 5.0, 15.0):
        assert made.expire(now) is None
        asked(made, now=now)
        assert made.repairing
    assert made.expire(34.9) is None
    assert made.expire(35.0) is repair
    assert not made.repairing


def test_the_applications_sync_asks_until_it_is_given_up() -> None:
    made = requests()
    made.add(job(1))
    now = 0.0
    for _ in range(50):
        asked(made, now=now)
        assert made.expire(now) is None
        now = made.due() or 0.0
    assert made.open is not None
    assert len(made.open.earlier) == 3


def test_ids_wrap_and_are_never_0() -> None:
    class AtTheEnd(Steady):
        def randrange(self, stop: int, /) -> int:
            return stop - 1

    made = requests(chance=AtTheEnd())
    made.add(job(1))
    assert asked(made).rid == 1
    assert asked(made, now=5.0).rid == 2 < REQUEST_ID_STOP


def test_have_sets_that_do_not_fit_together_are_left_over() -> None:
    """A channel that is left over is stated as not wanted now; the others are then marked as done."""
    known = Holdings([pieces(name, 2_000) for name in ("a", "b", "c", "d")])
    made = requests()
    made.add(job(1))
    seen: list[list[str]] = []
    while True:
        request = asked(made, known)
        assert len(wire.encode(request, Encoding.PACKED)) < PACKET_BYTES_MAX
        seen.append([one.channel for one in request.statements if one.want is None])
        assert all(one.want == EMPTY for one in request.statements if one.want is not None)
        answered = made.answered(request.rid)
        assert answered is not None
        if not answered.left_over:
            break
        answered.mark_served()
        made.resume(answered.job)
    assert seen == [["a", "b"], ["c", "d"]]


def test_a_channel_of_which_nothing_is_wanted_is_not_left_over() -> None:
    """It would be asked about again and again."""
    made = requests()
    made.add(job(1, wanted_only=True))
    asked(made, Holdings([Holding(channel="room", epoch=EPOCH)]))
    assert made.open is not None
    assert not made.open.left_over


def test_a_channel_that_is_gone_is_named_no_more() -> None:
    made = requests()
    going = job(1, "a", "b")
    going.gone.add("a")
    made.add(going)
    assert [statement.channel for statement in asked(made).statements] == ["b"]


def test_a_sync_that_brings_nothing_three_times_does_not_converge() -> None:
    going = job(1)
    assert [going.progressed(news=news) for news in (False, False, True, False, False, False)] == [
        True,
        True,
        True,
        True,
        True,
        False,
    ]


def test_a_report_sums_up() -> None:
    going = Job(id=1, channels=None, started=10.0)
    going.records, going.rounds, going.bytes_up, going.bytes_down = 3, 2, 40, 90
    going.gone = {"b", "a"}
    report = going.report(12.5, complete=True)
    assert (report.records, report.rounds, report.bytes_up, report.bytes_down) == (3, 2, 40, 90)
    assert (report.gone, report.seconds, report.complete) == (("a", "b"), 2.5, True)
    assert going.report(9.0, complete=False).seconds == 0.0


def test_a_request_without_an_answer_before_it_is_a_repetition() -> None:
    made = requests()
    going = job(1)
    made.add(going)
    for now, size in ((0.0, 0), (5.0, 30), (15.0, 31)):
        asked(made, now=now)
        going.sent(size)
    assert (going.bytes_up, going.bytes_repeated) == (61, 31), "what was dropped is not sent again"
    made.suspend()
    request = asked(made, now=16.0)
    going.sent(32)
    assert going.bytes_repeated == 63, "a lost link cost it"
    made.answered(request.rid)
    made.resume(going)
    asked(made, now=17.0)
    going.sent(33)
    report = going.report(18.0, complete=True)
    assert (report.bytes_up, report.bytes_repeated) == (126, 63), "the next page's is none"


def test_late_answers_count_for_the_job_that_had_asked() -> None:
    made = requests()
    going, waiting = job(1), job(2)
    made.add(going)
    made.add(waiting)
    first = asked(made).rid
    made.answered(first)
    made.resume(going)
    made.late(first, 50)
    asked(made)
    made.late(first, 5)
    made.late((first - 1) % REQUEST_ID_STOP, 700)
    assert (going.bytes_down, going.bytes_repeated) == (55, 55)
    assert (waiting.bytes_down, waiting.bytes_repeated) == (0, 0)


def test_only_the_last_requests_are_remembered() -> None:
    made = requests()
    going = job(1)
    made.add(going)
    rids = [asked(made, now=1_000.0 * n).rid for n in range(40)]
    for rid in rids:
        made.late(rid, 1)
    assert going.bytes_repeated == 16
