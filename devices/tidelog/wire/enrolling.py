"""The frames with which devices make channels and say who is in them (SPEC.md, "Enrol", "Roster").

As with `tidelog.wire.frames`, validation of what a peer sent happens in the decoders.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from tidelog.wire.errors import ProtocolError


class Role(IntEnum):
    """What a member may do in a channel."""

    READER = 0
    WRITER = 1
    OWNER = 2
    """Writes, deletes what others wrote, and says who is a member."""

    @property
    def word(self) -> str:
        """The role as people and JSON see it."""
        return self.name.lower()


class Action(IntEnum):
    """What an `Enrol` asks for."""

    CREATE = 1
    DIRECT = 2
    INVITE = 3
    REMOVE = 4
    LEAVE = 5

    @property
    def word(self) -> str:
        """The action as people and JSON see it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrol:
    """A device asks to make a channel, or to change who is in one. Asked again, it changes nothing more.

    Attributes:
        rid: the request's id, echoed in the answer.
        action: what is asked.
        channel: the channel's name; empty for the conversation with a peer, whose name the service makes.
        users: whom to make members, or none any more; the peer of a conversation. Each once.
        role: what they may do there.
        windowed: whether a new channel has windows.
    """

    rid: int
    action: Action
    channel: str = ""
    users: tuple[str, ...] = ()
    role: Role = Role.WRITER
    windowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """How a channel stands for the user of the device that this goes to.

    Attributes:
        rid: the id of the request that it answers; 0 where somebody else changed it.
        channel: the channel's name.
        epoch: of the channel; 0 where the user may read nothing of it.
        role: what the user may do; ``None`` for one who is no member.
    """

    rid: int
    channel: str
    epoch: int = 0
    role: Role | None = None


def checked(frame: Enrol) -> Enrol:
    """The request of a peer, which says what its action needs and nothing else; both decoders share this.

    Raises:
        ProtocolError: otherwise.
    """
    action, word = frame.action, frame.action.word
    if bool(frame.channel) == (action is Action.DIRECT):
        raise ProtocolError(f"{word}: a channel is named by all but 'direct'")
    if action is Action.DIRECT and len(frame.users) != 1:
        raise ProtocolError("direct: names one user")
    if action in (Action.INVITE, Action.REMOVE) and not frame.users:
        raise ProtocolError(f"{word}: names no user")
    if action is Action.LEAVE and frame.users:
        raise ProtocolError("leave: names no users")
    if frame.windowed and action is not Action.CREATE:
        raise ProtocolError(f"{word}: windows are for 'create'")
    if frame.role is not Role.WRITER and action not in (Action.CREATE, Action.INVITE):
        raise ProtocolError(f"{word}: gives no role")
    return frame
