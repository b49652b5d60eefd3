"""What a device's store has of epochs that are over, for the application."""

from __future__ import annotations

from collections.abc import Iterator

from tidelog.reading import standing
from tidelog.replica.ports import Record, Store


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
        yield from standing(store, channel, epoch)
