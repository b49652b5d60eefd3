"""Channels and members on a database, for devices that change them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager

from peewee import Expression, ModelSelect, fn

from tidelog.wire.enrolling import Role
from tidelog_service.engine.rolls import Rolls, Room, Standing
from tidelog_service.store import enrolment
from tidelog_service.store.database import Database
from tidelog_service.store.models import Channel, Device, Founding, Member, User


class RollStore(Rolls):
    """`tidelog_service.engine.rolls.Rolls` on a database; see there for what each method promises.

    Args:
        database: open and migrated; it stays the caller's to close.
        epochs: where the incarnations of new channels come from.
    """

    def __init__(self, database: Database, *, epochs: Callable[[], int] = enrolment.new_epoch) -> None:
        """See the class."""
        self._database = database
        self._epochs = epochs

    def transaction(self) -> AbstractContextManager[None]:
        """See `Rolls.transaction`."""
        return self._database.transaction()

    def room(self, channel: str, user_id: int) -> Room | None:
        """See `Rolls.room`."""
        named = Channel.select(Channel.id, Founding.user, Founding.terms).where(Channel.name == channel)
        found = self._database.select(named.left_outer_join(Founding))
        if not found:
            return None
        ((key, founder, said),) = found
        role = self.roles(key, [user_id]).get(user_id)
        return Room(key, role, founder or 0, bytes(said or b""))

    def user_ids(self, names: Collection[str]) -> dict[str, int]:
        """See `Rolls.user_ids`."""
        return dict(self._database.select(User.select(User.name, User.id).where(User.name.in_(list(names)))))

    def roles(self, channel_id: int, user_ids: Collection[int]) -> dict[int, Role]:
        """See `Rolls.roles`."""
        query = Member.select(Member.user, Member.role).where(_seated(channel_id))
        rows = self._database.select(query.where(Member.user.in_(list(user_ids))))
        return {user: Role(role) for user, role in rows}

    def members(self, channel_id: int, *, up_to: int, role: Role | None = None) -> int:
        """See `Rolls.members`."""
        seated = _seated(channel_id)
        if role is not None:
            seated &= Member.role == role
        return self._count(Member.select(Member.user).where(seated), up_to)

    def founded(self, user_id: int, *, up_to: int) -> int:
        """See `Rolls.founded`."""
        return self._count(Founding.select(Founding.channel).where(Founding.user == user_id), up_to)

    def found(self, channel: str, user_id: int, terms: bytes, *, windowed: bool, now_ms: int) -> int:
        """See `Rolls.found`."""
        key = enrolment.insert_channel(
            self._database, channel, now_ms, windowed=windowed, epoch=self._epochs()
        )
        self._database.write(Founding.insert(channel=key, user=user_id, terms=terms))
        return key

    def seat(self, channel_id: int, users: Mapping[int, Role], now_ms: int) -> None:
        """See `Rolls.seat`."""
        seated = self.roles(channel_id, users)
        for user, role in users.items():
            if user in seated:
                changed = Member.update(role=role).where(_seated(channel_id) & (Member.user == user))
                self._database.write(changed)
            else:
                enrolment.insert_member(self._database, channel_id, user, now_ms, role=role)

    def unseat(self, channel_id: int, user_ids: Collection[int]) -> None:
        """See `Rolls.unseat`."""
        for user in user_ids:
            enrolment.end_member(self._database, channel_id, user)

    def changed(self) -> None:
        """See `Rolls.changed`."""
        enrolment.bump(self._database)

    def standings(self, channel_id: int, user_ids: Collection[int]) -> dict[int, Standing]:
        """See `Rolls.standings`."""
        query = (
            Member.select(Member.user, Channel.epoch, Member.role, Member.first, Member.last)
            .join(Channel)
            .where((Member.channel == channel_id) & Member.user.in_(list(user_ids)))
        )
        found = {
            user: Standing(
                epoch if last is None or last >= first else 0, Role(role) if last is None else None
            )
            for user, epoch, role, first, last in self._database.select(query)
        }
        return {user: found.get(user, Standing()) for user in user_ids}

    def devices(self, user_ids: Collection[int]) -> Sequence[tuple[str, int]]:
        """See `Rolls.devices`."""
        active = Device.user.in_(list(user_ids)) & Device.revoked.is_null()
        query = Device.select(Device.id, Device.user).where(active).order_by(Device.id)
        return [(device, user) for device, user in self._database.select(query)]

    def _count(self, query: ModelSelect[Member] | ModelSelect[Founding], up_to: int) -> int:
        some = query.limit(up_to)
        ((count,),) = self._database.select(some.model.select(fn.COUNT("*")).from_(some))
        return int(count)


def _seated(channel_id: int) -> Expression:
    return (Member.channel == channel_id) & Member.last.is_null()
