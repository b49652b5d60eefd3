"""Devices, and what is remembered of each: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A device as the service knows it.

    Attributes:
        device: its id.
        user_id: whose it is.
        user: that user's name.
        revoked: whether it may do nothing any more.
    """

    device: str
    user_id: int
    user: str
    revoked: bool = False


class OutboxKey(NamedTuple):
    """A device's outbox: the device's id and the outbox's 4 bytes (empty for plain clients)."""

    device: str
    outbox: bytes


class Taken(NamedTuple):
    """What the service remembers of a message that it took.

    ``digest`` is `tidelog.wire.digest.message_digest`: 8 bytes over what the device wrote.
    """

    n: int
    channel_id: int
    seq: int
    time: int
    digest: bytes


class KeptToken(NamedTuple):
    """What a token stands for now.

    Attributes:
        device: whose it is.
        token: its bytes.
        account: as `tidelog_service.engine.tokens` writes it.
        fresh: whether it was given only now.
    """

    device: str
    token: bytes
    account: bytes
    fresh: bool
