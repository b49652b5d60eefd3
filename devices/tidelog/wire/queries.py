"""The frames of a request that chooses: by a filter, or to hear first what there is (SPEC.md, "Query").

As with `tidelog.wire.frames`, validation of what a peer sent happens in the decoders.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from tidelog.wire.frames import SyncRequest
from tidelog.wire.page_frames import Resync
from tidelog.wire.ranges import EMPTY, RangeSet


class Depth(IntEnum):
    """What a query asks for."""

    DELTA = 0
    """The records that the device lacks, as without a query."""
    MANIFEST = 1
    """Their numbers and sizes."""
    PREVIEW = 2
    """How many they are, and what they would take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records of the channels in scope are asked for: those that pass all of it.

    Attributes:
        since: at or after this time of the service's, Unix milliseconds.
        until: before this one; 0 for no end.
        newest: of each channel the newest so many of those that pass the rest; 0 for all.
        authors: written by one of these users; empty for all.
        kinds: of one of these kinds, or an edit, a delete or a stub; empty for all.
        patterns: in a channel that one of these MQTT filters matches; empty for all.
        max_body: of larger bodies only the beginning is to come; 0 for no bound.
    """

    since: int = 0
    until: int = 0
    newest: int = 0
    authors: tuple[str, ...] = ()
    kinds: tuple[int, ...] = ()
    patterns: tuple[str, ...] = ()
    max_body: int = 0

    def admits(self, channel: str) -> bool:
        """Whether a channel is in its scope."""
        return not self.patterns or _matcher(self.patterns).fullmatch(channel) is not None


NO_FILTER = Filter()


class Cursor(NamedTuple):
    """Where a manifest goes on: behind this record, in the order of channels and falling seqs.

    Attributes:
        channel: its name.
        seq: its number; 0 for the end of the channel.
    """

    channel: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A request with a filter, or for less than records.

    Attributes:
        request: what the device has, in full or by token.
        depth: what is asked for.
        filter: of which records.
        after: where a manifest goes on; ``None`` for the beginning.
    """

    request: SyncRequest | Resync
    depth: Depth = Depth.DELTA
    filter: Filter = NO_FILTER
    after: Cursor | None = None

    @property
    def rid(self) -> int:
        """The request's id, echoed in the answer."""
        return self.request.rid

    @property
    def room(self) -> int:
        """As in a `SyncRequest`."""
        return self.request.room


class Listed(NamedTuple):
    """What a manifest says of a channel.

    Attributes:
        channel: its name.
        epoch: the log's incarnation.
        head: the highest seq that the device may read.
        floor: the lowest that can still be had.
        seqs: of the records that pass and that the device has not stated.
        sizes: of their whole bodies, bytes, ascending by seq.
    """

    channel: str
    epoch: int
    head: int
    floor: int = 1
    seqs: RangeSet = EMPTY
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One page of the answer to a query for numbers: channels by name, the newest records of each first.

    Attributes:
        rid: the request's id.
        more: whether records remain behind the last one told.
        channels: those with something to tell, by name.
        after: where to go on, if there is more.
    """

    rid: int
    more: bool = False
    channels: tuple[Listed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The answer to a preview.

    Attributes:
        rid: the request's id.
        records: how many records a delta would bring.
        pages: in how many answers.
        page_bytes: what these take, payload bytes, about.
        body_bytes: of the bodies, as far as they would come.
    """

    rid: int
    records: int = 0
    pages: int = 0
    page_bytes: int = 0
    body_bytes: int = 0


@lru_cache(maxsize=16)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """What matches as one of them does: there may be 64, and a thousand channels to try them on."""
    return re.compile("|".join(map(_expression, patterns)), re.DOTALL)


def _expression(pattern: str) -> str:
    asked = pattern.split("/")
    open_ended = asked[-1] == "#"
    levels = ["[^/]*" if level == "+" else re.escape(level) for level in asked[: len(asked) - open_ended]]
    found = "/".join(levels)
    return (f"{found}(?:/.*)?" if levels else ".*") if open_ended else found
