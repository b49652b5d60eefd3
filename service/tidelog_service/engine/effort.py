"""What an answer may cost in time: codec, order, context, by what they save and how busy the service is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from tidelog.codec import ppmd
from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import Ppmd
from tidelog.wire.frames import CODEC_NONE


class Effort(NamedTuple):
    """What to spend on an answer.

    Attributes:
        codec: its id.
        order: of PPMd.
        context_bytes: of held bodies that prime it; 0 for no history of the columns either.
    """

    codec: int
    order: int
    context_bytes: int


_SMALL_BYTES: Final = 4_096


def pick(codecs: Collection[int], *, context_bytes: int, text_bytes: int, waiting: int) -> Effort:
    """Choose."""
    del waiting
    if Ppmd.id in codecs and ppmd.available():
        wanted = (64 << 10) if text_bytes <= _SMALL_BYTES else (128 << 10)
        return Effort(Ppmd.id, ppmd.ORDER, min(wanted, context_bytes))
    if Deflate.id in codecs:
        return Effort(Deflate.id, ppmd.ORDER, min(32 << 10, context_bytes))
    return Effort(CODEC_NONE, ppmd.ORDER, min(32 << 10, context_bytes))
