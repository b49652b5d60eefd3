"""Who takes part: users with one to three devices each, groups and direct conversations."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, count
from string import ascii_lowercase
from typing import Final

from tidelog.wire.topics import direct_channel

DEVICES_A_USER: Final = (1, 2, 2, 3)
"""Of one user, drawn evenly: most people have a phone and something else."""

_GROUP_MEMBERS: Final = (3, 8)
_USERS_A_GROUP: Final = 3
"""One group for so many users: everybody is in two or three channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A device and whose it is.

    Attributes:
        device: its id.
        user: the user's name.
    """

    device: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A channel of the fleet.

    Attributes:
        name: the channel's name.
        members: users, sorted; they may read and write from the beginning to the end.
    """

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Everybody and everything that takes part.

    Attributes:
        users: names.
        seats: one a device.
        rooms: one a channel.
    """

    users: tuple[str, ...]
    seats: tuple[Seat, ...]
    rooms: tuple[Room, ...]

    def readable(self, user: str) -> tuple[str, ...]:
        """Channels that the user may read and write."""
        return tuple(room.name for room in self.rooms if user in room.members)

    def foreign(self, user: str) -> tuple[str, ...]:
        """Channels that the user may not read."""
        return tuple(room.name for room in self.rooms if user not in room.members)


def free_tag(taken: Iterable[str]) -> str:
    """A prefix that no name has yet: ``f1`` on a fresh deployment, ``f2`` for the next fleet on it.

    Args:
        taken: names of users, devices and channels that exist.
    """
    names = tuple(taken)
    return next(tag for tag in map("f{}".format, count(1)) if not any(name.startswith(tag) for name in names))


def make_crew(devices: int, source: random.Random, *, tag: str) -> Crew:
    """Draw a crew; the same source draws the same crew.

    Args:
        devices: how many, at least 1.
        source: the randomness.
        tag: what every name begins with; short, for names travel.
    """
    seats = tuple(_seats(devices, source, tag))
    users = tuple(dict.fromkeys(seat.user for seat in seats))
    return Crew(users=users, seats=seats, rooms=tuple(_rooms(users, source, tag)))


def _seats(devices: int, source: random.Random, tag: str) -> Iterator[Seat]:
    left = devices
    for number in count(1):
        user = f"{tag}u{number}"
        # From two devices on there are two users: somebody has to talk to somebody.
        most = max(1, devices - 1) if number == 1 else left
        for letter in ascii_lowercase[: min(source.choice(DEVICES_A_USER), most, left)]:
            yield Seat(device=f"{user}{letter}", user=user)
            left -= 1
        if not left:
            return


def _rooms(users: tuple[str, ...], source: random.Random, tag: str) -> Iterator[Room]:
    waiting = set(users)
    for number in range(1, 2 + len(users) // _USERS_A_GROUP):
        members = source.sample(users, min(len(users), source.randint(*_GROUP_MEMBERS)))
        waiting -= set(members)
        yield Room(name=f"{tag}g{number}", members=tuple(sorted(members)))
    for pair in _pairs(users, sorted(waiting), source):
        yield Room(name=direct_channel(*pair), members=pair)


def _pairs(users: tuple[str, ...], lonely: list[str], source: random.Random) -> list[tuple[str, str]]:
    """As many pairs as there are users, where there are so many; whoever is in no group is in one."""
    possible = list(combinations(sorted(users), 2))
    drawn = set(source.sample(possible, min(len(possible), len(users))))
    for user in lonely:
        if not any(user in pair for pair in drawn):
            drawn.add(source.choice([pair for pair in possible if user in pair]))
    return sorted(drawn)
