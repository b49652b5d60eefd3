"""What a device's store has of epochs that are over, for the application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidelog.replica.ports import Record, Store
from tidelog.replica.revisions import shown
from tidelog.wire.frames import KIND_DELETE
from tidelog.wire.limits import SEQ_STOP

_READ_RECORDS: Final = 256


def epochs_of(store: Store, channel: str) -> list[int]:
    """The epochs of a channel of which there are records, but for the one that it is in.

    Raises:
        Unavailable: the store failed.
    """
    return [epoch for name, epoch in store.load().earlier if name == channel]


def stranded_of(store: Store, channel: str) -> Iterator[Record]:
    """Their records as they stood, epoch by epoch, ascending by seq; deletes are left out.

    Raises:
        Unavailable: the store failed.
    """
    for epoch in epochs_of(store, channel):
        start = 1
        while start < SEQ_STOP:
            page = store.records(channel, epoch, start=start, stop=SEQ_STOP, limit=_READ_RECORDS)
            yield from (shown(record) for record in page if record.kind != KIND_DELETE)
            start = page[-1].seq + 1 if len(page) == _READ_RECORDS else SEQ_STOP
