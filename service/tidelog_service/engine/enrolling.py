"""Channels and members as devices change them: one request, one transaction (SPEC.md, "Enrol").

Who asks is looked at before anything else is: to one who is no member there is no such channel, and only an
owner learns which users there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple, NoReturn, Protocol

from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.topics import direct_channel
from tidelog_service.engine.ports import Terminal
from tidelog_service.engine.rolls import Policy, Rolls, Room

_TERMS_BYTES: Final = 8

_DOES: Final = {
    Action.CREATE: "of this user make a channel of this name",
    Action.DIRECT: "begin conversations",
    Action.INVITE: "invite or give roles",
    Action.REMOVE: "remove members",
    Action.LEAVE: "leave channels",
}


class Enrolled(NamedTuple):
    """What a request came to; on disk.

    Attributes:
        roster: the answer.
        news: what other devices may be told, by device.
    """

    roster: Roster
    news: Mapping[str, Roster]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A request, and who makes it."""

    frame: Enrol
    terminal: Terminal
    now_ms: int

    @property
    def channel(self) -> str:
        """The channel's name, that of a conversation too."""
        if self.frame.action is not Action.DIRECT:
            return self.frame.channel
        (peer,) = self.frame.users
        if peer == self.terminal.user:
            _refuse(Code.DENIED, "a conversation needs another user")
        try:
            return direct_channel(self.terminal.user, peer)
        except UsageError as error:
            raise ProtocolError(str(error), wire_code=Code.LIMIT) from error


class Serving(Protocol):
    """Who serves requests about channels and members."""

    def serve(self, frame: Enrol, terminal: Terminal, now_ms: int) -> Enrolled:
        """See `Enroller.serve`."""
        ...


class NoRolls:
    """Serves none: devices change nothing."""

    def serve(self, frame: Enrol, terminal: Terminal, now_ms: int) -> Enrolled:
        """Refuse it.

        Raises:
            ProtocolError: always.
        """
        del frame, terminal, now_ms
        _refuse(Code.DENIED, "channels and members are the operator's to change")


