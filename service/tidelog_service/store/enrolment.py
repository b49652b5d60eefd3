"""Adding users, channels and members, inside a transaction: what the registry and the import share."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Final

from peewee import Expression, Query, fn

from tidelog.wire.errors import UsageError
from tidelog.wire.limits import EPOCH_STOP, STATEMENTS_MAX
from tidelog_service.store.database import Database
from tidelog_service.store.keys import checked_channel
from tidelog_service.store.models import Channel, Generation, Member, Role, User

Clock = Callable[[], int]
"""Unix time in milliseconds."""

GENERATION_ROW: Final = 1
"""The key of the only row of `Generation`."""


def unix_ms() -> int:
    """The time, Unix milliseconds."""
    return time.time_ns() // 1_000_000


def insert_user(database: Database, name: str, now: int) -> int:
    """Add a user, whose name is valid and free.

    Returns:
        the new key.
    """
    return database.write(User.insert(name=name, created=now))


def new_epoch() -> int:
    """A fresh incarnation of a log: random, so that no two need a shared counter."""
    return secrets.randbelow(EPOCH_STOP - 1) + 1


def insert_channel(
    database: Database,
    name: str,
    now: int,
    *,
    windowed: bool = False,
    receipts: bool = False,
    epoch: int | None = None,
) -> int:
    """Add an empty channel, whose name is valid and free, in a fresh incarnation.

    Args:
        database: in a transaction.
        name: its name.
        now: Unix milliseconds.
        windowed: whether its members see what is written from joining to leaving, instead of all.
        epoch: of the incarnation; a new one where it is not given.
        receipts: whether they hear how far others have come.

    Returns:
        the new key.

    Raises:
        UsageError: there is no room for another (``channels_full``).
    """
    row = Channel.insert(
        name=name, epoch=epoch or new_epoch(), created=now, windowed=windowed, receipts=receipts
    )
    return checked_channel(database.write(row))


def insert_member(
    database: Database, channel_id: int, user_id: int, now: int, *, role: Role = Role.WRITER
) -> None:
    """Add a user, who is none now, to the members of a channel.

    Where members see what is written from joining to leaving, one who comes back begins anew.

    Raises:
        UsageError: the user is in as many channels as a device can keep in step (``memberships_full``).
    """
    mine = Member.select(fn.COUNT(Member.channel)).where(
        (Member.user == user_id) & (Member.channel != channel_id)
    )
    ((count,),) = database.select(mine)
    if count >= STATEMENTS_MAX:
        raise UsageError(
            f"a user is in {count} channels already, and may be in {STATEMENTS_MAX}",
            code="memberships_full",
            hint="`tidelog channel leave` ends a membership; its records stay",
        )
    ((head, windowed),) = database.select(
        Channel.select(Channel.head, Channel.windowed).where(Channel.id == channel_id)
    )
    database.write(Member.delete().where((Member.channel == channel_id) & (Member.user == user_id)))
    first = head + 1 if windowed else 1
    database.write(Member.insert(channel=channel_id, user=user_id, role=role, joined=now, first=first))


def end_member(database: Database, channel_id: int, user_id: int) -> bool:
    """End a membership; where members see what is written until they leave, the user may go on reading that.

    Returns:
        whether there was one.
    """
    ((head, windowed),) = database.select(
        Channel.select(Channel.head, Channel.windowed).where(Channel.id == channel_id)
    )
    ended: Query = Member.update(last=head) if windowed else Member.delete()
    membership: Expression = (Member.channel == channel_id) & (Member.user == user_id) & Member.last.is_null()
    return bool(database.write(ended.where(membership)))


def bump(database: Database) -> None:
    """Tell every cache, in whatever process, that users, devices, channels or members have changed."""
    database.write(Generation.update(n=Generation.n + 1).where(Generation.id == GENERATION_ROW))


def generation(database: Database) -> int:
    """The counter that `bump` raises."""
    rows = database.select(Generation.select(Generation.n).where(Generation.id == GENERATION_ROW))
    number: int = rows[0][0]
    return number
