"""What a request for pages comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidelog.codec.page import Rule
from tidelog.wire.frames import SyncRequest
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing
from tidelog.wire.statements import Statement
from tidelog_service.engine.inquiries import standing_of, stated

REQUEST = SyncRequest(
    rid=9,
    statements=(Statement(channel="a", epoch=7, have=RangeSet([(1, 5)])), Statement(channel="b")),
    everywhere=False,
    page_bytes=1_000,
    codecs=(1, 2),
    oldest_first=True,
    live=True,
    by_channel=True,
    pages=True,
    keep=True,
    context_bytes=4_096,
    newest=30,
    dictionary=3,
)


def test_a_request_in_full_says_everything() -> None:
    inquiry = stated(REQUEST)
    terms = inquiry.terms
    assert terms.rule == Rule(newest=30, oldest_first=True, by_channel=True)
    assert (terms.everywhere, terms.codecs, terms.page_bytes, terms.context_bytes) == (
        False,
        (1, 2),
        1_000,
        4_096,
    )
    assert (terms.live, terms.plain, terms.dictionary) == (True, False, 3)
    assert (inquiry.rid, inquiry.keep) == (9, True)
    assert list(inquiry.account) == [Standing("a", 7, RangeSet([(1, 5)])), Standing("b")]


@pytest.mark.parametrize(("room", "limit"), [(0, 1_000), (32, 32), (999, 999), (5_000, 1_000)])
def test_the_smaller_of_page_and_room_is_the_limit(room: int, limit: int) -> None:
    assert stated(replace(REQUEST, room=room)).limit_bytes == limit


@pytest.mark.parametrize("want", [EMPTY, RangeSet([(3, 9)])])
def test_a_request_for_less_than_everything_gets_no_token(want: RangeSet) -> None:
    """Whatever the device says: a token stands for have-sets alone."""
    statement = Statement(channel="c", want=want)
    assert not stated(replace(REQUEST, statements=(*REQUEST.statements, statement))).keep
    assert standing_of(statement).want == want


def test_no_token_is_given_that_was_not_asked_for() -> None:
    assert not stated(replace(REQUEST, keep=False)).keep
