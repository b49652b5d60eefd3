"""What a device's store has of a channel: read page by page, no traffic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidelog.replica.ports import Holding, Record, Shelf, Store
from tidelog.replica.revisions import shown
from tidelog.wire.frames import KIND_DELETE
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.topics import checked_channel

_READ_RECORDS: Final = 256
"""Records read from the store at a time."""


def holding_of(store: Store, channel: str) -> Holding | None:
    """What the device knows of a channel; ``None`` for nothing.

    Raises:
        UsageError: it is no channel's name.
        Unavailable: the store failed.
    """
    checked_channel(channel)
    return next((held for held in store.load().holdings if held.channel == channel), None)


def stored(
    shelf: Shelf, channel: str, epoch: int, *, start: int = 1, stop: int = SEQ_STOP
) -> Iterator[Record]:
    """The records of an epoch in ``[start, stop)`` as they were written, ascending by seq.

    Raises:
        Unavailable: the store failed.
    """
    while start < stop:
        page = shelf.records(channel, epoch, start=start, stop=stop, limit=_READ_RECORDS)
        yield from page
        if len(page) < _READ_RECORDS:
            return
        start = page[-1].seq + 1


def standing(
    shelf: Shelf, channel: str, epoch: int, *, start: int = 1, stop: int = SEQ_STOP
) -> Iterator[Record]:
    """The same as they now stand; deletes are left out."""
    found = stored(shelf, channel, epoch, start=start, stop=stop)
    return (shown(record) for record in found if record.kind != KIND_DELETE)


def records_of(store: Store, channel: str, *, start: int, stop: int) -> Iterator[Record]:
    """Those of the epoch that the channel is in.

    Raises:
        UsageError: it is no channel's name; like what else fails, not before the first record is asked for.
        Unavailable: the store failed.
    """
    holding = holding_of(store, channel)
    if holding is not None:
        yield from standing(store, channel, holding.epoch, start=start, stop=stop)
