"""Small pieces that unit tests are made of."""

from __future__ import annotations

from tidelog.codec.priming import prime
from tidelog.replica.ports import OutboxEntry
from tidelog.wire.frames import Part, Push, Record
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import EMPTY, RangeSet

EPOCH = 7


class Steady:
    """Dice that always show the same: no jitter, request ids from 1."""

    def random(self) -> float:
        return 0.0

    def randrange(self, _stop: int, /) -> int:
        return 0


def record(seq: int, *, body: bytes = b"", author: str = "ann", time: int = 1_000) -> Record:
    """A record as it travels; its body says its number where none is given."""
    body = body or b"record %d" % seq
    return Record(seq=seq, author=author, time=time, sent=time, body=body, size=len(body))


def part(
    channel: str = "room",
    *seqs: int,
    epoch: int = EPOCH,
    head: int = 0,
    floor: int = 1,
    voids: RangeSet = EMPTY,
) -> Part:
    """What a page or push says of a channel: these records."""
    head = max(head, *seqs, 0)
    records = tuple(record(seq) for seq in sorted(seqs))
    return Part(channel=channel, epoch=epoch, head=head, floor=floor, voids=voids, records=records)


def push(channel: str = "room", *seqs: int, epoch: int = EPOCH) -> Push:
    """A push of these records."""
    return Push(part=part(channel, *seqs, epoch=epoch))


def primed(*seqs: int, after: RangeSet, channel: str = "room", epoch: int = EPOCH) -> PrimedPush:
    """A push of these records after those."""
    frame = prime(channel, epoch, part(channel, *seqs).records, [record(seq) for seq in after])
    assert frame is not None
    return frame


def entry(n: int, *, channel: str = "room", body: bytes = b"", rejected: str = "") -> OutboxEntry:
    """A message in an outbox; its body says its number where none is given."""
    return OutboxEntry(
        n=n,
        channel=channel,
        kind=0,
        sent=500,
        content_type="",
        body=body or b"message %d" % n,
        rejected=rejected,
    )


def runs(*pairs: tuple[int, int]) -> RangeSet:
    """A set of half-open runs."""
    return RangeSet(pairs)
