"""What an answer may cost in time: codec, order, context, by what they save and how busy the service is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from tidelog.codec import ppmd
from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import Ppmd
from tidelog.wire import models
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.limits import PAGE_BYTES_MAX


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


def pick(
    codecs: Collection[int], *, context_bytes: int, text_bytes: int, first_bytes: int, waiting: int
) -> Effort:
    """Choose.

    Args:
        codecs: ids that the device can decode.
        context_bytes: the most that both sides allow; what is spent is a size that a page can name.
        text_bytes: of the bodies that may go.
        first_bytes: of the first of them, with its end.
        waiting: requests in the batch.
    """
    del waiting
    # Between two sizes a page names the lower: the service must not prime with more than the device will.
    context_bytes = models.context_bytes(models.context_code(context_bytes))
    if Ppmd.id in codecs and ppmd.available():
        wanted = (64 << 10) if text_bytes <= _SMALL_BYTES else (128 << 10)
        return Effort(Ppmd.id, ppmd.ORDER, min(wanted, context_bytes))
    # A large body of many zeros fits no packet as it is: there every device has to inflate.
    if Deflate.id in codecs or first_bytes > PAGE_BYTES_MAX:
        return Effort(Deflate.id, ppmd.ORDER, min(32 << 10, context_bytes))
    return Effort(CODEC_NONE, ppmd.ORDER, min(32 << 10, context_bytes))
