"""Which records prime a parcel: the same walk on both sides (SPEC.md, "Parcel").

Unlike a page's (`tidelog.codec.context`) this context is named by its newest record: neither side has to know
what the other knows. And deflate looks back over 32 KiB only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from tidelog.codec import bodies
from tidelog.wire.limits import (
    PARCEL_BODY_BYTES_MAX,
    PARCEL_CONTEXT_BYTES_MAX,
    PARCEL_CONTEXT_RECORDS_MAX,
)


class Held(NamedTuple):
    """A record that both sides hold.

    Attributes:
        left_out: bytes of the body that are not in ``body``: of a large one a device may hold less.
    """

    seq: int
    time: int
    body: bytes
    left_out: int = 0

    @property
    def primes(self) -> bool:
        """Whether the body is small enough for the text."""
        return len(self.body) + self.left_out <= PARCEL_BODY_BYTES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What primes a parcel.

    Attributes:
        text: bodies as `tidelog.codec.bodies.joined` writes them, by seq.
        time: of the newest record, Unix milliseconds.
        seqs: all that the walk took, those with a body too large for the text too; descending.
        full: whether the walk ended because it had enough, so that records below would change nothing.
    """

    text: bytes = field(repr=False)
    time: int
    seqs: tuple[int, ...]
    full: bool


def walk(newest_first: Iterable[Held]) -> Preset | None:
    """Take records until the next would pass ``PARCEL_CONTEXT_BYTES_MAX``.

    Args:
        newest_first: descending by seq; read only as far as needed, at most one record more than
            ``PARCEL_CONTEXT_RECORDS_MAX``.

    Returns:
        what primes a parcel, ``None`` for no records.
    """
    taken: list[Held] = []
    size, full = 0, False
    for record in islice(newest_first, PARCEL_CONTEXT_RECORDS_MAX + 1):
        size += _cost(record)
        full = size > PARCEL_CONTEXT_BYTES_MAX or len(taken) == PARCEL_CONTEXT_RECORDS_MAX
        if full:
            break
        taken.append(record)
    if not taken:
        return None
    short = [record.body for record in reversed(taken) if record.primes]
    return Preset(
        text=bodies.joined(short), time=taken[0].time, seqs=tuple(record.seq for record in taken), full=full
    )


def _cost(record: Held) -> int:
    """Bytes in the text; a body that is too large for it counts too, or a walk over such would not end."""
    return bodies.size(record.body) if record.primes else PARCEL_BODY_BYTES_MAX
