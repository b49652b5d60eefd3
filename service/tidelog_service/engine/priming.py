"""Pushes told after the records before them (SPEC.md, "Primed push")."""

from __future__ import annotations

from typing import Final

from tidelog.codec.priming import prime
from tidelog.wire import packed
from tidelog.wire.frames import KIND_DELETE, Push
from tidelog.wire.limits import CONTEXT_RECORDS_MAX
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.ports import Store

CONTEXT_BYTES: Final = 16_384
"""Bodies to read: 128 of chat are 9 KiB, and deflate looks back over 32."""


def primed(channel_id: int, push: Push, store: Store, *, start: int) -> bytes | None:
    """Write a push after the newest records below it that there are; one range read.

    Args:
        channel_id: of its channel.
        push: records of one epoch, as they were stored.
        store: outside a transaction.
        start: the lowest seq that all who get the push may read.

    Returns:
        the payload; ``None`` where nothing is below it, or it is too large.

    Raises:
        Unavailable: the store failed.
    """
    part = push.part
    rows = store.rows(
        channel_id,
        RangeSet([(start, max(start, part.records[0].seq))]),
        records_max=CONTEXT_RECORDS_MAX,
        bytes_max=CONTEXT_BYTES,
        newest_first=True,
    )
    # Deletes are void to whoever had nothing of what they delete.
    context = [row for row in rows[CONTEXT_RECORDS_MAX - 1 :: -1] if row.kind != KIND_DELETE]
    frame = prime(part.channel, part.epoch, part.records, context) if context else None
    return None if frame is None else packed.encode(frame)


def shortest(payload: bytes, other: bytes | None) -> bytes:
    """The other payload where there is one and it is smaller."""
    return payload if other is None or len(other) >= len(payload) else other
