from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.audit_frames import Span, ascending, cut, shares
from tidelog.wire.ranges import RangeSet
from unit.wire.strategies import range_sets


@given(st.integers(1, 2**53 - 200), st.integers(1, 150), st.data())
def test_pieces_follow_each_other_and_are_of_about_one_length(
    start: int, size: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, size))
    pieces = cut(start, start + size, count)
    assert len(pieces) == count
    assert (pieces[0][0], pieces[-1][1]) == (start, start + size)
    assert all(one[1] == other[0] for one, other in pairwise(pieces))
    lengths = {stop - first for first, stop in pieces}
    assert min(lengths) > 0
    assert max(lengths) - min(lengths) <= 1


@given(range_sets(), st.integers(1, 40), st.integers(1, 60), st.integers(1, 9))
def test_each_piece_has_its_share_of_a_set(seqs: RangeSet, start: int, size: int, count: int) -> None:
    pieces = cut(start, start + size, min(count, size))
    assert list(shares(seqs, pieces)) == [seqs & RangeSet([piece]) for piece in pieces]


def test_spans_ascend_by_place_and_then_by_seq() -> None:
    assert ascending([])
    assert ascending([Span(0, 5, 9, (1,)), Span(0, 9, 10, (1,)), Span(1, 1, 2, (1,))])
    assert not ascending([Span(0, 5, 9, (1,)), Span(0, 8, 10, (1,))])
    assert not ascending([Span(1, 5, 9, (1,)), Span(0, 1, 2, (1,))])