class Enroller:
    """Serves requests about channels and members.

    Args:
        rolls: where they are written down.
        policy: what devices may do.
    """

    def __init__(self, rolls: Rolls, policy: Policy) -> None:
        """See the class."""
        self._rolls = rolls
        self._policy = policy

    def serve(self, frame: Enrol, terminal: Terminal, now_ms: int) -> Enrolled:
        """Do what a device asks, or nothing of it.

        Args:
            frame: the request.
            terminal: who asks; not revoked.
            now_ms: the service's clock, Unix milliseconds.

        Raises:
            ProtocolError: it may not be, with the code to answer with.
            Unavailable: the store failed; nothing was done.
        """
        call = _Call(frame=frame, terminal=terminal, now_ms=now_ms)
        self._permit(call)
        name = call.channel
        try:
            with self._rolls.transaction():
                room = self._rolls.room(name, terminal.user_id)
                room_id, concerned = self._DO[frame.action](self, call, room)
                if concerned:
                    self._rolls.changed()
        except UsageError as error:
            raise ProtocolError(str(error), wire_code=Code.LIMIT) from error
        return self._told(call, name, room_id, concerned)

    def _permit(self, call: _Call) -> None:
        frame, policy = call.frame, self._policy
        permitted = {
            Action.CREATE: policy.may_create(frame.channel, call.terminal.user),
            Action.DIRECT: policy.direct,
            Action.INVITE: policy.invite,
            Action.REMOVE: policy.invite,
            Action.LEAVE: policy.leave,
        }
        if not permitted[frame.action]:
            _refuse(Code.DENIED, f"the operator does not let devices {_DOES[frame.action]}")

    # Each gives the channel's key, 0 for none, and the users whom a change concerns.

    def _create(self, call: _Call, room: Room | None) -> tuple[int, set[int]]:
        me, said = call.terminal.user_id, terms(call.frame)
        if room is not None:
            if room.role is None or (room.founder, room.terms) != (me, said):
                _refuse(Code.CONFLICT, "the name is taken")
            return room.id, set()
        roles = dict.fromkeys(self._users(call).values(), call.frame.role) | {me: Role.OWNER}
        return self._found(call, roles, said)

    def _direct(self, call: _Call, room: Room | None) -> tuple[int, set[int]]:
        me = call.terminal.user_id
        if room is None:
            roles = dict.fromkeys([me, *self._users(call).values()], Role.WRITER)
            return self._found(call, roles, terms(call.frame))
        if room.role is not None:
            return room.id, set()
        self._rolls.seat(room.id, {me: Role.WRITER}, call.now_ms)
        return room.id, {me}

    def _found(self, call: _Call, roles: Mapping[int, Role], said: bytes) -> tuple[int, set[int]]:
        me, most = call.terminal.user_id, self._policy.channels_max
        if len(roles) > max(self._policy.members_max, 2 * (call.frame.action is Action.DIRECT)):
            _refuse(Code.LIMIT, f"a channel may have {self._policy.members_max} members")
        if self._rolls.founded(me, up_to=most) >= most:
            _refuse(Code.LIMIT, f"the user has made {most} channels already")
        windowed = call.frame.windowed
        room_id = self._rolls.found(call.channel, me, said, windowed=windowed, now_ms=call.now_ms)
        self._rolls.seat(room_id, roles, call.now_ms)
        return room_id, set(roles)

    def _invite(self, call: _Call, room: Room | None) -> tuple[int, set[int]]:
        room, users = self._owned(call, room)
        known = self._rolls.roles(room.id, users.values())
        role = call.frame.role
        wanted = {user: role for user in users.values() if known.get(user) is not role}
        most, fresh = self._policy.members_max, len(wanted.keys() - known.keys())
        if fresh and self._rolls.members(room.id, up_to=most) + fresh > most:
            _refuse(Code.LIMIT, f"a channel may have {most} members")
        self._rolls.seat(room.id, wanted, call.now_ms)
        self._keep_owner(room)
        return room.id, set(wanted)

    def _remove(self, call: _Call, room: Room | None) -> tuple[int, set[int]]:
        room, users = self._owned(call, room)
        return self._unseat(room, set(self._rolls.roles(room.id, users.values())))

    def _leave(self, call: _Call, room: Room | None) -> tuple[int, set[int]]:
        if room is None or room.role is None:
            return (0 if room is None else room.id), set()
        return self._unseat(room, {call.terminal.user_id})

    def _unseat(self, room: Room, users: set[int]) -> tuple[int, set[int]]:
        self._rolls.unseat(room.id, users)
        if room.role is Role.OWNER and self._policy.invite:
            self._keep_owner(room)
        return room.id, users

    def _owned(self, call: _Call, room: Room | None) -> tuple[Room, dict[str, int]]:
        """The channel, where it is the user's to change, and whom the request names."""
        if room is None or room.role is None:
            _refuse(Code.NO_CHANNEL, "no such channel")
        if room.role is not Role.OWNER:
            _refuse(Code.DENIED, "only owners say who is a member")
        return room, self._users(call)

    def _users(self, call: _Call) -> dict[str, int]:
        found = self._rolls.user_ids(call.frame.users)
        for name in call.frame.users:
            if name not in found:
                _refuse(Code.NO_USER, f"no user {name!r}")
        return found

    def _keep_owner(self, room: Room) -> None:
        """A channel with members that its owner has just left, or let go of, has another owner."""
        owners = self._rolls.members(room.id, up_to=1, role=Role.OWNER)
        if not owners and self._rolls.members(room.id, up_to=1):
            _refuse(Code.DENIED, "the last owner: make another member an owner first")

    def _told(self, call: _Call, name: str, room_id: int, concerned: set[int]) -> Enrolled:
        me, rid = call.terminal.user_id, call.frame.rid
        standings = self._rolls.standings(room_id, {me, *concerned})
        news = {
            device: Roster(rid=0, channel=name, epoch=standings[user].epoch, role=standings[user].role)
            for device, user in (self._rolls.devices(concerned) if concerned else ())
            if device != call.terminal.device
        }
        return Enrolled(
            Roster(rid=rid, channel=name, epoch=standings[me].epoch, role=standings[me].role), news
        )

    _DO: Final[Mapping[Action, Callable[[Enroller, _Call, Room | None], tuple[int, set[int]]]]] = {
        Action.CREATE: _create,
        Action.DIRECT: _direct,
        Action.INVITE: _invite,
        Action.REMOVE: _remove,
        Action.LEAVE: _leave,
    }


def terms(frame: Enrol) -> bytes:
    """A digest of what a request to make a channel says: by it one that comes again is known."""
    said = [b"%d %d" % (frame.windowed, frame.role), *sorted(user.encode() for user in frame.users)]
    return blake2b(b"\0".join(said), digest_size=_TERMS_BYTES).digest()


def _refuse(code: Code, text: str) -> NoReturn:
    raise ProtocolError(text, wire_code=code)
