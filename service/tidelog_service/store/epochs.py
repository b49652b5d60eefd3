"""Other epochs for logs that were set back, or may have been (SPEC.md, "Epochs")."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from peewee import Expression

from tidelog.wire.errors import UsageError
from tidelog.wire.limits import EPOCH_STOP
from tidelog_service.store import enrolment
from tidelog_service.store.database import Database
from tidelog_service.store.models import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Incarnation:
    """A log's incarnation.

    Attributes:
        channel: the channel's name.
        epoch: the log's.
        head: the highest seq given.
        renewed: when the epoch last changed, Unix milliseconds; ``None`` for never.
    """

    channel: str
    epoch: int
    head: int
    renewed: int | None


def incarnations(database: Database) -> list[Incarnation]:
    """Those of all channels, by name."""
    return _read(database, Channel.id > 0)


def fresh_epoch() -> int:
    """A random epoch."""
    return secrets.randbelow(EPOCH_STOP - 1) + 1


def renew(
    database: Database,
    ids: Collection[int],
    *,
    now_ms: enrolment.Clock = enrolment.unix_ms,
    fresh: Callable[[], int] = fresh_epoch,
) -> list[Incarnation]:
    """Give logs another epoch. Records and numbers stay; devices ask for all of it anew.

    Args:
        database: a service may run on it.
        ids: keys of channels.
        now_ms: the clock.
        fresh: makes an epoch that no log has had.

    Returns:
        what they are now, by name.
    """
    with database.transaction():
        for key in ids:
            other = {Channel.epoch: fresh(), Channel.renewed: now_ms()}
            database.write(Channel.update(other).where(Channel.id == key))
        enrolment.bump(database)
    return [one for key in ids for one in _read(database, Channel.id == key)]


def keys_of(database: Database, channels: Sequence[str]) -> list[int]:
    """The keys of channels by their names; of all where none is named.

    Raises:
        UsageError: there is no channel of this name (``no_channel``).
    """
    known: dict[str, int] = dict(
        database.select(Channel.select(Channel.name, Channel.id).order_by(Channel.id))
    )
    for name in channels:
        if name not in known:
            raise UsageError(
                f"there is no channel {name!r}",
                code="no_channel",
                hint="`tidelog channel list` shows those there are",
            )
    return [known[name] for name in channels] if channels else list(known.values())


def _read(database: Database, which: Expression) -> list[Incarnation]:
    columns = (Channel.name, Channel.epoch, Channel.head, Channel.renewed)
    rows = database.select(Channel.select(*columns).where(which).order_by(Channel.name))
    return [
        Incarnation(channel=name, epoch=epoch, head=head, renewed=renewed)
        for name, epoch, head, renewed in rows
    ]
