"""What a device says of a channel where it asks (SPEC.md, "Sync", "Resync").

As with `tidelog.wire.frames`, validation of what a peer sent happens in the decoders.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidelog.wire.ranges import EMPTY, RangeSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a device says of one channel in a request.

    Attributes:
        channel: the channel's name.
        epoch: the epoch that ``have`` speaks of; 0 where the device has never seen the channel.
        have: the seqs that the device has accounted for.
        want: the seqs that it asks for; ``None`` means all.
    """

    channel: str
    epoch: int = 0
    have: RangeSet = EMPTY
    want: RangeSet | None = None
