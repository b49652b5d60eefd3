"""Adding users, channels and members, inside a transaction: what the registry and the import share."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Final

from peewee import fn

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


def insert_channel(database: Database, name: str, now: int) -> int:
    """Add an empty channel, whose name is valid and free, in a fresh incarnation.

    Returns:
        the new key.

    Raises:
        UsageError: there is no room for another (``channels_full``).
    """
    epoch = secrets.randbelow(EPOCH_STOP - 1) + 1
    return checked_channel(database.write(Channel.insert(name=name, epoch=epoch, created=now)))


def insert_member(database: Database, channel_id: int, user_id: int, now: int) -> None:
    """Add a user, who is none yet, to the members that may read and write.

    Raises:
        UsageError: the user is in as many channels as a device can keep in step (``memberships_full``).
    """
    ((count,),) = database.select(Member.select(fn.COUNT(Member.channel)).where(Member.user == user_id))
    if count >= STATEMENTS_MAX:
        raise UsageError(
            f"a user is in {count} channels already, and may be in {STATEMENTS_MAX}",
            code="memberships_full",
            hint="`tidelog channel leave` ends a membership; its records stay",
        )
    database.write(Member.insert(channel=channel_id, user=user_id, role=Role.WRITER, joined=now))


def bump(database: Database) -> None:
    """Tell every cache, in whatever process, that users, devices, channels or members have changed."""
    database.write(Generation.update(n=Generation.n + 1).where(Generation.id == GENERATION_ROW))


def generation(database: Database) -> int:
    """The counter that `bump` raises."""
    rows = database.select(Generation.select(Generation.n).where(Generation.id == GENERATION_ROW))
    number: int = rows[0][0]
    return number
