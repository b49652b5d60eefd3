"""What a device's outbox holds, told to people: messages that wait, and messages that were refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from tidelog.replica.ports import OutboxEntry
from tidelog_cli.terminal import counted, note

_SHOWN: Final = 5
"""Refused messages that a note names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """An outbox in two parts.

    Attributes:
        waiting: how many messages go out with the next connection.
        refused: those that the service refused for good; they are not sent again by themselves.
    """

    waiting: int
    refused: tuple[OutboxEntry, ...]

    @classmethod
    def of(cls, entries: Iterable[OutboxEntry]) -> Self:
        """Part an outbox."""
        held = tuple(entries)
        refused = tuple(entry for entry in held if entry.rejected)
        return cls(waiting=len(held) - len(refused), refused=refused)

    def told(self, profile: str) -> None:
        """Say on standard error what is there, and the way out of what was refused.

        Args:
            profile: the device's profile for the command that is shown, or empty.
        """
        if self.waiting:
            note(f"{counted(self.waiting, 'message')} without a receipt in the outbox")
        if not self.refused:
            return
        named = [f"n {entry.n} to {entry.channel!r} [{entry.rejected}]" for entry in self.refused[:_SHOWN]]
        more = ["..."] if len(self.refused) > _SHOWN else []
        were = "was" if len(self.refused) == 1 else "were"
        way = f"tidelog outbox discard {self.refused[0].n} {f'--as {profile}' if profile else '...'}"
        note(f"{counted(len(self.refused), 'message')} {were} refused: {', '.join(named + more)}; {way}")
