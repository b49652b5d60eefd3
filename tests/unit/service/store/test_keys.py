"""Channel and seq in one integer."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.errors import UsageError
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.ranges import RangeSet
from tidelog_service.store import keys
from tidelog_service.store.keys import CHANNEL_STOP, LOG_STOP

_CHANNELS = st.integers(1, CHANNEL_STOP - 1)
_SEQS = st.integers(0, LOG_STOP - 1)


@given(st.tuples(_CHANNELS, _SEQS), st.tuples(_CHANNELS, _SEQS))
def test_keys_are_in_the_order_of_channel_and_seq(one: tuple[int, int], other: tuple[int, int]) -> None:
    """And as different as these are."""
    assert (keys.key_of(*one) < keys.key_of(*other)) == (one < other)
    assert (keys.key_of(*one) == keys.key_of(*other)) == (one == other)


@given(_CHANNELS, _SEQS)
def test_a_seq_comes_back_from_its_key(channel_id: int, seq: int) -> None:
    """Whatever the channel."""
    assert keys.seq_of(keys.key_of(channel_id, seq)) == seq
    assert keys.keys_of(channel_id, [seq, 0]) == [keys.key_of(channel_id, seq), keys.key_of(channel_id, 0)]


@pytest.mark.parametrize("channel_id", [1, 2, CHANNEL_STOP - 1])
def test_a_whole_log_is_a_run_that_ends_where_the_next_begins(channel_id: int) -> None:
    """Even where the channel's lowest bit is set already, and for the last channel that there can be."""
    run = keys.run_of(channel_id, (0, LOG_STOP))
    assert run == (keys.key_of(channel_id, 0), keys.key_of(channel_id + 1, 0))


def test_every_key_and_every_end_of_a_run_fits_the_database() -> None:
    """One channel more would end beyond 64 bits with a sign."""
    connection = sqlite3.connect(":memory:")
    last = keys.run_of(CHANNEL_STOP - 1, (0, LOG_STOP))
    assert connection.execute("SELECT ?, ?", last).fetchone() == last
    with pytest.raises(OverflowError):
        connection.execute("SELECT ?, ?", keys.run_of(CHANNEL_STOP, (0, LOG_STOP)))
    connection.close()


def test_seqs_that_no_log_has_are_left_out() -> None:
    """A set that has none of them stays as it is."""
    inside = RangeSet([(1, 5), (9, LOG_STOP)])
    assert keys.within(inside) is inside
    assert keys.within(RangeSet([(1, 5), (9, SEQ_STOP)])) == inside


def test_bounds_are_errors_with_a_code_and_a_hint() -> None:
    """The highest number passes, the next one does not."""
    assert keys.checked_seq(LOG_STOP - 1) == LOG_STOP - 1
    with pytest.raises(UsageError, match=str(LOG_STOP)) as caught:
        keys.checked_seq(LOG_STOP)
    assert (caught.value.code, bool(caught.value.hint)) == ("log_full", True)
    assert keys.checked_channel(CHANNEL_STOP - 1) == CHANNEL_STOP - 1
    with pytest.raises(UsageError, match=str(CHANNEL_STOP - 1)) as caught:
        keys.checked_channel(CHANNEL_STOP)
    assert (caught.value.code, bool(caught.value.hint)) == ("channels_full", True)
