"""What an operator asks the database about one device; beside a running service, by index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from peewee import JOIN, Expression, fn

from tidelog.wire.errors import ProtocolError, UsageError
from tidelog.wire.frames import Presence
from tidelog.wire.limits import MESSAGE_WINDOW
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.insight import Claim, Membership
from tidelog_service.engine.tokens import load_kept
from tidelog_service.store.database import Database, Fields
from tidelog_service.store.keys import run_of, within
from tidelog_service.store.models import Channel, Device, Member, Record, Role, Sighting, Taken, Token, User

RUNS_WEIGHED_MAX: Final = 1_024
"""Runs of seqs that are weighed for one channel: a search each."""

WRITTEN_MAX: Final = 2 * MESSAGE_WINDOW
"""Receipts that are looked at: as many as one outbox has, and its old ones that are yet to be forgotten."""

_STANDS: Final = (Channel.id, Channel.name, Channel.epoch, Channel.head, Channel.floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """A device as the database knows it; times are Unix milliseconds.

    Attributes:
        device: its id.
        user_id: the key of its user.
        user: that user's name.
        created: when it was added.
        revoked: when it was revoked, or ``None``.
        seen: when it was last heard of; 0 for never.
        presence: what its status last said, or ``None``.
    """

    device: str
    user_id: int
    user: str
    created: int
    revoked: int | None
    seen: int
    presence: Presence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What a set of seqs comes to.

    Attributes:
        records: how many of them have a record; the others were edited or deleted.
        bytes: their bodies.
        whole: whether all of the set was looked at.
    """

    records: int
    bytes: int
    whole: bool


class Inspection:
    """Reads; nothing is changed.

    Args:
        database: open and migrated; it stays the caller's to close.
        records_max: seqs that all calls of `weigh` together look at: a device that has nothing lacks
            everything.
    """

    def __init__(self, database: Database, *, records_max: int = 200_000) -> None:
        """See the class."""
        self._database = database
        self._left = records_max
        weighed = Record.select(fn.COUNT(Record.id), fn.SUM(fn.LENGTH(Record.body)))
        self._weigh = database.compile(weighed.where((Record.id >= 0) & (Record.id < 0)))

    def device(self, name: str) -> DeviceFacts:
        """A device.

        Raises:
            UsageError: there is none (``no_device``).
        """
        columns = (Device.user, User.name, Device.created, Device.revoked, Sighting.time, Sighting.presence)
        query = (
            Device.select(*columns)
            .join(User)
            .join(Sighting, JOIN.LEFT_OUTER, on=(Sighting.device == Device.id))
            .where(Device.id == name)
        )
        for user_id, user, created, revoked, seen, presence in self._database.select(query):
            return DeviceFacts(
                device=name,
                user_id=user_id,
                user=user,
                created=created,
                revoked=revoked,
                seen=seen or 0,
                presence=None if presence is None else Presence(presence),
            )
        raise UsageError(
            f"there is no device {name!r}",
            code="no_device",
            hint="`tidelog device list` shows those there are",
        )

    def memberships(self, user_id: int) -> list[Membership]:
        """The channels that a user is in, or was and may still read, by name; their number is bounded."""
        return list(self._memberships(Member.user == user_id))

    def membership(self, user_id: int, channel: str) -> Membership:
        """A user in one channel, whether or not a member.

        Raises:
            UsageError: there is no such channel (``no_channel``).
        """
        found = [*self._memberships((Member.user == user_id) & (Channel.name == channel))]
        if found:
            return found[0]
        for fields in self._database.select(Channel.select(*_STANDS).where(Channel.name == channel)):
            key, name, epoch, head, floor = fields
            return Membership(key, name, epoch, head, floor, role="")
        raise UsageError(
            f"there is no channel {channel!r}",
            code="no_channel",
            hint="`tidelog channel list` shows those there are",
        )

    def claims(self, device: str) -> list[Claim]:
        """The device's tokens, the one used last first; what cannot be read stands for nothing."""
        query = Token.select(Token.account, Token.used).where(Token.device == device)
        found = []
        for account, used in self._database.select(query.order_by(Token.used.desc())):
            try:
                found.append(Claim(load_kept(account), used))
            except ProtocolError:
                continue
        return found

    def written(self, device: str) -> dict[int, RangeSet]:
        """What a device wrote, by channel's key, as far as its receipts are remembered."""
        query = Taken.select(Taken.channel_id, Taken.seq).where(Taken.device == device).limit(WRITTEN_MAX)
        found: dict[int, list[int]] = {}
        for channel_id, seq in self._database.select(query):
            found.setdefault(channel_id, []).append(seq)
        return {channel_id: RangeSet.of(seqs) for channel_id, seqs in found.items()}

    def weigh(self, channel_id: int, seqs: RangeSet) -> Weight:
        """How many records a set has and what their bodies take; the newest where it is too large."""
        runs = within(seqs).runs
        records = size = looked = 0
        for run in reversed(runs[-RUNS_WEIGHED_MAX:]):
            if not self._left:
                break
            start = max(run[0], run[1] - self._left)
            ((count, length),) = self._database.fetch(self._weigh, run_of(channel_id, (start, run[1])))
            records, size = records + count, size + (length or 0)
            looked += run[1] - start
            self._left -= run[1] - start
        return Weight(records=records, bytes=size, whole=looked == seqs.count)

    def _memberships(self, which: Expression) -> Iterator[Membership]:
        columns = (*_STANDS, Member.role, Member.first, Member.last)
        query = Member.select(*columns).join(Channel).where(which).order_by(Channel.name)
        yield from map(_membership, self._database.select(query))


def _membership(fields: Fields) -> Membership:
    *stands, role, first, last = fields
    key, name, epoch, head, floor = stands
    return Membership(key, name, epoch, head, floor, Role(role).name.lower(), first, last)
