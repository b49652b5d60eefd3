"""The packed form of `Enrol` and `Roster` (SPEC.md, "Enrol", "Roster")."""

from __future__ import annotations

from typing import Final

from tidelog.wire import fields
from tidelog.wire.cbor import Value
from tidelog.wire.enrolling import Action, Enrol, Role, Roster, checked
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Type
from tidelog.wire.layout import Layout
from tidelog.wire.limits import ENROL_USERS_MAX, EPOCH_STOP, REQUEST_ID_STOP

ENROL: Final = Layout(what="an enrol", required=3, defaults=([], int(Role.WRITER), 0), extensible=True)
ROSTER: Final = Layout(what="a roster", required=2, defaults=(0, None), extensible=True)

_FLAGS_STOP: Final = 256
_WINDOWED: Final = 1


def written(frame: Enrol | Roster) -> tuple[Type, list[Value]]:
    """Write either frame: its type, and the items of its array."""
    if isinstance(frame, Enrol):
        return Type.ENROL, from_enrol(frame)
    return Type.ROSTER, from_roster(frame)


def read(kind: int, items: list[Value]) -> Enrol | Roster:
    """Read either frame, by its type."""
    return to_enrol(items) if kind == Type.ENROL else to_roster(items)


def from_enrol(frame: Enrol) -> list[Value]:
    """Write a request."""
    flags = _WINDOWED if frame.windowed else 0
    return ENROL.trimmed(
        [frame.rid, int(frame.action), frame.channel, list(frame.users), int(frame.role), flags]
    )


def to_enrol(items: list[Value]) -> Enrol:
    """Read a request."""
    rid, action, channel, users, role, flags = ENROL.filled(items)
    if fields.uint(flags, _FLAGS_STOP, "flags") & ~_WINDOWED:
        raise ProtocolError("a flag of an enrol that is not known", wire_code=Code.UNSUPPORTED)
    listed = fields.items(users, ENROL_USERS_MAX, "users")
    return checked(
        Enrol(
            rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
            action=_action(action),
            channel="" if channel == "" else fields.channel(channel),
            users=tuple(fields.distinct([fields.user(user) for user in listed], "users")),
            role=_role(role),
            windowed=flags == _WINDOWED,
        )
    )


def from_roster(frame: Roster) -> list[Value]:
    """Write how a channel stands."""
    role = None if frame.role is None else int(frame.role)
    return ROSTER.trimmed([frame.rid, frame.channel, frame.epoch, role])


def to_roster(items: list[Value]) -> Roster:
    """Read how a channel stands."""
    rid, channel, epoch, role = ROSTER.filled(items)
    return Roster(
        rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
        channel=fields.channel(channel),
        epoch=fields.uint(epoch, EPOCH_STOP, "an epoch"),
        role=None if role is None else _role(role),
    )


def _action(value: object) -> Action:
    number = fields.uint(value, 2**16, "an action")
    try:
        return Action(number)
    except ValueError as error:
        raise ProtocolError(f"unknown action {number}", wire_code=Code.UNSUPPORTED) from error


def _role(value: object) -> Role:
    number = fields.uint(value, 2**16, "a role")
    try:
        return Role(number)
    except ValueError as error:
        raise ProtocolError(f"unknown role {number}", wire_code=Code.UNSUPPORTED) from error
