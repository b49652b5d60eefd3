"""What a token stands for: proven by the next request, never by having been sent."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.codec.page import Rule
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import SEQ_STOP, STATEMENTS_MAX
from tidelog.wire.page_frames import Resync
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Change, Growth, Standing, Standings
from tidelog.wire.statements import Statement
from tidelog_service.engine import tokens
from tidelog_service.engine.inquiries import Terms
from tidelog_service.engine.tokens import ACCOUNT_BYTES_MAX, PENDING_MAX, Kept, asked, load_kept, made

TERMS = Terms(
    everywhere=True,
    rule=Rule(newest=5, by_channel=True),
    codecs=(1, 2),
    page_bytes=4_096,
    context_bytes=65_536,
    live=False,
    plain=True,
    dictionary=4,
)
BASE = Standings([Standing("a", 7, RangeSet([(1, 5)])), Standing("b", 8, RangeSet([(1, 3)]), 2)])


def grown(account: Standings, seq: int) -> Standings:
    found = account.copy()
    found.add("a", RangeSet([(seq, seq + 1)]))
    return found


def kept(*accounts: Standings) -> Kept:
    """The base, and these that may have become of it."""
    found = Kept(terms=TERMS, base=BASE)
    for account in accounts:
        found = found.answered(account)
    return found


def proven(found: Kept, account: Standings) -> Kept:
    known = found.proven(account.digest)
    assert known is not None
    return known


def test_until_a_request_proves_it_both_accounts_stand() -> None:
    """The page may have been lost, or have arrived."""
    page = grown(BASE, 9)
    assert proven(kept(page), BASE).base == BASE
    known = proven(kept(page), page)
    assert (known.base, known.pending) == (page, ())


def test_what_was_proven_before_does_not_stand_any_more() -> None:
    first, second = grown(BASE, 9), grown(grown(BASE, 9), 10)
    known = proven(kept(first), first).answered(second)
    assert known.proven(BASE.digest) is None
    assert proven(known, first).base == first
    assert proven(known, second).base == second


def test_another_digest_stands_for_nothing() -> None:
    assert kept(grown(BASE, 9)).proven(BASE.digest ^ 1) is None


def test_a_device_that_asks_again_and_again_has_its_last_tries_known() -> None:
    pages = [grown(BASE, seq) for seq in range(10, 10 + PENDING_MAX + 2)]
    found = kept(*pages)
    assert [found.proven(page.digest) is not None for page in pages] == [False, False] + [True] * PENDING_MAX


def test_the_same_page_again_pushes_no_other_out() -> None:
    first, again = grown(BASE, 9), grown(BASE, 10)
    assert proven(kept(first, again, again, again, again), first).base == first


def test_an_answer_that_changes_channels_is_kept_as_what_it_changes() -> None:
    """New ones, other epochs, those that are gone."""
    after = BASE.copy()
    after.put(Standing("b", 9, RangeSet([(4, 6)]), 4))
    after.put(Standing("c", 1, RangeSet([(1, 2)])))
    after.remove("a")
    assert proven(load_kept(kept(after).dump()), after).base == after


@given(st.integers(0, 2**32))
def test_what_lies_in_the_store_is_what_was_kept(seed: int) -> None:
    rng = Random(seed)

    def some() -> Standings:
        return Standings(
            Standing(
                f"channel {n}",
                rng.randrange(2**32),
                RangeSet(
                    (low := rng.randrange(1, SEQ_STOP - 9), low + rng.randrange(9))
                    for _ in range(rng.randrange(4))
                ),
                rng.randrange(1, SEQ_STOP),
            )
            for n in rng.sample(range(6), rng.randrange(6))
        )

    found = Kept(terms=TERMS, base=some())
    accounts = [some() for _ in range(rng.randrange(4))]
    for account in accounts:
        found = found.answered(account)
    again = load_kept(found.dump())
    assert (again.terms, again.base, again.dump()) == (found.terms, found.base, found.dump())
    for account in accounts:
        known, other = found.proven(account.digest), again.proven(account.digest)
        assert (known is None) == (other is None)
        if known is not None and other is not None:
            assert {one.channel: one for one in known.base} == {one.channel: one for one in account}
            assert known.base == other.base


def test_a_request_by_token_says_what_became_of_the_account() -> None:
    request = Resync(
        rid=3,
        token=b"\1\2\3\4",
        digest=BASE.digest,
        grown=(Growth(0, 2),),
        changes=(Change(1, RangeSet([(7, 8)]), RangeSet([(1, 2)])),),
        statements=(Statement(channel="c", epoch=5, have=RangeSet([(2, 4)])),),
        room=99,
    )
    inquiry = asked(kept(), request)
    assert list(inquiry.account) == [
        Standing("a", 7, RangeSet([(1, 7)])),
        Standing("b", 8, RangeSet([(2, 3), (7, 8)]), 2),
        Standing("c", 5, RangeSet([(2, 4)])),
    ]
    assert (inquiry.rid, inquiry.room, inquiry.keep, inquiry.terms) == (3, 99, True, TERMS)
    assert list(BASE) == list(kept().base), "what is kept does not change by being asked about"


@pytest.mark.parametrize(
    "request_",
    [
        Resync(rid=1, token=b"", digest=0, grown=(Growth(2, 1),)),
        Resync(rid=1, token=b"", digest=0, grown=(Growth(STATEMENTS_MAX * 2**40, 1),)),
        Resync(rid=1, token=b"", digest=0, grown=(Growth(0, SEQ_STOP - 1),)),
        Resync(rid=1, token=b"", digest=0, grown=(Growth(0, SEQ_STOP - 5),)),
        Resync(rid=1, token=b"", digest=0, changes=(Change(2, RangeSet([(1, 2)]), RangeSet()),)),
    ],
)
def test_changes_out_of_place_or_beyond_the_limit_are_refused(request_: Resync) -> None:
    with pytest.raises(ProtocolError):
        asked(kept(), request_)


def test_a_growth_of_almost_everything_is_one_run() -> None:
    """It costs no more than a growth of one."""
    request = Resync(rid=1, token=b"", digest=0, grown=(Growth(0, SEQ_STOP - 6),))
    assert asked(kept(), request).account.get("a") == Standing("a", 7, RangeSet([(1, SEQ_STOP - 1)]))


def test_tokens_differ_by_device_request_and_time() -> None:
    found = {made(device, rid, now) for device in ("a", "b") for rid in (1, 2) for now in (5, 6)}
    assert len(found) == 8
    assert {len(one) for one in found} == {4}


def test_an_unknown_token_is_told_so() -> None:
    assert tokens.unknown().wire_code is Code.TOKEN


@pytest.mark.parametrize("step", [2, 150_000])
def test_an_account_that_is_too_large_is_not_kept(step: int) -> None:
    """What is kept takes no more room than the rule foresees, up to seqs of 2^32."""

    def account(runs: int) -> Standings:
        starts = range(1, runs * step, step)
        return Standings([Standing("a", 7, RangeSet((start, start + step // 2) for start in starts))])

    for runs in (1, 10_000, 26_000):
        assert tokens.is_kept(account(runs))
        assert len(Kept(terms=TERMS, base=account(runs)).dump()) < ACCOUNT_BYTES_MAX + 64
    assert not tokens.is_kept(account(27_000))
    assert not tokens.is_kept(Standings(Standing(f"{n:060}") for n in range(STATEMENTS_MAX)))
