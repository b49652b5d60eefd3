"""Logs and their records as the engine and its store tell each other of them: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tidelog.wire.ranges import RangeSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A channel's log as it stands.

    Attributes:
        id: the store's key.
        name: the channel's name.
        epoch: its incarnation, 1 to 2**32 - 1.
        head: the highest seq given that the user may read; 0 for none.
        floor: the lowest seq that is kept and that the user may read.
        time: none of a record is higher, Unix milliseconds; 0 for none.
        left: whether the user is no member any more, and reads what was written until then.
        owned: whether the user may delete what others wrote.
        revisions: how many edits and deletes were ever stored: with each, records may have gone.
        receipts: whether the user hears how far other members have come.
        read: how far the user has read, in this epoch; 0 for nothing.
        delivered: how far records have arrived on a device of the user's, no less than ``read``.
        marks: changes with every mark that the user hears of; 0 where there is none.
        sum: of the fingerprints of all records ever stored (`tidelog.wire.fingerprints`).
        body_bytes: of all bodies ever stored.
    """

    id: int
    name: str
    epoch: int
    head: int
    floor: int
    time: int
    revisions: int = 0
    left: bool = False
    owned: bool = False
    receipts: bool = False
    read: int = 0
    delivered: int = 0
    marks: int = 0
    sum: int = 0
    body_bytes: int = 0


class MemberMark(NamedTuple):
    """How far a member has come; ``version`` rises with each change in the channel."""

    user: str
    read: int
    delivered: int
    version: int


class Row(NamedTuple):
    """A stored record; a tuple because a page holds thousands of them."""

    seq: int
    author: str
    time: int
    sent: int
    kind: int
    content_type: str
    body: bytes

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body)


class NewRow(NamedTuple):
    """A record to store.

    ``sum_before`` and ``bytes_before`` are what all records before it in its log came to: their fingerprints,
    modulo ``SUM_STOP``, and their bodies. So what lies between two records is a difference.
    """

    channel_id: int
    seq: int
    author_id: int
    time: int
    sent: int
    kind: int
    content_type: str
    body: bytes
    sum_before: int = 0
    bytes_before: int = 0


class Head(NamedTuple):
    """Where a log stands after a batch.

    Attributes:
        seq: the highest given.
        time: the highest given, Unix milliseconds.
        revised: how many edits and deletes the batch added.
        sum: of the fingerprints of all records ever stored, modulo ``SUM_STOP``.
        body_bytes: of all bodies ever stored.
    """

    seq: int
    time: int
    revised: int = 0
    sum: int = 0
    body_bytes: int = 0


class Stand(NamedTuple):
    """How far a log has come.

    Attributes:
        log_id: the store's key.
        epoch: its incarnation.
        head: the highest seq given.
    """

    log_id: int
    epoch: int
    head: int


class Sums(NamedTuple):
    """What some seqs of a log come to; see `Store.tally`.

    Attributes:
        records: how many of them have a record.
        body_bytes: of these records' bodies.
        fingerprint: of the records together, modulo ``SUM_STOP`` (`tidelog.wire.fingerprints`).
    """

    records: int = 0
    body_bytes: int = 0
    fingerprint: int = 0


class Chosen(NamedTuple):
    """What passes a filter.

    Attributes:
        seqs: that pass; some may have no record.
        rest: that were not looked at: they come later in the order asked for.
        looked: how many that do not pass were looked at.
    """

    seqs: RangeSet
    rest: RangeSet
    looked: int = 0
