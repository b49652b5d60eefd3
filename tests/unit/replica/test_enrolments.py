"""Requests about channels and members on the device: sent until answered, side by side, and news taken."""

from __future__ import annotations

import pytest

from simulated.bench import Bench
from simulated.samples import push
from tidelog.replica.enrolments import OPEN_MAX
from tidelog.replica.ports import Holding
from tidelog.replica.steps import EnrolEnded, Membership, MembershipChanged, Trouble
from tidelog.wire.anyframe import Frame
from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import Code, Denied, Unavailable, UsageError
from tidelog.wire.frames import Delta, Fault, Part, SyncRequest

CREATE = Enrol(rid=0, action=Action.CREATE, channel="boat")
LEAVE = Enrol(rid=0, action=Action.LEAVE, channel="boat")
OWNER = Membership(channel="boat", role="owner")


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.connect()
    return made


def ask(bench: Bench, job: int = 1, frame: Enrol = CREATE) -> None:
    bench.do(bench.machine.enrol(job, frame))
    bench.tick()


def asked(bench: Bench) -> list[Enrol]:
    return [frame for frame in bench.frames() if isinstance(frame, Enrol)]


def roster(rid: int, *, epoch: int = 7, role: Role | None = Role.OWNER) -> Roster:
    return Roster(rid=rid, channel="boat", epoch=epoch, role=role)


def ended(events: object) -> list[EnrolEnded]:
    assert isinstance(events, tuple | list)
    return [event for event in events if isinstance(event, EnrolEnded)]


def test_it_is_asked_at_once_and_ends_with_the_answer(bench: Bench) -> None:
    ask(bench)
    (frame,) = asked(bench)
    assert (frame.rid > 0, frame.action, frame.channel) == (True, Action.CREATE, "boat")
    assert bench.receive(roster(frame.rid)) == (EnrolEnded(job=1, membership=OWNER),)
    assert bench.machine.due() is None
    assert bench.store.load().holdings == (Holding(channel="boat", epoch=7),)


def test_offline_it_waits_for_the_link() -> None:
    bench = Bench()
    bench.do(bench.machine.enrol(1, CREATE))
    assert bench.machine.due() is None
    bench.connect()
    assert len(asked(bench)) == 1


def test_without_an_answer_it_is_asked_again_in_the_same_words(bench: Bench) -> None:
    ask(bench)
    for bench.now in (5.0, 15.0):
        bench.tick()
    frames = asked(bench)
    assert len(frames) == 3
    assert len(set(frames)) == 1
    bench.do(bench.machine.disconnected())
    bench.connect()
    assert asked(bench) == frames[:1]
    assert ended(bench.receive(roster(frames[0].rid)))


def test_requests_go_side_by_side_and_beside_a_sync(bench: Bench) -> None:
    bench.sync()
    ask(bench, 1)
    ask(bench, 2, LEAVE)
    first, second = asked(bench)
    assert first.rid != second.rid
    assert ended(bench.receive(roster(second.rid, epoch=0, role=None)))[0].job == 2
    assert ended(bench.receive(roster(first.rid)))[0].job == 1


@pytest.mark.parametrize("code", [Code.BUSY, Code.INTERNAL])
def test_asked_to_wait_it_waits(bench: Bench, code: Code) -> None:
    ask(bench)
    (frame,) = asked(bench)
    bench.now = 1.0
    assert bench.receive(Fault(code=code, rid=frame.rid)) == ()
    bench.now = 6.0
    bench.tick()
    assert asked(bench) == [frame]


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        (Code.DENIED, Denied, "denied"),
        (Code.NO_CHANNEL, Denied, "no_channel"),
        (Code.NO_USER, UsageError, "no_user"),
        (Code.LIMIT, UsageError, "limit"),
        (Code.CONFLICT, UsageError, "channel_exists"),
        (Code.UNSUPPORTED, UsageError, "unsupported"),
    ],
)
def test_a_refusal_ends_it(bench: Bench, code: Code, kind: type, word: str) -> None:
    ask(bench)
    (frame,) = asked(bench)
    (end,) = ended(bench.receive(Fault(code=code, rid=frame.rid, text="because")))
    assert type(end.error) is kind
    assert (end.error.code, str(end.error), bool(end.error.hint)) == (word, "because", True)
    assert bench.machine.due() is None


