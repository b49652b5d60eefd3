"""How a request is put: by token or in full, and what it states."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.samples import EPOCH, runs
from tidelog.codec.page import Rule
from tidelog.replica.asking import Ability, Aim, Question, by_token, in_full, scope
from tidelog.replica.holdings import Holdings
from tidelog.replica.ports import Holding
from tidelog.replica.tokens import Token, Tokens
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX, SEQ_STOP
from tidelog.wire.packed import encode
from tidelog.wire.page_frames import Resync
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet
from tidelog.wire.standings import Change, Growth, Standing, Standings

ABILITY = Ability(codecs=(1, 2), page_bytes=4_096, context_bytes=65_536, live=False)
ALL = Aim(channels=None, rule=Rule())
NAME = b"\1\2\3\4"


def holding(
    channel: str, *pairs: tuple[int, int], epoch: int = EPOCH, wanted: RangeSet = EVERYTHING
) -> Holding:
    have = runs(*pairs)
    return Holding(channel=channel, epoch=epoch, have=have, wanted=wanted, head=max(have.stop - 1, 0))


def kept(*standings: Standing, aim: Aim = ALL, ability: Ability = ABILITY) -> Tokens:
    return Tokens([Token(scope(aim, ability), NAME, Standings(standings))])


def standing(channel: str, *pairs: tuple[int, int], epoch: int = EPOCH, floor: int = 1) -> Standing:
    return Standing(channel, epoch, runs(*pairs), floor)


def resync(question: Question | None) -> Resync:
    assert question is not None
    assert isinstance(question.request, Resync)
    return question.request


def sync(question: Question) -> SyncRequest:
    assert isinstance(question.request, SyncRequest)
    return question.request


# By token


def test_nothing_new_is_told_by_token_and_digest_alone() -> None:
    tokens = kept(standing("a", (1, 5)), standing("b"))
    question = by_token(ALL, Holdings([holding("a", (1, 5)), holding("b")]), tokens, ABILITY, rid=9)
    request = resync(question)
    account = Standings([standing("a", (1, 5)), standing("b")])
    assert (request.rid, request.token, request.digest) == (9, NAME, account.digest)
    assert len(encode(request)) == 11
    assert question is not None
    assert (question.account, question.scope) == (account, scope(ALL, ABILITY))


def test_what_became_of_channels_is_told_by_their_places() -> None:
    """Growth at the end, holes and drops, a new epoch, a channel that the token lacks; floors stay."""
    before = [
        standing("a", (1, 5)),
        standing("b", (1, 5), floor=3),
        standing("c", (1, 9)),
        standing("d", (1, 2)),
    ]
    now = [
        holding("a", (1, 9)),
        holding("b", (1, 2), (3, 5), (7, 8)),
        holding("c", (1, 3), epoch=8),
        holding("d", (1, 2)),
        holding("e", (4, 6)),
    ]
    question = by_token(ALL, Holdings(now), kept(*before), ABILITY, rid=1)
    request = resync(question)
    assert request.digest == Standings(before).digest
    assert request.grown == (Growth(0, 4),)
    assert request.changes == (Change(1, runs((7, 8)), runs((2, 3))),)
    assert [(one.channel, one.epoch, one.have) for one in request.statements] == [
        ("e", EPOCH, runs((4, 6))),
        ("c", 8, runs((1, 3))),
    ]
    assert question is not None
    assert list(question.account) == [
        standing("a", (1, 9)),
        standing("b", (1, 2), (3, 5), (7, 8), floor=3),
        standing("c", (1, 3), epoch=8),
        standing("d", (1, 2)),
        standing("e", (4, 6)),
    ]


@given(st.integers(0, 2**32))
def test_both_sides_come_to_the_same_account(seed: int) -> None:
    rng = Random(seed)

    def some() -> RangeSet:
        return RangeSet(
            (low := rng.randrange(1, 30), low + rng.randrange(9)) for _ in range(rng.randrange(5))
        )

    names = "abcdef"
    before = [Standing(name, rng.choice([EPOCH, 8]), some(), rng.randrange(1, 4)) for name in names[:4]]
    now = [Holding(channel=name, epoch=EPOCH, have=some(), wanted=EVERYTHING) for name in names[1:]]
    question = by_token(ALL, Holdings(now), kept(*before), ABILITY, rid=1)
    request = resync(question)
    service = Standings(before)
    service.change(request.grown, request.changes)
    for one in request.statements:
        service.put(Standing(one.channel, one.epoch, one.have))
    assert question is not None
    assert service == question.account
    assert {one.channel: (one.epoch, one.have) for one in service if one.channel != "a"} == {
        one.channel: (one.epoch, one.have) for one in now
    }


def test_what_the_token_stands_for_is_not_changed_by_asking() -> None:
    tokens = kept(standing("a", (1, 5)))
    by_token(ALL, Holdings([holding("a", (1, 9))]), tokens, ABILITY, rid=1)
    found = tokens.get(scope(ALL, ABILITY))
    assert found is not None
    assert list(found.account) == [standing("a", (1, 5))]


def test_channels_that_are_gone_or_out_of_scope_are_not_told() -> None:
    aim = Aim(channels=("a", "b"), rule=Rule())
    known = Holdings([holding(name, (1, 9)) for name in "abc"])
    request = resync(by_token(aim, known, kept(aim=aim), ABILITY, rid=1, gone={"b"}))
    assert [one.channel for one in request.statements] == ["a"]


@pytest.mark.parametrize(
    ("aim", "ability"),
    [
        (Aim(channels=("a",), rule=Rule()), ABILITY),
        (Aim(channels=None, rule=Rule(newest=5)), ABILITY),
        (Aim(channels=None, rule=Rule(oldest_first=True)), ABILITY),
        (Aim(channels=None, rule=Rule(by_channel=True)), ABILITY),
        (ALL, replace(ABILITY, codecs=(1,))),
        (ALL, replace(ABILITY, page_bytes=256)),
        (ALL, replace(ABILITY, context_bytes=0)),
        (ALL, replace(ABILITY, live=True)),
        (ALL, replace(ABILITY, plain=True)),
        (ALL, replace(ABILITY, pages=False)),
    ],
)
def test_a_token_is_for_one_question_only(aim: Aim, ability: Ability) -> None:
    known = Holdings([holding("a", (1, 5))])
    assert by_token(ALL, known, kept(), ABILITY, rid=1) is not None
    assert by_token(aim, known, kept(), ability, rid=1) is None


def test_topping_up_goes_by_token_where_all_is_wanted_only() -> None:
    aim = replace(ALL, wanted_only=True)
    tokens = kept(standing("a", (1, 5)))
    assert by_token(aim, Holdings([holding("a", (1, 5))]), tokens, ABILITY, rid=1) is not None
    some = holding("a", (1, 5), wanted=runs((1, 9)))
    assert by_token(aim, Holdings([some]), tokens, ABILITY, rid=1) is None
    named = replace(aim, channels=("a", "b"))
    tokens = kept(standing("a", (1, 5)), aim=named)
    assert by_token(named, Holdings([holding("a", (1, 5))]), tokens, ABILITY, rid=1) is None, "b is not known"


def test_changes_that_fill_a_packet_are_stated_in_full() -> None:
    """There they can be split over several requests."""
    many = RangeSet.of(range(1, 60_000, 2))
    known = Holdings([Holding(channel="a", epoch=EPOCH, have=many, wanted=EVERYTHING)])
    assert by_token(ALL, known, kept(standing("a")), ABILITY, rid=1) is None
    assert by_token(ALL, known, kept(), ABILITY, rid=1) is None
    few = Holdings(
        [Holding(channel="a", epoch=EPOCH, have=RangeSet.of(range(1, 2_000, 2)), wanted=EVERYTHING)]
    )
    assert len(encode(resync(by_token(ALL, few, kept(), ABILITY, rid=1)))) < PACKET_BYTES_MAX


@pytest.mark.parametrize("have", [runs((1, SEQ_STOP)), runs((3, SEQ_STOP)), runs((1, SEQ_STOP - 1))])
def test_a_device_that_was_told_of_voids_without_end_can_still_ask(have: RangeSet) -> None:
    """A count of seqs up to the very limit is one that no service takes."""
    known = Holdings([Holding(channel="a", epoch=EPOCH, have=have, wanted=EVERYTHING)])
    for before in (standing("a"), standing("a", (1, 2)), standing("a", (1, 3))):
        request = resync(by_token(ALL, known, kept(before), ABILITY, rid=1))
        service = Standings([before])
        service.change(request.grown, request.changes)
        assert [one.have for one in service] == [have]


# In full


def test_everything_is_stated_sorted_and_a_token_asked_for() -> None:
    question = in_full(ALL, Holdings([holding("b", (1, 5)), holding("a", (2, 3))]), ABILITY, rid=4)
    request = sync(question)
    assert [(one.channel, one.have, one.want) for one in request.statements] == [
        ("a", runs((2, 3)), None),
        ("b", runs((1, 5)), None),
    ]
    assert (request.rid, request.everywhere, request.pages, request.keep) == (4, True, True, True)
    assert (request.codecs, request.page_bytes, request.context_bytes) == ((1, 2), 4_096, 65_536)
    assert question.scope == scope(ALL, ABILITY)
    assert list(question.account) == [standing("a", (2, 3)), standing("b", (1, 5))]


def test_a_rule_goes_with_the_request() -> None:
    aim = Aim(channels=("b", "a"), rule=Rule(newest=7, by_channel=True))
    request = sync(in_full(aim, Holdings([]), ABILITY, rid=1))
    assert (request.everywhere, request.newest, request.by_channel, request.oldest_first) == (
        False,
        7,
        True,
        False,
    )
    assert [one.channel for one in request.statements] == ["b", "a"], "as they were named"


def test_a_device_that_reads_no_pages_asks_for_deltas_without_context() -> None:
    question = in_full(ALL, Holdings([]), replace(ABILITY, pages=False), rid=1)
    request = sync(question)
    assert (request.pages, request.keep, request.context_bytes, question.scope) == (False, False, 0, b"")


def test_no_token_is_asked_for_where_less_than_everything_is_wanted() -> None:
    """A token stands for have-sets alone: the next request would ask for all."""
    some = holding("a", (1, 5), wanted=runs((1, 9)))
    question = in_full(replace(ALL, wanted_only=True), Holdings([some]), ABILITY, rid=1)
    assert (sync(question).keep, question.scope) == (False, b"")
    assert [one.want for one in question.account] == [runs((1, 9))]
    everything = in_full(replace(ALL, wanted_only=True), Holdings([holding("a", (1, 5))]), ABILITY, rid=1)
    assert sync(everything).keep


def test_no_token_is_asked_for_where_a_have_set_was_cut() -> None:
    many = RangeSet.of(range(1, 60_000, 2))
    known = Holdings([Holding(channel="a", epoch=EPOCH, have=many, wanted=EVERYTHING)])
    question = in_full(ALL, known, ABILITY, rid=1)
    assert not sync(question).keep
    (stated,) = question.account
    assert 0 < stated.have.count < many.count
    assert len(encode(question.request)) < PACKET_BYTES_MAX


def test_what_does_not_fit_is_left_over_and_what_is_done_is_not_wanted() -> None:
    known = Holdings(
        [
            Holding(channel=name, epoch=EPOCH, have=RangeSet.of(range(1, 4_000, 2)), wanted=EVERYTHING)
            for name in "abcd"
        ]
    )
    question = in_full(ALL, known, ABILITY, rid=1, served={"a"})
    assert question.left_over == {"d"}
    wants = {one.channel: one.want for one in sync(question).statements}
    assert wants == {"a": EMPTY, "b": None, "c": None, "d": EMPTY}
    assert not sync(question).keep
    assert [one.have for one in question.account if one.channel in "ad"] == [EMPTY, EMPTY]


def test_channels_that_are_gone_are_not_stated() -> None:
    question = in_full(ALL, Holdings([holding("a"), holding("b")]), ABILITY, rid=1, gone={"a"})
    assert question.account.names() == ["b"]
