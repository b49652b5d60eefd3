"""How hard an answer is compressed: by what it saves, and by how busy the service is.

Milliseconds of one core and bytes of bodies, 20 and 400 records missing, order 6:

| | chat, 20 | chat, 400 | telemetry, 20 | telemetry, 400 |
|---|---|---|---|---|
| deflate, 32 KiB | 0.2, 765 | 2.9, 14,598 | 0.2, 188 | 2.3, 3,290 |
| PPMd, none | 0.3, 883 | 5.6, 12,846 | 0.2, 238 | 2.5, 2,253 |
| PPMd, 4 KiB | 0.9, 704 | 6.1, 12,286 | 0.4, 112 | 2.7, 2,049 |
| PPMd, 16 KiB | 2.4, 614 | 7.6, 11,596 | 1.0, 102 | 3.3, 1,945 |
| PPMd, 32 KiB | 4.5, 573 | 9.4, 11,109 | 1.8, 97 | 4.2, 1,875 |
| PPMd, 64 KiB | 8.3, 535 | 13.1, 10,613 | 3.3, 94 | 5.7, 1,818 |
| PPMd, 128 KiB | 15.5, 500 | 20.3, 10,083 | 6.4, 90 | 8.7, 1,763 |
| PPMd, 256 KiB | 30.3, 475 | 35.4, 9,598 | 12.5, 88 | 14.8, 1,714 |

Half of the context is half of the time and 7 % more bytes of chat, so it is what load takes away first: a
batch takes each process about as long however many share it.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from tidelog.codec.deflate import WINDOW_BYTES, Deflate
from tidelog.codec.plain import Plain
from tidelog.codec.ppmd import ORDER, Ppmd
from tidelog.wire.limits import PAGE_BYTES_MAX
from tidelog.wire.models import context_bytes, context_code

_KIB: Final = 1 << 10

SMALL_BYTES: Final = 1 * _KIB
"""Bodies up to here, some 12 records, gain a dozen bytes by the next 64 KiB, which take 8 ms; 20 gain 35."""

_IDLE_SMALL: Final = 64 * _KIB
_IDLE_LARGE: Final = 128 * _KIB
"""With 256 a page of 100 records takes 15 ms more and is 5 % shorter."""

_BUSY_MIN: Final = 4 * _KIB
"""Less context than this is a load at which deflate serves."""

_BUSY_BODIES_MAX: Final = 256 * _KIB
"""Bodies that may wait at one process: 40 ms of PPMd for these alone."""


class Effort(NamedTuple):
    """How an answer is to be compressed.

    Attributes:
        codec: its id.
        order: of PPMd; the others pass it over.
        context_bytes: how much context may prime it, of `tidelog.wire.models.CONTEXTS_BYTES`.
    """

    codec: int
    order: int
    context_bytes: int


def effort(
    *,
    offered: AbstractSet[int],
    device_max: int,
    operator_max: int,
    bodies_bytes: int,
    waiting: float,
    first_bytes: int = 0,
) -> Effort:
    """Choose for one answer.

    Args:
        offered: ids of the codecs that the device has.
        device_max: bytes of context that the device has memory and time for.
        operator_max: bytes of context that the operator allows.
        bodies_bytes: what is about to go; an estimate will do.
        waiting: requests of the same batch beside this one, for each process that compresses.
        first_bytes: of the first of these bodies, with its end.
    """
    ceiling = min(device_max, operator_max)
    idle = _IDLE_SMALL if bodies_bytes <= SMALL_BYTES else _IDLE_LARGE
    wanted = idle >> int(waiting).bit_length()
    busy = wanted < _BUSY_MIN or bodies_bytes * (1 + int(waiting)) > max(_BUSY_BODIES_MAX, bodies_bytes)
    if Ppmd.id in offered and not (busy and Deflate.id in offered):
        return Effort(Ppmd.id, ORDER, _floor(min(max(wanted, _BUSY_MIN), ceiling)))
    # A large body of many zeros fits no packet as it is: there every device has to inflate.
    if Deflate.id in offered or first_bytes > PAGE_BYTES_MAX:
        return Effort(Deflate.id, ORDER, _floor(min(WINDOW_BYTES, ceiling)))
    # Without a codec there is no context; but a budget other than 0 also means that columns have history.
    return Effort(Plain.id, ORDER, _floor(min(_BUSY_MIN, ceiling)))


def _floor(size: int) -> int:
    """The largest budget of at most this size that a page can name."""
    return context_bytes(context_code(size))
