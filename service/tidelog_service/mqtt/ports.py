"""What passes between the link to the broker and the runner: plain values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NewType

from tidelog.wire.errors import TidelogError

Token = NewType("Token", int)
"""Which packet to acknowledge: the connection's number and the packet id in one integer; 0 for none."""


class Inbound(NamedTuple):
    """A packet from the broker; a tuple because there are thousands a second.

    Attributes:
        topic: as it was published.
        payload: its bytes.
        qos: 0 or 1.
        retain: the broker kept it and gives it again, because the service subscribed anew.
        token: what `Link.acknowledge` wants once the packet is safe; 0 where `qos` is 0.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    token: Token


class Phase(StrEnum):
    """How a link stands."""

    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """A change of the link.

    Attributes:
        phase: ``CONNECTING`` before each attempt, ``ONLINE`` once every subscription is granted,
            ``OFFLINE`` when a connection was lost or an attempt failed, ``STOPPED`` at the end.
        session_present: with ``ONLINE``, the broker kept the session, unacknowledged messages included.
        error: with ``OFFLINE``, why; its hint says what an operator can do.
        retry_seconds: with ``OFFLINE``, when the next attempt starts.
    """

    phase: Phase
    session_present: bool = False
    error: TidelogError | None = None
    retry_seconds: float = 0.0
