"""What was written in a simulation, and what may have become of it.

Deletes are not in it: the bodies of two may be the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Written:
    """One message; its body is unique.

    Attributes:
        user: who wrote it.
        device: on what.
        channel: where to.
        allowed: whether the user may write there.
        confirmed: whether its device wants a receipt (all but plain ``msg/<channel>``).
        sent: the device's clock, 0 where it did not say.
        numbers: message numbers that it ever had.
        receipts: what receipts said: (epoch, seq, time).
        refused: whether its device was told that it never will be stored.
        may_be_lost: its device lost it (wiped, restored, robbed of its power) before the receipt, or the
            service was set back and its device has it no more, or cannot know that it wrote it.
        set_back: how often it had been numbered anew when its device was set back to before that; each time
            it may be stored once more, under yet another number.
    """

    user: str
    device: str
    channel: str
    allowed: bool
    confirmed: bool
    sent: int = 0
    kind: int = 0
    content_type: str = ""
    numbers: set[int] = field(default_factory=set)
    receipts: set[tuple[int, int, int]] = field(default_factory=set)
    refused: bool = False
    may_be_lost: bool = False
    set_back: int = 0


@dataclass(slots=True)
class Ledger:
    """All messages by body, and the bytes that travelled.

    Attributes:
        messages: by body.
        bytes_pages: payload bytes of pages and pushes that reached devices with the SDK.
        bytes_bodies: bytes of the bodies that were new to them.
    """

    messages: dict[bytes, Written] = field(default_factory=dict)
    bytes_pages: int = 0
    bytes_bodies: int = 0
