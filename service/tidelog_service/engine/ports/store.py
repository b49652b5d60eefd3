"""The port of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.blobs import Blobs
from tidelog_service.engine.ports.devices import KeptToken, OutboxKey, Taken, Terminal
from tidelog_service.engine.ports.logs import Log, MemberMark
from tidelog_service.engine.ports.records import Records


class Store(Records, Protocol):
    """The service's durable state.

    One thread at a time calls it. Reads outside a transaction see the last commit. Every method may raise
    `tidelog.wire.errors.Unavailable` where the database fails, with the code ``store_full`` (the disk),
    ``store_busy`` (another process holds it), ``store_damaged``, ``store_read_only``, ``store_unreadable``,
    or ``store_failed`` for anything else. A transaction that raises is rolled back whole.

    Attributes:
        blobs: large bodies; `erase` takes those of its records with it.
    """

    blobs: Blobs

    def transaction(self) -> AbstractContextManager[None]:
        """A write transaction: locks out other writers at once, and is on disk when it ends without error."""
        ...

    def terminal(self, device: str) -> Terminal | None:
        """The device, or ``None`` where there is none; a revocation made elsewhere is seen at once."""
        ...

    def logs_of(self, user_id: int) -> dict[str, Log]:
        """Every channel that the user may read, by name, with head and floor as they stand now.

        A user who has left a channel may be among those who read it: up to what was written then.
        """
        ...

    def writable(self, user_id: int, names: Sequence[str]) -> dict[str, Log]:
        """Those of the named channels that the user may write; inside a transaction their rows are locked."""
        ...

    def readable(self, user_id: int, name: str) -> Log | None:
        """That one of `logs_of`, where it is among them."""
        ...

    def audience(self, channel_id: int) -> tuple[str, ...]:
        """Ids of all devices, not revoked, of the channel's members."""
        ...

    def devices_of(self, user_id: int) -> tuple[str, ...]:
        """Ids of all devices, not revoked, of a user."""
        ...

    def hearers(self, log: Log, user_id: int, *, count_max: int) -> list[tuple[str, int]]:
        """Devices, not revoked, of the other members who may read ``log.delivered``, and from where on."""
        ...

    def marks_of(self, log: Log, *, after: int, count_max: int) -> list[MemberMark]:
        """The marks of a channel's members in its epoch that changed after a version, ascending by that."""
        ...

    def raise_mark(self, log: Log, user_id: int) -> None:
        """Keep ``log.read`` and ``log.delivered`` as the user's; inside a transaction."""
        ...

    def readable_from(self, channel_id: int) -> int:
        """The lowest seq that is kept and that every member may read."""
        ...

    def numbers(self, keys: Sequence[OutboxKey]) -> dict[OutboxKey, RangeSet]:
        """For each outbox, the message numbers taken so far; empty where it is new."""
        ...

    def taken(self, key: OutboxKey, ns: Sequence[int]) -> dict[int, Taken]:
        """What is remembered of these numbers of an outbox; forgotten ones are absent."""
        ...

    def remember(
        self, taken: Sequence[tuple[OutboxKey, Taken]], numbers: Mapping[OutboxKey, RangeSet]
    ) -> None:
        """Keep what was taken and the outboxes' numbers; inside the same transaction.

        What lies more than ``MESSAGE_WINDOW`` below an outbox's highest contiguous number may be forgotten.
        """
        ...

    def token(self, device: str, token: bytes) -> bytes | None:
        """What a device's token stands for; ``None`` where it has no such token, or no longer."""
        ...

    def keep_tokens(self, kept: Sequence[KeptToken], now_ms: int) -> None:
        """Keep what tokens stand for, in a transaction of its own.

        Of a device's tokens all but the latest few may be forgotten: a lost one costs bytes, never records.
        """
        ...
