"""The channels that a device knows, and how far users have come in them: read from its store, no traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tidelog.replica.ports import Holding, Mark, Store
from tidelog.wire.ranges import Run

_NONE: Final[Mapping[str, tuple[Run, ...]]] = {}
"""Nothing differs, as far as is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """What a device knows of a channel.

    Attributes:
        name: the channel's name.
        head: the highest seq known to exist.
        floor: the lowest seq that can still be had.
        held: how many records are in the device's store.
        unread: records above the user's read mark that others wrote and that are in the device's store:
            messages (kind 0, or from 16 on) that are not void; an edit is none, and with it what it edits.
            ``None`` until the device knows whose it is: with its first receipt, or its user's first mark.
        read: everything up to this seq was read by the user, on whatever device; 0 for nothing.
        delivered: everything up to this seq has arrived on one of the user's devices, as far as that is told
            (see `tidelog.device.Device.mark_read`).
        differing: half-open ranges of seqs whose records are not what the service has, as the last audit
            found and could not repair; forgotten when the process ends.
    """

    name: str
    head: int
    floor: int
    held: int
    unread: int | None = None
    read: int = 0
    delivered: int = 0
    differing: tuple[Run, ...] = ()


def channels_of(store: Store, differing: Mapping[str, tuple[Run, ...]] = _NONE) -> list[Channel]:
    """The channels that a device knows, by name.

    Args:
        store: the device's.
        differing: what the last audits found and could not repair, by channel.

    Raises:
        Unavailable: the store failed.
    """
    snapshot = store.load()
    own = {(one.channel, one.epoch): one for one in snapshot.marks if not one.user}
    return [
        replace(
            _channel(store, held, own.get((held.channel, held.epoch)), snapshot.user),
            differing=differing.get(held.channel, ()),
        )
        for held in sorted(snapshot.holdings, key=lambda held: held.channel)
    ]


def marks_of(store: Store, channel: str) -> list[Mark]:
    """How far other members have come, as far as the channel tells and the device knows, by user.

    Raises:
        Unavailable: the store failed.
    """
    snapshot = store.load()
    epochs = {held.channel: held.epoch for held in snapshot.holdings}
    now = channel, epochs.get(channel)
    return [one for one in snapshot.marks if one.user and (one.channel, one.epoch) == now]


def _channel(store: Store, held: Holding, mark: Mark | None, user: str) -> Channel:
    read = mark.read if mark else 0
    return Channel(
        name=held.channel,
        head=held.head,
        floor=held.floor,
        held=store.weight(held.channel, held.epoch).records,
        unread=store.written(held.channel, held.epoch, above=read, besides=user) if user else None,
        read=read,
        delivered=mark.delivered if mark else 0,
    )
