"""The frames that tell how far users have read (SPEC.md, "Mark", "Marks").

As with `tidelog.wire.frames`, validation of what a peer sent happens in the decoders. Who has read has been
delivered to as well, so ``delivered`` is never below ``read``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Mark(NamedTuple):
    """How far a user, or a device, has come in a channel.

    Attributes:
        channel: the channel's name.
        epoch: the incarnation that the seqs are of; 0 for whatever it is now.
        read: everything up to this seq was read; 0 for nothing.
        delivered: everything up to this seq has arrived.
    """

    channel: str
    epoch: int
    read: int = 0
    delivered: int = 0


class Member(NamedTuple):
    """How far another member has come in a channel.

    Attributes:
        user: the member's name.
        read: as in a `Mark`.
        delivered: as in a `Mark`.
    """

    user: str
    read: int = 0
    delivered: int = 0


class Marked(NamedTuple):
    """What the service has of a channel.

    Attributes:
        channel: the channel's name.
        epoch: its incarnation now.
        read: the mark of the device's own user; 0 says nothing.
        delivered: the same.
        others: other members' marks that are news; ``None`` without read receipts.
    """

    channel: str
    epoch: int
    read: int = 0
    delivered: int = 0
    others: tuple[Member, ...] | None = None


class News(NamedTuple):
    """What a page tells of a channel's marks.

    Attributes:
        place: the channel's, in the account as the page's header leaves it.
        version: what the account has of the channel's marks from then on, at least 1.
        read: as in a `Marked`.
        delivered: the same.
        others: the same.
    """

    place: int
    version: int
    read: int = 0
    delivered: int = 0
    others: tuple[Member, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRequest:
    """A device raises marks of its user, or asks for all.

    Attributes:
        rid: echoed in the answer.
        marks: a channel each, at most once; none: tell me all that there are.
    """

    rid: int
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How far users have come: the answer to a `MarkRequest`, or as it happens.

    Attributes:
        rid: the request's id; 0 where nothing was asked.
        user: whose device it is; empty where nothing was asked.
        marks: a channel each.
        gone: channels of the request that do not exist or that this device may not read.
    """

    rid: int = 0
    user: str = ""
    marks: tuple[Marked, ...] = ()
    gone: tuple[str, ...] = ()
