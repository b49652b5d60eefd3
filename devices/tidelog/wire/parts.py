"""Which records a page has: the beginning of its range-coded string (SPEC.md, "Page").

Seqs are not told: a part has all that its channel lacks, less those left out at the end that comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX, PAGE_RECORDS_MAX, SEQ_STOP
from tidelog.wire.quantities import Numbers, Reader, Way, Writer
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standing
from tidelog.wire.varint import unzigzag, zigzag

_LEAST: Final = tuple(range(1, 9))
_COUNTS: Final = ((1, 1, 1, 1, 2, 2),)
_GAPS: Final = ((0, 0, 0, 0, 0, 0, 0, 0, 1, 1),)
_LEFT: Final = ((0, 0, 0, 0, 0, 0),)
_ADVANCES: Final = tuple((zigzag(n),) for n in (*_LEAST, 10, 13, 16, 20, 30, 50, 100, 200))
_SIZES: Final = tuple((n,) for n in (40, 60, 80, 100, 150, 200, 300, 500, 800, 1_500, 3_000, 8_000, 40_000))
"""What primes the models of the numbers: one channel, or neighbours, some records, nothing left out."""


class Part(NamedTuple):
    """What a page has of one channel.

    Attributes:
        place: the channel's, in the account.
        head: the highest seq that the device may read.
        left: how many of the seqs that it lacks are not in this page.
    """

    place: int
    head: int
    left: int


class _Models:
    """One model for each kind of number."""

    def __init__(self) -> None:
        self.count = Numbers(_COUNTS)
        self.gap = Numbers(_GAPS)
        self.advance = Numbers(_ADVANCES)
        self.left = Numbers(_LEFT)
        self.size = Numbers(_SIZES)


def encode(way: Writer, standings: Sequence[Standing], parts: Sequence[Part], size: int) -> None:
    """Write the parts of a page, ascending by place, and the size of its text in bytes."""
    models = _Models()
    way.number(models.count, 0, len(parts))
    for before, part in pairwise([Part(-1, 0, 0), *parts]):
        way.number(models.gap, 0, part.place - before.place - 1)
        way.number(models.advance, 0, zigzag(part.head - standings[part.place].head))
        way.number(models.left, 0, part.left)
    way.number(models.size, 0, size)


def decode(way: Reader, standings: Sequence[Standing]) -> tuple[list[Part], int]:
    """Read the parts of a page and the size of its text.

    Args:
        way: from a peer, of any content.
        standings: the account, as the page's header leaves it.

    Raises:
        ProtocolError: a place is outside the account, a head or the size beyond its limit.
    """
    models = _Models()
    parts: list[Part] = []
    place = -1
    for _ in range(_bounded(way, models.count, len(standings) + 1, "parts")):
        place += 1 + way.number(models.gap, 0)
        if place >= len(standings):
            raise ProtocolError(f"channel {place} of {len(standings)}")
        head = standings[place].head + unzigzag(way.number(models.advance, 0))
        if not 0 <= head < SEQ_STOP:
            raise ProtocolError("a head is beyond the limit", wire_code=Code.LIMIT)
        parts.append(Part(place, head, way.number(models.left, 0)))
    return parts, _bounded(way, models.size, PAGE_BODIES_BYTES_MAX + 1, "bytes of bodies")


def taken(lacking: Sequence[RangeSet], parts: Sequence[Part], *, oldest_first: bool) -> list[RangeSet]:
    """The seqs of each part.

    Args:
        lacking: what the device lacks of each part's channel.
        parts: from a peer.
        oldest_first: whether the newest are left out, else the oldest.

    Raises:
        ProtocolError: more is left out than is lacked, or there are too many records (code LIMIT).
    """
    if any(part.left > seqs.count for part, seqs in zip(parts, lacking, strict=True)):
        raise ProtocolError("a page leaves out more than is lacking")
    counts = [seqs.count - part.left for part, seqs in zip(parts, lacking, strict=True)]
    if sum(counts) > PAGE_RECORDS_MAX:
        raise ProtocolError(f"a page of more than {PAGE_RECORDS_MAX} records", wire_code=Code.LIMIT)
    return [
        seqs.oldest(count) if oldest_first else seqs.newest(count)
        for seqs, count in zip(lacking, counts, strict=True)
    ]


def _bounded(way: Way, model: Numbers, stop: int, what: str) -> int:
    number = way.number(model, 0, 0)
    if number >= stop:
        raise ProtocolError(f"{what}: not below {stop}", wire_code=Code.LIMIT)
    return number