def test_given_up_it_is_asked_no_more_and_its_answer_is_a_stray(bench: Bench) -> None:
    ask(bench)
    (frame,) = asked(bench)
    bench.do(bench.machine.give_up_enrol(1))
    assert bench.machine.due() is None
    assert bench.receive(roster(frame.rid)) == ()
    assert bench.machine.strays == 1
    (trouble,) = bench.receive(Fault(code=Code.DENIED, rid=frame.rid))
    assert isinstance(trouble, Trouble)


def test_where_the_store_fails_everybody_hears(bench: Bench) -> None:
    ask(bench, 1)
    ask(bench, 2, LEAVE)
    error = Unavailable("the disk")
    assert bench.machine.abandon(error).events == (
        EnrolEnded(job=1, error=error),
        EnrolEnded(job=2, error=error),
    )


def test_so_many_may_wait_and_no_more(bench: Bench) -> None:
    for job in range(OPEN_MAX):
        bench.do(bench.machine.enrol(job, CREATE))
    with pytest.raises(UsageError, match="wait"):
        bench.machine.enrol(OPEN_MAX, CREATE)
    bench.tick()
    assert len({frame.rid for frame in asked(bench)}) == OPEN_MAX


# News

NEWS = MembershipChanged(membership=Membership(channel="boat", role="writer"))


def test_who_is_invited_hears_of_it_and_knows_the_channel(bench: Bench) -> None:
    assert bench.receive(roster(0, role=Role.WRITER)) == (NEWS,)
    assert bench.machine.holdings.get("boat") == Holding(channel="boat", epoch=7)
    assert bench.machine.due() is None, "what is wanted is for the application to say"


def test_who_is_removed_forgets_no_record_and_asks_no_more(bench: Bench) -> None:
    bench.receive(push("boat", 1, 3))
    bench.receive(push("boat", 4, epoch=8))
    assert bench.machine.due() is not None
    assert bench.receive(roster(0, epoch=0, role=None)) == (
        MembershipChanged(membership=Membership(channel="boat", role=None)),
    )
    holding = bench.machine.holdings.get("boat")
    assert holding is not None
    assert (holding.gone, list(holding.have)) == (True, [1, 3])
    assert bench.machine.due() is None
    bench.receive(roster(0, role=Role.READER))
    holding = bench.machine.holdings.get("boat")
    assert holding is not None
    assert (holding.gone, list(holding.have)) == (False, [1, 3])


def test_word_of_another_epoch_makes_the_device_ask_and_changes_nothing(bench: Bench) -> None:
    bench.receive(push("boat", 1))
    bench.receive(roster(0, epoch=8))
    holding = bench.machine.holdings.by_channel["boat"]
    assert (holding.epoch, list(holding.have), holding.head) == (7, [1], 1)
    bench.now = bench.machine.due() or 0.0
    bench.tick()
    (request,) = [frame for frame in bench.frames() if isinstance(frame, SyncRequest)]
    assert [one.channel for one in request.statements] == ["boat"]


def test_a_sync_that_has_it_otherwise_is_right(bench: Bench) -> None:
    """News may be late or forged: it never stands against what an answer says."""
    bench.receive(roster(0))
    bench.sync()
    rid = bench.request().rid
    bench.receive(Delta(rid=rid, more=False, gone=("boat",)))
    assert bench.machine.holdings.by_channel["boat"].gone
    bench.receive(roster(0))
    bench.sync()
    told = Part(channel="boat", epoch=9, head=4)
    bench.receive(Delta(rid=bench.request().rid, more=False, parts=(told,)))
    assert bench.machine.holdings.by_channel["boat"].epoch == 9


def test_none_of_this_is_for_a_device_to_get(bench: Bench) -> None:
    strange: Frame = CREATE
    assert bench.receive(strange) == ()
    assert bench.machine.strays == 1
