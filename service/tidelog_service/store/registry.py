"""Users, devices, channels and members: what an operator changes, also beside a running service.

Every change is one transaction that raises the generation; the service sees it at its next call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from peewee import JOIN, Expression, Query

from tidelog.wire.errors import UsageError
from tidelog.wire.topics import checked_channel, checked_device, checked_user, direct_channel
from tidelog_service.engine.secrets import mosquitto_hash
from tidelog_service.store import credentials, enrolment
from tidelog_service.store.admission import Admission
from tidelog_service.store.database import Database
from tidelog_service.store.models import Channel, Clock, Device, Member, Role, User


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInfo:
    """A user.

    Attributes:
        name: unique.
        created: Unix milliseconds.
        devices: ids, revoked ones included, sorted.
        channels: names, sorted.
    """

    name: str
    created: int
    devices: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """A device.

    Attributes:
        device: its id.
        user: the name of its user.
        created: Unix milliseconds.
        revoked: when it was revoked, Unix milliseconds, or ``None``.
        skew: by how much its clock is ahead of the service's, milliseconds, below 0 behind; ``None`` where it
            has not written yet, or did not say when.
        measured: when that was, Unix milliseconds.
    """

    device: str
    user: str
    created: int
    revoked: int | None
    skew: int | None = None
    measured: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInfo:
    """A channel.

    Attributes:
        name: unique.
        epoch: its incarnation.
        head: the highest seq given; 0 for none.
        members: names of users, sorted.
        created: Unix milliseconds.
    """

    name: str
    epoch: int
    head: int
    members: tuple[str, ...]
    created: int


class Registry:
    """The deployment's users, devices and channels.

    Any thread may call any method. `admits` reads through a connection of its own, so that a client at the
    door never waits for a batch that is being stored.

    Args:
        database: where changes are made.
        now_ms: the clock, for times of creation.
    """

    def __init__(self, database: Database, *, now_ms: enrolment.Clock = enrolment.unix_ms) -> None:
        """See the class."""
        self._database = database
        self._now_ms = now_ms
        self._admission = Admission(database)

    def close(self) -> None:
        """Close the connection that `admits` reads through; the database stays open."""
        self._admission.close()

    def generation(self) -> int:
        """A number that every change to users, devices, channels or members raises."""
        return enrolment.generation(self._database)

    def add_user(self, name: str) -> None:
        """Add a user.

        Raises:
            UsageError: the name is not valid (``user_name``) or taken (``user_exists``).
        """
        checked_user(name)
        with self._changing():
            if self._database.select(User.select(User.id).where(User.name == name)):
                raise _exists("user", name)
            enrolment.insert_user(self._database, name, self._now_ms())

    def users(self) -> list[UserInfo]:
        """All users, by name."""
        devices = self._grouped(Device.select(Device.user, Device.id).order_by(Device.id))
        channels = self._grouped(
            Member.select(Member.user, Channel.name)
            .join(Channel)
            .where(Member.last.is_null())
            .order_by(Channel.name)
        )
        users = User.select(User.id, User.name, User.created).order_by(User.name)
        return [
            UserInfo(name=name, created=created, devices=devices[key], channels=channels[key])
            for key, name, created in self._database.select(users)
        ]

    def add_device(self, user: str, device: str, *, secret: str | None = None) -> str:
        """Add a device to a user.

        Args:
            user: an existing user's name.
            device: its id, unique in the deployment for all time.
            secret: at most 1,024 bytes of UTF-8; made here where it is not given.

        Returns:
            the secret, which is stored as a hash only.

        Raises:
            UsageError: ``no_user``, ``device_name``, ``device_exists``, ``device_revoked``, ``secret``.
        """
        checked_device(device)
        given = credentials.new_secret() if secret is None else _checked_secret(secret)
        stored = mosquitto_hash(given)
        with self._changing():
            self._refuse_known(device)
            row = Device.insert(
                id=device, user=self._user_id(user), secret=stored, created=self._now_ms(), revoked=None
            )
            self._database.write(row)
        return given

    def devices(self, user: str | None = None) -> list[DeviceInfo]:
        """All devices, or those of one user, by id.

        Raises:
            UsageError: ``no_user``.
        """
        fields = (Device.id, User.name, Device.created, Device.revoked, Clock.skew, Clock.measured)
        query = Device.select(*fields).join(User).switch(Device)
        query = query.join(Clock, JOIN.LEFT_OUTER, on=Device.id == Clock.device)
        if user is not None:
            query = query.where(Device.user == self._user_id(user))
        return [
            DeviceInfo(
                device=device, user=name, created=created, revoked=revoked, skew=skew, measured=measured
            )
            for device, name, created, revoked, skew, measured in self._database.select(
                query.order_by(Device.id)
            )
        ]

    def revoke_device(self, device: str) -> None:
        """Shut a device out for good; revoking it again changes nothing.

        Raises:
            UsageError: ``no_device``.
        """
        with self._changing():
            if not self._database.select(Device.select(Device.id).where(Device.id == device)):
                raise _missing("device", device)
            active: Expression = (Device.id == device) & Device.revoked.is_null()
            self._database.write(Device.update(revoked=self._now_ms()).where(active))

    def add_channel(
        self, name: str, members: Sequence[str], *, windowed: bool = False, receipts: bool = False
    ) -> None:
        """Add a channel.

        Args:
            name: unique.
            members: names of existing users; one named twice counts once.
            windowed: whether members see what is written from joining to leaving, also after that; else all
                of it, but only while they are members.
            receipts: whether members hear how far others have read, and what has been delivered to them.

        Raises:
            UsageError: ``channel_name``, ``channel_exists``, ``no_user``, ``channels_full``,
                ``memberships_full``.
        """
        checked_channel(name)
        with self._changing():
            if self._database.select(Channel.select(Channel.id).where(Channel.name == name)):
                raise _exists("channel", name)
            now = self._now_ms()
            channel_id = enrolment.insert_channel(
                self._database, name, now, windowed=windowed, receipts=receipts
            )
            for user in dict.fromkeys(members):
                enrolment.insert_member(self._database, channel_id, self._user_id(user), now)

    def add_direct(self, a: str, b: str, *, receipts: bool = False) -> str:
        """Add the conversation of two users.

        Args:
            a: an existing user's name.
            b: another one's.
            receipts: as in `add_channel`.

        Returns:
            the channel's name, the same whoever is named first.

        Raises:
            UsageError: ``user_name``, ``channel_name``, ``no_user``, ``channel_exists``, ``channels_full``,
                ``memberships_full``.
        """
        name = direct_channel(a, b)
        self.add_channel(name, (a, b), receipts=receipts)
        return name

    def join(self, channel: str, user: str, *, role: Role = Role.WRITER) -> None:
        """Make a user a member.

        Args:
            channel: its name.
            user: an existing user's name.
            role: what the user may do there.

        Raises:
            UsageError: ``no_channel``, ``no_user``, ``member_exists``, ``memberships_full``.
        """
        with self._changing():
            channel_id, user_id = self._channel_id(channel), self._user_id(user)
            if self._database.select(Member.select(Member.role).where(_membership(channel_id, user_id))):
                raise UsageError(
                    f"user {user!r} is a member of channel {channel!r} already",
                    code="member_exists",
                    hint="there is nothing to do; `tidelog channel list` shows who is a member",
                )
            enrolment.insert_member(self._database, channel_id, user_id, self._now_ms(), role=role)

    def leave(self, channel: str, user: str) -> None:
        """End a membership; the user's records stay.

        Where members see what is written from joining to leaving, the user may read that from now on.

        Raises:
            UsageError: ``no_channel``, ``no_user``, ``no_member``.
        """
        with self._changing():
            channel_id = self._channel_id(channel)
            if not enrolment.end_member(self._database, channel_id, self._user_id(user)):
                raise UsageError(
                    f"user {user!r} is not a member of channel {channel!r}",
                    code="no_member",
                    hint="`tidelog channel list` shows who is one",
                )

    def channels(self) -> list[ChannelInfo]:
        """All channels, by name."""
        members = self._grouped(
            Member.select(Member.channel, User.name)
            .join(User)
            .where(Member.last.is_null())
            .order_by(User.name)
        )
        query = Channel.select(Channel.id, Channel.name, Channel.epoch, Channel.head, Channel.created)
        return [
            ChannelInfo(name=name, epoch=epoch, head=head, members=members[key], created=created)
            for key, name, epoch, head, created in self._database.select(query.order_by(Channel.name))
        ]

    def admits(self, device: str, secret: str) -> bool:
        """Whether a client with this id and secret may connect; revoked and unknown devices may not.

        Takes about as long for an unknown device as for a wrong secret, and a few microseconds for one that
        was admitted before, until the generation changes.
        """
        return self._admission.admits(device, secret)

    def secret_hashes(self) -> list[tuple[str, str]]:
        """``(device, hash)`` of all that may connect: the lines of Mosquitto's ``password_file``, by id."""
        query = Device.select(Device.id, Device.secret).where(Device.revoked.is_null()).order_by(Device.id)
        return [(device, stored) for device, stored in self._database.select(query)]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._database.transaction():
            yield
            enrolment.bump(self._database)

    def _grouped(self, query: Query) -> defaultdict[int, tuple[str, ...]]:
        grouped: defaultdict[int, tuple[str, ...]] = defaultdict(tuple)
        for key, name in self._database.select(query):
            grouped[key] += (name,)
        return grouped

    def _refuse_known(self, device: str) -> None:
        rows = self._database.select(Device.select(Device.revoked).where(Device.id == device))
        if not rows:
            return
        if rows[0][0] is None:
            raise _exists("device", device)
        raise UsageError(
            f"device {device!r} was revoked, and an id is never used again",
            code="device_revoked",
            hint="give the device another id",
        )

    def _user_id(self, name: str) -> int:
        return self._key_of("user", name, User.select(User.id).where(User.name == name))

    def _channel_id(self, name: str) -> int:
        return self._key_of("channel", name, Channel.select(Channel.id).where(Channel.name == name))

    def _key_of(self, what: str, name: str, query: Query) -> int:
        rows = self._database.select(query)
        if not rows:
            raise _missing(what, name)
        key: int = rows[0][0]
        return key


def _membership(channel_id: int, user_id: int) -> Expression:
    return (Member.channel == channel_id) & (Member.user == user_id) & Member.last.is_null()


def _exists(what: str, name: str) -> UsageError:
    return UsageError(f"there is a {what} {name!r} already", code=f"{what}_exists", hint="take another name")


def _missing(what: str, name: str) -> UsageError:
    return UsageError(
        f"there is no {what} {name!r}",
        code=f"no_{what}",
        hint=f"`tidelog {what} list` shows those there are, `tidelog {what} add` adds one",
    )


def _checked_secret(secret: str) -> str:
    if 0 < len(secret.encode(errors="surrogatepass")) <= credentials.SECRET_BYTES_MAX:
        return secret
    raise UsageError(
        "a secret has 1 to 1,024 bytes", code="secret", hint="give none, and a random one is made"
    )
