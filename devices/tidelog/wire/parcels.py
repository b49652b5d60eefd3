"""A batch of an outbox with its bodies deflated, as it is before it is expanded (SPEC.md, "Parcel").

It is expanded in a second step, because that takes records that the reader has to fetch first:
`tidelog.codec.parcels`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tidelog.wire.ranges import EMPTY, RangeSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Which records of a channel a parcel builds on, and how to tell whether the reader has the same.

    Attributes:
        channel: the channel's name.
        last: the newest of the records; the others are those below it.
        holes: seqs below ``last`` that are passed over.
        check: ``PARCEL_CHECK_BYTES`` over what another context would garble.
    """

    channel: str
    last: int
    holes: RangeSet = EMPTY
    check: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A batch of an outbox, not yet expanded; the sequences have one entry a message.

    Attributes:
        outbox: the outbox's 4 bytes.
        numbers: of the messages, ascending strictly.
        channels: their channels.
        sents: by the device's clock, Unix milliseconds, less the time of the newest record of the basis;
            of any size until the parcel is expanded.
        kinds: as in `tidelog.wire.frames.Message`.
        content_types: likewise.
        basis: what both sides hold and the parcel builds on; ``None`` for nothing.
        deflated: the bodies.
    """

    outbox: bytes
    numbers: tuple[int, ...]
    channels: tuple[str, ...]
    sents: tuple[int, ...]
    kinds: tuple[int, ...]
    content_types: tuple[str, ...]
    basis: Basis | None = None
    deflated: bytes = field(repr=False)
