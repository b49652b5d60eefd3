"""The engine's rolls as plain dictionaries, with a transaction that takes everything back where it fails."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field

from tidelog.wire.enrolling import Role
from tidelog.wire.errors import Unavailable, UsageError
from tidelog_service.engine.rolls import Room, Standing

MEMBERSHIPS_MAX = 4_096


@dataclass(slots=True)
class _Hall:
    """A channel: who founded it, who is in it, and who was."""

    id: int
    windowed: bool = False
    founder: int = 0
    terms: bytes = b""
    head: int = 0
    roles: dict[int, Role] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)


class PlainRolls:
    """`tidelog_service.engine.rolls.Rolls` for unit tests.

    Args:
        users: their keys by name.
        devices: ids, by the name of their user.

    Attributes:
        failing: whether it fails.
        generation: raised by each change.
    """

    def __init__(self, users: Mapping[str, int], devices: Mapping[str, Sequence[str]]) -> None:
        self.failing = False
        self.generation = 0
        self._users = dict(users)
        self._devices = [(device, users[user]) for user, owned in devices.items() for device in owned]
        self._halls: dict[str, _Hall] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.failing:
            raise Unavailable("the disk failed", code="store_failed")
        before = deepcopy(self._halls)
        try:
            yield
        except BaseException:
            self._halls = before
            raise

    def room(self, channel: str, user_id: int) -> Room | None:
        hall = self._halls.get(channel)
        return hall and Room(hall.id, hall.roles.get(user_id), hall.founder, hall.terms)

    def user_ids(self, names: Collection[str]) -> dict[str, int]:
        return {name: self._users[name] for name in names if name in self._users}

    def roles(self, channel_id: int, user_ids: Collection[int]) -> dict[int, Role]:
        roles = self._hall(channel_id).roles
        return {user: roles[user] for user in user_ids if user in roles}

    def members(self, channel_id: int, *, up_to: int, role: Role | None = None) -> int:
        roles = self._hall(channel_id).roles.values()
        return min(up_to, sum(role is None or one is role for one in roles))

    def founded(self, user_id: int, *, up_to: int) -> int:
        return min(up_to, sum(hall.founder == user_id for hall in self._halls.values()))

    def found(self, channel: str, user_id: int, terms: bytes, *, windowed: bool, now_ms: int) -> int:
        del now_ms
        assert channel not in self._halls, "a name given twice"
        made = _Hall(len(self._halls) + 1, windowed=windowed, founder=user_id, terms=terms)
        self._halls[channel] = made
        return made.id

    def seat(self, channel_id: int, users: Mapping[int, Role], now_ms: int) -> None:
        del now_ms
        hall = self._hall(channel_id)
        for user, role in users.items():
            if user not in hall.roles:
                if sum(user in other.roles for other in self._halls.values()) >= MEMBERSHIPS_MAX:
                    raise UsageError("in too many channels", code="memberships_full")
                hall.last.pop(user, None)
                hall.first[user] = hall.head + 1 if hall.windowed else 1
            hall.roles[user] = role

    def unseat(self, channel_id: int, user_ids: Collection[int]) -> None:
        hall = self._hall(channel_id)
        for user in user_ids:
            del hall.roles[user]
            if hall.windowed:
                hall.last[user] = hall.head

    def changed(self) -> None:
        self.generation += 1

    def standings(self, channel_id: int, user_ids: Collection[int]) -> dict[int, Standing]:
        hall = next((one for one in self._halls.values() if one.id == channel_id), _Hall(0))
        return {user: self._standing(hall, user) for user in user_ids}

    def devices(self, user_ids: Collection[int]) -> Sequence[tuple[str, int]]:
        return [(device, user) for device, user in self._devices if user in user_ids]

    def write(self, channel: str, head: int) -> None:
        """Records were written."""
        self._halls[channel].head = head

    def _standing(self, hall: _Hall, user: int) -> Standing:
        if user in hall.roles:
            return Standing(7, hall.roles[user])
        return Standing(7 if hall.last.get(user, -1) >= hall.first.get(user, 0) else 0)

    def _hall(self, channel_id: int) -> _Hall:
        return next(hall for hall in self._halls.values() if hall.id == channel_id)
