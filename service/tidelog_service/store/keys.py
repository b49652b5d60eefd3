"""A record's key: channel and seq in one 64-bit integer, ``channel_id << SEQ_BITS | seq``.

A channel's records lie side by side in the table, in the order of their seqs, and a range of seqs is a range
of keys. See `tidelog_service.store.models` for the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Final

from tidelog.wire.errors import UsageError
from tidelog.wire.fingerprints import SUM_STOP
from tidelog.wire.ranges import RangeSet, Run
from tidelog_service.engine.ports import NewRow

SEQ_BITS: Final = 40
"""The lower bits hold the seq: 10^12 records, a thousand a second for 34 years."""

LOG_STOP: Final = 2**SEQ_BITS
"""Seqs of a stored log are below this; the next one would be in another channel."""

CHANNEL_STOP: Final = 2 ** (63 - SEQ_BITS) - 1
"""Channel ids are below this: keys are signed, and the end of the last channel's range must be one too."""

_SIGNED_STOP: Final = SUM_STOP >> 1
_SEQ_MASK: Final = LOG_STOP - 1
_EVERY_SEQ: Final = RangeSet([(0, LOG_STOP)])

_SEQ: Final = itemgetter(1)
"""A new row's seq."""


def key_of(channel_id: int, seq: int) -> int:
    """The key of a record.

    Args:
        channel_id: below `CHANNEL_STOP`.
        seq: below `LOG_STOP`; or equal to it, for the end of a range.
    """
    # Added, not put in by "or": the end of a range may carry over into the channel's bits.
    return (channel_id << SEQ_BITS) + seq


def keyed(rows: Sequence[NewRow]) -> list[tuple[int, int, int, int, int, str, bytes, int, int]]:
    """Rows as the table has them: one key, the author's clock as its lag behind the time, a signed sum.

    Inline, and the bound looked at once: it is done for every record that is stored.

    Raises:
        UsageError: a log is full (``log_full``).
    """
    checked_seq(max(map(_SEQ, rows), default=0))
    return [
        (
            (channel << SEQ_BITS) + seq,
            author,
            time,
            time - sent,
            kind,
            content_type,
            body,
            before if before < _SIGNED_STOP else before - SUM_STOP,
            size,
        )
        for channel, seq, author, time, sent, kind, content_type, body, before, size in rows
    ]


def signed(total: int) -> int:
    """A sum modulo ``SUM_STOP`` as a database has it: of 64 bits, the highest of them the sign."""
    return total if total < _SIGNED_STOP else total - SUM_STOP


def seq_of(key: int) -> int:
    """The seq of the record that has this key."""
    return key & _SEQ_MASK


def run_of(channel_id: int, run: Run) -> Run:
    """The keys of a run of seqs, half-open as well."""
    start, stop = run
    return key_of(channel_id, start), key_of(channel_id, stop)


def keys_of(channel_id: int, seqs: Iterable[int]) -> list[int]:
    """The keys of single seqs, in their order."""
    base = key_of(channel_id, 0)
    return [base + seq for seq in seqs]


def within(seqs: RangeSet) -> RangeSet:
    """Those of the seqs that a log can have: the keys of others would be another channel's."""
    return seqs if seqs.stop <= LOG_STOP else seqs & _EVERY_SEQ


def checked_seq(seq: int) -> int:
    """The seq that a record is about to get, or a log's new head.

    Raises:
        UsageError: the log is full (``log_full``). Not `Unavailable`, which the service tries again for ever
            while every other channel waits.
    """
    if seq < LOG_STOP:
        return seq
    raise UsageError(
        f"the channel is full: {seq} would be its next number, and the highest is {LOG_STOP - 1}",
        code="log_full",
        hint="go on in a new channel; nothing of this batch was stored",
    )


def checked_channel(channel_id: int) -> int:
    """The id that a channel is about to get.

    Raises:
        UsageError: the store has no room for another channel (``channels_full``).
    """
    if channel_id < CHANNEL_STOP:
        return channel_id
    raise UsageError(
        f"there is room for {CHANNEL_STOP - 1} channels, and all ids have been given",
        code="channels_full",
        hint="start another service with a data folder of its own for further channels",
    )
