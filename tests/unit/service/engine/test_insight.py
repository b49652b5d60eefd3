"""What the service believes a device has and lacks, and the reasons that it gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.codec.page import Rule
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing, Standings
from tidelog_service.engine.inquiries import Terms
from tidelog_service.engine.insight import Claim, Insight, Membership, Reason, insight
from tidelog_service.engine.tokens import Kept

ROOM = Membership(1, "room", 7, 10, 1, "writer")


def seqs(*runs: tuple[int, int]) -> RangeSet:
    return RangeSet(runs)


def claim(
    *standings: Standing,
    pages: tuple[tuple[Standing, ...], ...] = (),
    used_ms: int = 5,
    newest: int = 0,
    everywhere: bool = True,
) -> Claim:
    """A token for this account, and for those that pages may have made of it."""
    terms = Terms(
        everywhere=everywhere,
        rule=Rule(newest=newest),
        codecs=(1,),
        page_bytes=4_096,
        context_bytes=0,
        live=False,
        plain=False,
        dictionary=0,
    )
    kept = Kept(terms=terms, base=Standings(standings))
    for page in pages:
        kept = kept.answered(Standings(page))
    return Claim(kept, used_ms)


def room(*runs: tuple[int, int], epoch: int = 7) -> Standing:
    return Standing("room", epoch, seqs(*runs))


def told(membership: Membership, *claims: Claim, **keys: Any) -> Insight:
    return insight(membership, claims, **keys)


def test_a_device_that_has_everything() -> None:
    found = told(ROOM, claim(room((1, 11))))
    assert (found.has, found.lacks, found.reasons) == (seqs((1, 11)), EMPTY, (Reason.COMPLETE,))
    assert found.asked_ms == 5


def test_what_was_stored_since_and_what_lies_in_between() -> None:
    found = told(ROOM, claim(room((1, 4), (6, 8))))
    assert found.lacks == seqs((4, 6), (8, 11))
    assert found.reasons == (Reason.NOT_YET, Reason.HOLES)
    assert told(ROOM, claim(room((3, 11)))).reasons == (Reason.HOLES,)


def test_what_pages_brought_is_not_proven_until_a_request_says_so() -> None:
    found = told(ROOM, claim(room((1, 3)), pages=((room((1, 5)),), (room((1, 9)),))))
    assert (found.has, found.sent, found.lacks) == (seqs((1, 3)), seqs((3, 9)), seqs((9, 11)))
    assert found.reasons == (Reason.NOT_YET, Reason.UNCONFIRMED)
    new = told(ROOM, claim(pages=((room((1, 11)),),)))
    assert (new.has, new.sent, new.reasons) == (EMPTY, seqs((1, 11)), (Reason.UNCONFIRMED,))


def test_who_never_asked_is_told_from_who_asked_for_others() -> None:
    other = Standing("other", 7, seqs((1, 2)))
    assert told(ROOM).reasons == (Reason.NEVER_ASKED,)
    assert told(ROOM, claim(other)).reasons == (Reason.NOT_YET,)
    assert told(ROOM, claim(other, everywhere=False)).reasons == (Reason.OUT_OF_SCOPE,)
    assert told(ROOM).asked_ms == 0


def test_the_token_used_last_counts() -> None:
    found = told(ROOM, claim(Standing("other")), claim(room((1, 9)), used_ms=4), claim(room((1, 3))))
    assert (found.has, found.asked_ms) == (seqs((1, 9)), 4)


def test_who_asks_for_the_newest_does_not_lack_the_rest() -> None:
    found = told(ROOM, claim(room((8, 10)), newest=3))
    assert (found.lacks, found.unasked, found.newest) == (seqs((10, 11)), seqs((1, 8)), 3)
    assert found.reasons == (Reason.NOT_YET, Reason.NEWEST_ONLY)


def test_records_of_another_incarnation_are_none_of_this_one() -> None:
    found = told(ROOM, claim(room((1, 11), epoch=6)))
    assert (found.has, found.lacks, found.copies) == (EMPTY, seqs((1, 11)), EMPTY)
    assert found.reasons == (Reason.NEW_EPOCH,)
    # What it wrote itself it holds as a record of that one, too.
    found = insight(ROOM, [claim(room((1, 11), epoch=6))], written=seqs((1, 11)))
    assert (found.wrote, found.lacks, found.reasons) == (EMPTY, seqs((1, 11)), (Reason.NEW_EPOCH,))


def test_what_is_gone_and_what_is_not_for_the_user() -> None:
    windowed = ROOM._replace(floor=3, first=5)
    found = told(windowed, claim(room((1, 11))))
    assert (found.gone, found.shut, found.has, found.copies) == (
        seqs((1, 3)),
        seqs((3, 5)),
        seqs((5, 11)),
        seqs((1, 5)),
    )
    assert found.reasons == (Reason.COMPLETE, Reason.FLOOR, Reason.WINDOW)
    left = told(windowed._replace(last=7), claim(room((5, 7))))
    assert (left.readable, left.shut, left.lacks) == (seqs((5, 8)), seqs((3, 5), (8, 11)), seqs((7, 8)))
    assert left.reasons == (Reason.LEFT, Reason.NOT_YET, Reason.FLOOR, Reason.WINDOW)


def test_who_is_no_member_is_shut_out_of_all_of_it() -> None:
    stranger = ROOM._replace(role="")
    found = told(stranger, claim(room((1, 4))))
    assert (found.readable, found.shut, found.copies) == (EMPTY, seqs((1, 11)), seqs((1, 4)))
    assert found.reasons == (Reason.NOT_MEMBER,)


def test_what_a_device_wrote_it_does_not_lack() -> None:
    found = told(ROOM, claim(room((1, 4))), written=seqs((2, 6), (10, 12)))
    assert (found.has, found.wrote, found.lacks) == (seqs((1, 4)), seqs((4, 6), (10, 11)), seqs((6, 10)))
    assert found.reasons == (Reason.NOT_YET, Reason.WROTE)
    assert told(ROOM, written=seqs((1, 11))).reasons == (Reason.WROTE,)


@pytest.mark.parametrize(
    ("membership", "revoked", "reasons"),
    [
        (ROOM._replace(head=0), False, (Reason.EMPTY,)),
        (ROOM._replace(head=10, floor=11), False, (Reason.FLOOR, Reason.EMPTY)),
        (ROOM._replace(role="reader"), False, (Reason.NEVER_ASKED, Reason.READER)),
        (ROOM._replace(role="owner"), True, (Reason.REVOKED, Reason.NEVER_ASKED)),
    ],
)
def test_other_reasons(membership: Membership, revoked: bool, reasons: tuple[Reason, ...]) -> None:  # noqa: FBT001 - a case
    assert told(membership, revoked=revoked).reasons == reasons


SETS = st.lists(st.tuples(st.integers(1, 14), st.integers(0, 5)), max_size=4).map(
    lambda pairs: RangeSet([(start, start + size) for start, size in pairs])
)


@given(
    head=st.integers(0, 12),
    floor=st.integers(1, 13),
    first=st.integers(1, 13),
    last=st.none() | st.integers(0, 12),
    sets=st.tuples(SETS, SETS, SETS),
    newest=st.integers(0, 5),
)
def test_each_number_that_exists_is_in_one_set(
    head: int,
    floor: int,
    first: int,
    last: int | None,
    sets: tuple[RangeSet, RangeSet, RangeSet],
    newest: int,
) -> None:
    had, more, written = sets
    membership = Membership(1, "room", 7, head, floor, "writer", first, last)
    page = Standing("room", 7, had | more)
    found = told(
        membership, claim(Standing("room", 7, had), pages=((page,),), newest=newest), written=written
    )
    parts = [found.has, found.sent, found.wrote, found.lacks, found.unasked, found.gone, found.shut]
    assert sorted(seq for part in parts for seq in part) == list(range(1, head + 1))
    assert found.copies == had & (found.gone | found.shut)
    assert found.reasons
