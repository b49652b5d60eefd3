"""The JSON form of `Enrol` and `Roster` (SPEC.md, "JSON")."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TypeVar

from tidelog.wire import fields
from tidelog.wire.enrolling import Action, Enrol, Role, Roster, checked
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.jsontext import JsonValue, Object
from tidelog.wire.limits import ENROL_USERS_MAX, EPOCH_STOP, REQUEST_ID_STOP

_T = TypeVar("_T", bound=IntEnum)

_ROLES: Final = {role.word: role for role in Role}
_ACTIONS: Final = {action.word: action for action in Action}


def written(frame: Enrol | Roster) -> dict[str, JsonValue]:
    """Write either frame."""
    return from_enrol(frame) if isinstance(frame, Enrol) else from_roster(frame)


def from_enrol(frame: Enrol) -> dict[str, JsonValue]:
    """Write a request."""
    given: dict[str, JsonValue] = {"type": "enrol", "id": frame.rid, "action": frame.action.word}
    if frame.channel:
        given["channel"] = frame.channel
    if frame.users:
        given["users"] = list(frame.users)
    if frame.role is not Role.WRITER:
        given["role"] = frame.role.word
    if frame.windowed:
        given["windowed"] = True
    return given


def to_enrol(given: Object) -> Enrol:
    """Read a request."""
    frame = Enrol(
        rid=given.uint("id", REQUEST_ID_STOP, default=0),
        action=_word(given.take("action"), _ACTIONS, "action"),
        channel=given.optional("channel", fields.channel, ""),
        users=given.optional("users", _users, ()),
        role=given.optional("role", _role, Role.WRITER),
        windowed=given.flag("windowed"),
    )
    given.done()
    return checked(frame)


def from_roster(frame: Roster) -> dict[str, JsonValue]:
    """Write how a channel stands."""
    given: dict[str, JsonValue] = {"type": "roster", "id": frame.rid, "channel": frame.channel}
    if frame.epoch:
        given["epoch"] = frame.epoch
    if frame.role is not None:
        given["role"] = frame.role.word
    return given


def to_roster(given: Object) -> Roster:
    """Read how a channel stands."""
    frame = Roster(
        rid=given.uint("id", REQUEST_ID_STOP, default=0),
        channel=fields.channel(given.take("channel")),
        epoch=given.uint("epoch", EPOCH_STOP, default=0),
        role=given.optional("role", _role, None),
    )
    given.done()
    return frame


def _users(value: object) -> tuple[str, ...]:
    listed = fields.items(value, ENROL_USERS_MAX, "users")
    return tuple(fields.distinct([fields.user(user) for user in listed], "users"))


def _role(value: object) -> Role:
    return _word(value, _ROLES, "role")


def _word(value: object, known: dict[str, _T], what: str) -> _T:
    if not isinstance(value, str):
        raise ProtocolError(f"{what} is no word: {fields.shown(value)}")
    if value not in known:
        raise ProtocolError(f"unknown {what} {fields.shown(value)}", wire_code=Code.UNSUPPORTED)
    return known[value]
