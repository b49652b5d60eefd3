"""Accounts as hypothesis draws them, and one of a single channel."""

from __future__ import annotations

from hypothesis import strategies as st

from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standing
from unit.wire.strategies import SEQS, range_sets

NAMES = st.sampled_from(["a", "b", "c", "room1", "truck7/zone1"])
SMALL_SETS = st.sets(st.integers(1, 20)).map(RangeSet.of)
STANDINGS = st.builds(
    Standing,
    channel=NAMES,
    epoch=st.sampled_from([0, 7, 8]),
    have=st.one_of(SMALL_SETS, range_sets()),
    floor=st.one_of(st.just(1), SEQS),
    marks=st.one_of(st.just(0), SEQS),
)
ACCOUNTS = st.lists(STANDINGS, max_size=5, unique_by=lambda one: one.channel)


def stood(*runs: tuple[int, int], **more: object) -> Standing:
    """A channel of epoch 7 of which these runs are had."""
    return Standing("a", 7, RangeSet(runs), **more)  # type: ignore[arg-type]  # of any field
