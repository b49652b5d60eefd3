"""From a batch of an outbox to a parcel and back, deflated after records that both hold (SPEC.md, "Parcel").

The way up is deflate only: nobody expands PPMd that a peer sent in the process that serves all.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from tidelog.codec import bodies
from tidelog.codec.deflate import Deflate
from tidelog.codec.preset import Preset
from tidelog.wire import fields, series, varint
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Message, Messages
from tidelog.wire.limits import PARCEL_CHECK_BYTES, PARCEL_TEXT_BYTES_MAX, TIME_MS_STOP
from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.ranges import RangeSet

_DEFLATE: Final = Deflate()
_ZEROS: Final = 1
"""Deflate's fixed code ends a block with seven bits 0: the last byte mostly is 0, and then it is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the writer of a parcel builds it on.

    Attributes:
        channel: the channel of the records.
        preset: the records.
        floor: the lowest seq of the channel that the service has.
    """

    channel: str
    preset: Preset
    floor: int = 1

    @property
    def last(self) -> int:
        """The seq of the newest record."""
        return self.preset.seqs[0]

    @property
    def holes(self) -> RangeSet:
        """Seqs that the service may have and that its walk must pass over."""
        lowest = self.preset.seqs[-1]
        below = [] if self.preset.full or lowest <= self.floor else [(1, lowest)]
        return RangeSet([*below, (lowest, self.last + 1)]) - RangeSet.of(self.preset.seqs)

    def basis(self, check: bytes) -> Basis:
        """How to name it."""
        return Basis(channel=self.channel, last=self.last, holes=self.holes, check=check)


def pack(batch: Messages, ground: Ground | None) -> Parcel | None:
    """Compress a batch.

    Args:
        batch: of an outbox, with ascending numbers.
        ground: what it is to build on; ``None`` for nothing.

    Returns:
        a parcel, or ``None`` where the bodies are more than one may hold, or a message names an epoch.
    """
    if any(message.epoch for message in batch.messages):
        return None
    text = bodies.joined(message.body for message in batch.messages)[: -len(bodies.END)]
    if len(text) > PARCEL_TEXT_BYTES_MAX:
        return None
    sents = [message.sent for message in batch.messages]
    time = ground.preset.time if ground else 0
    return Parcel(
        outbox=batch.outbox,
        numbers=tuple(message.n for message in batch.messages),
        channels=tuple(message.channel for message in batch.messages),
        sents=tuple(sent - time for sent in sents),
        kinds=tuple(message.kind for message in batch.messages),
        content_types=tuple(message.content_type for message in batch.messages),
        basis=ground.basis(_check(sents, text)) if ground else None,
        deflated=_DEFLATE.shortest(text, ground.preset.text if ground else b"", zeros=_ZEROS),
    )


def expand(parcel: Parcel, preset: Preset | None) -> Messages:
    """Undo `pack`; work and memory are bounded whatever the parcel.

    Args:
        parcel: from a peer.
        preset: what this side has of the parcel's basis; ``None`` where it names none.

    Raises:
        ProtocolError: with code CONTEXT where this side has other records than the parcel builds on; where it
            builds on nothing, it is malformed or too large (code LIMIT).
    """
    if parcel.basis is None:
        return _expanded(parcel, b"", 0)[0]
    if preset is None:
        raise refusal()
    try:
        frame, text = _expanded(parcel, preset.text, preset.time)
    except ProtocolError as error:
        # Whatever is wrong with it, the other context may be why.
        raise refusal() from error
    if _check([message.sent for message in frame.messages], text) != parcel.basis.check:
        raise refusal()
    return frame


def refusal() -> ProtocolError:
    """The one answer to a parcel whose basis is not had, whyever: it tells nothing of what there is."""
    return ProtocolError("not the records that a parcel builds on", wire_code=Code.CONTEXT)


def _expanded(parcel: Parcel, context: bytes, time: int) -> tuple[Messages, bytes]:
    text = _DEFLATE.lengthened(parcel.deflated, PARCEL_TEXT_BYTES_MAX, context, zeros=_ZEROS)
    rows = zip(
        parcel.numbers,
        parcel.channels,
        [fields.body(body) for body in bodies.split(text + bodies.END, len(parcel.numbers))],
        parcel.kinds,
        series.bounded([sent + time for sent in parcel.sents], TIME_MS_STOP, "sent"),
        parcel.content_types,
        strict=True,
    )
    messages = [
        Message(n=n, channel=channel, body=body, kind=kind, sent=sent, content_type=content_type)
        for n, channel, body, kind, sent, content_type in rows
    ]
    return Messages(outbox=parcel.outbox, messages=tuple(messages)), text


def _check(sents: list[int], text: bytes) -> bytes:
    return zlib.crc32(text, zlib.crc32(varint.encode(sents))).to_bytes(PARCEL_CHECK_BYTES)
