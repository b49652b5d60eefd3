"""What devices may change of channels and members: the operator's policy, and where it is written down."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from tidelog.wire.enrolling import Role

NOBODY: Final = "nobody"
ANYBODY: Final = "anybody"

DIRECT_PREFIX: Final = "dm/"
"""Of the names of conversations, which nobody else may take: two users trust them."""

_USER: Final = "{user}"
_IN_PATTERN: Final = re.compile(r"(\{user\}|\*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator lets devices do.

    Attributes:
        create: which channels they may make: ``nobody``, ``anybody``, or patterns of names with commas
            between; ``{user}`` stands for the user's name, ``*`` for anything within a level.
        direct: whether they may make the conversation of their user with another one.
        invite: whether owners may invite, remove and give roles.
        leave: whether members may leave.
        channels_max: channels that a user may have made.
        members_max: of a channel that a device makes, or invites to.
    """

    create: str = NOBODY
    direct: bool = False
    invite: bool = True
    leave: bool = True
    channels_max: int = 100
    members_max: int = 256

    def may_create(self, channel: str, user: str) -> bool:
        """Whether a user's device may make a channel of this name."""
        if self.create == NOBODY or channel.startswith(DIRECT_PREFIX):
            return False
        patterns = (pattern.strip() for pattern in self.create.split(","))
        return self.create == ANYBODY or any(_fits(channel, pattern, user) for pattern in patterns)


def _fits(channel: str, pattern: str, user: str) -> bool:
    signs = {_USER: re.escape(user), "*": "[^/]*"}
    parts = (signs.get(part, re.escape(part)) for part in _IN_PATTERN.split(pattern))
    return re.fullmatch("".join(parts), channel) is not None


class Room(NamedTuple):
    """A channel as a user finds it.

    Attributes:
        id: the store's key.
        role: the user's, ``None`` for no member.
        founder: the key of the user who made it by a device; 0 for none.
        terms: what was said then.
    """

    id: int
    role: Role | None
    founder: int = 0
    terms: bytes = b""


class Standing(NamedTuple):
    """How a channel stands for a user, as a `tidelog.wire.enrolling.Roster` tells it."""

    epoch: int = 0
    role: Role | None = None


class Rolls(Protocol):
    """Channels and their members, to be changed. One thread at a time calls it.

    All but `transaction` and `standings` is called inside a transaction. Every method may raise
    `tidelog.wire.errors.Unavailable`; what is asked of a channel or a user is found by index.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """A write transaction: on disk when it ends without error, and nothing of it where it raises."""
        ...

    def room(self, channel: str, user_id: int) -> Room | None:
        """A channel by its name; ``None`` where there is none."""
        ...

    def user_ids(self, names: Collection[str]) -> dict[str, int]:
        """The keys of those users that there are."""
        ...

    def roles(self, channel_id: int, user_ids: Collection[int]) -> dict[int, Role]:
        """The roles of those users who are members."""
        ...

    def members(self, channel_id: int, *, up_to: int, role: Role | None = None) -> int:
        """How many members a channel has, in a role or in any; counted no further than ``up_to``."""
        ...

    def founded(self, user_id: int, *, up_to: int) -> int:
        """How many channels a user has made by devices; counted no further than ``up_to``."""
        ...

    def found(self, channel: str, user_id: int, terms: bytes, *, windowed: bool, now_ms: int) -> int:
        """Make a channel, whose name is free, without members; its key.

        Raises:
            UsageError: the store has no room for another.
        """
        ...

    def seat(self, channel_id: int, users: Mapping[int, Role], now_ms: int) -> None:
        """Make users members, or give members another role.

        Raises:
            UsageError: one is in as many channels as a device can keep in step.
        """
        ...

    def unseat(self, channel_id: int, user_ids: Collection[int]) -> None:
        """Make users members no longer; what may be read after that is as the channel's kind says."""
        ...

    def changed(self) -> None:
        """Tell every cache that members have changed."""
        ...

    def standings(self, channel_id: int, user_ids: Collection[int]) -> dict[int, Standing]:
        """How a channel stands for these users; one for each."""
        ...

    def devices(self, user_ids: Collection[int]) -> Sequence[tuple[str, int]]:
        """Devices of these users that are not revoked, with the user's key."""
        ...
