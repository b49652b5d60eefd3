"""What the fleet needs from the world: a deployment to act on, and somebody to tell how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tidelog.replica.ports import Record
from tidelog_fleet.crew import Crew
from tidelog_fleet.ledger import Counts


class Deployment(Protocol):
    """A service with its broker and its store, seen as its operator sees it; called from one thread."""

    @property
    def url(self) -> str:
        """Where devices connect: ``mqtt://HOST:PORT`` or ``ws://HOST:PORT/PATH``."""
        ...

    def names(self) -> Iterable[str]:
        """Users, devices and channels that exist already; the crew takes other names."""
        ...

    def provision(self, crew: Crew) -> Mapping[str, str]:
        """Add the crew's users, devices, channels and members.

        Returns:
            the secret of each device.
        """
        ...

    def stored(self, channel: str) -> Sequence[Record]:
        """Every record of a channel in the service's store, ascending by seq."""
        ...

    def skews(self) -> Mapping[str, int]:
        """By how much the service takes the clocks of devices to be ahead, milliseconds, by device."""
        ...


class Screen(Protocol):
    """Where progress is shown."""

    def phase(self, name: str, *, total: float, unit: str = "") -> None:
        """A phase begins.

        Args:
            name: a word.
            total: what `show` counts up to.
            unit: of the total, for people: ``"s"``, ``"devices"``.
        """
        ...

    def show(self, done: float, counts: Counts) -> None:
        """How far the phase is; called some times a second."""
        ...
