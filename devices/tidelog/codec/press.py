"""The bodies of a page, compressed up to a size: as many as there is room for (SPEC.md, "Bodies").

A page is bounded in bytes on the wire, and how far bodies compress shows only as they are compressed. PPMd
stops at the size in one pass; deflate is quick enough to try sizes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from tidelog.codec import bodies
from tidelog.codec.deflate import Deflate
from tidelog.codec.plain import Plain
from tidelog.codec.ppmd import Ppmd, memory_bytes
from tidelog.wire.errors import UsageError
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX

_RATIO_FIRST: Final = 4
"""Bytes of text for each of room that deflate tries first: enough for most logs, and not much too much."""

_TRIES_MAX: Final = 8

_SLACK: Final = 32
"""Deflate may leave one part in so many of the room unused, and aims at half of it: more tries cost more."""


class PressJob(NamedTuple):
    """What to compress.

    Attributes:
        codec: its id.
        order: of PPMd, in `tidelog.codec.ppmd.ORDERS`; the others pass it over.
        context: what both sides hold, as `tidelog.codec.bodies.joined` writes it; empty for none.
        bodies: in the order of the page. Those with which the text would pass ``PAGE_BODIES_BYTES_MAX``
            are passed over.
        room_bytes: what the data may take.
        first_always: take the first body whatever it takes, so that a page brings something.
    """

    codec: int
    order: int
    context: bytes
    bodies: tuple[bytes, ...]
    room_bytes: int
    first_always: bool


class Pressed(NamedTuple):
    """What came of it.

    Attributes:
        codec: that of the job, or ``CODEC_NONE`` where that is no longer.
        data: at most ``room_bytes``, but for a first body that is always taken.
        taken: how many bodies are in it, from the first.
        memory_bytes: of PPMd's model, a power of two: the receiver needs it. 0 for the other codecs.
    """

    codec: int
    data: bytes
    taken: int
    memory_bytes: int


def press(job: PressJob) -> Pressed:
    """Compress the first bodies, as many as there is room for.

    Deterministic. Takes time by the context and by the text that it tries: with PPMd that is the text taken
    and one body.

    Raises:
        UsageError: there is no such codec here, or no such order.
    """
    ends = list(accumulate(bodies.size(body) for body in job.bodies))
    parts = [bodies.joined([body]) for body in job.bodies[: bisect_right(ends, PAGE_BODIES_BYTES_MAX)]]
    pressed = _by_codec(job, parts, ends)
    if pressed.taken and len(pressed.data) < ends[pressed.taken - 1]:
        return pressed
    return _plain(job, parts, ends)


def _by_codec(job: PressJob, parts: Sequence[bytes], ends: Sequence[int]) -> Pressed:
    if job.codec == Ppmd.id:
        return _by_ppmd(job, parts)
    if job.codec == Deflate.id:
        return _by_deflate(job, parts, ends)
    if job.codec == Plain.id:
        return _plain(job, parts, ends)
    raise UsageError(f"no codec {job.codec}", code="codec")


def _plain(job: PressJob, parts: Sequence[bytes], ends: Sequence[int]) -> Pressed:
    fitting = bisect_right(ends, job.room_bytes)
    taken = min(max(fitting, int(job.first_always)), len(parts))
    return Pressed(Plain.id, b"".join(parts[:taken]), taken, 0)


def _by_ppmd(job: PressJob, parts: Sequence[bytes]) -> Pressed:
    memory = memory_bytes(len(job.context) + sum(map(len, parts)))
    filled = Ppmd(job.order).fill(
        parts, job.context, job.room_bytes, memory=memory, first_always=job.first_always
    )
    return Pressed(Ppmd.id, filled.data, filled.taken, memory)


def _by_deflate(job: PressJob, parts: Sequence[bytes], ends: Sequence[int]) -> Pressed:
    """Try numbers of bodies, by the ratio of the try before."""
    best = Pressed(Deflate.id, b"", 0, 0)
    over = len(parts) + 1
    count = _reaching(ends, _RATIO_FIRST * job.room_bytes, best.taken, over)
    for _ in range(_TRIES_MAX):
        if over - best.taken <= 1 or len(best.data) > job.room_bytes - job.room_bytes // _SLACK:
            break
        data = Deflate().compress(b"".join(parts[:count]), job.context)
        if len(data) <= job.room_bytes or (count == 1 and job.first_always):
            best = best._replace(data=data, taken=count)
        else:
            over = count
        aim = job.room_bytes - job.room_bytes // (2 * _SLACK)
        count = _reaching(ends, ends[count - 1] * aim // len(data), best.taken, over)
    return best


def _reaching(ends: Sequence[int], size: int, low: int, high: int) -> int:
    """How many bodies make a text of at most this size; between the two, exclusive."""
    return max(min(bisect_right(ends, size), high - 1), low + 1)
