"""The frames with which a device asks whether it has everything, and the same (SPEC.md, "Audit", "Verdict").

As with `tidelog.wire.frames`, validation of what a peer sent happens in the decoders.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

# That module's union of all frames takes in those below.
from tidelog.wire.frames import SyncRequest
from tidelog.wire.page_frames import Resync
from tidelog.wire.ranges import EMPTY, RangeSet, Run


class Span(NamedTuple):
    """A range of a channel's seqs, cut evenly, with a sum for each piece.

    Attributes:
        place: the channel's, in the account.
        start: the first seq.
        stop: the first that is not in it.
        sums: of each piece, below ``AUDIT_SUM_STOP``; at most as many as there are seqs.
    """

    place: int
    start: int
    stop: int
    sums: tuple[int, ...]

    def pieces(self) -> list[Run]:
        """The pieces, one a sum."""
        return cut(self.start, self.stop, len(self.sums))


def cut(start: int, stop: int, count: int) -> list[Run]:
    """Cut a range into so many pieces whose lengths differ by one at most; both sides do it alike."""
    edges = [start + (stop - start) * at // count for at in range(count + 1)]
    return list(pairwise(edges))


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A device says what it has, and what the fingerprints of that come to.

    Attributes:
        request: states the account, in full or by a token; or only its id: then the sum is over all that the
            device's user may read, and nothing is said of channels and spans.
        total: the sum over all of it, below ``SUM_STOP``; ``None`` where it is not asked about.
        channels: a sum for each channel of the account, below ``AUDIT_SUM_STOP``; or none at all.
        spans: parts of channels, ascending by place and seq, none in two.
        patterns: only channels that one of these MQTT filters matches are compared; empty for all.
    """

    request: SyncRequest | Resync | int
    total: int | None = None
    channels: tuple[int, ...] = ()
    spans: tuple[Span, ...] = ()
    patterns: tuple[str, ...] = ()

    @property
    def rid(self) -> int:
        """The request's id, echoed in the answer."""
        return self.request if isinstance(self.request, int) else self.request.rid

    @property
    def room(self) -> int:
        """As in a `SyncRequest`; it bounds nothing, as a verdict is small."""
        return 0 if isinstance(self.request, int) else self.request.room


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer to an audit.

    Attributes:
        rid: the request's id.
        lacking: how many records the device lacks.
        news: how many channels there is something else to tell of: epochs, floors, those that are gone.
        differing: which of the sums differ: that over all is 1 where it was asked about; those of channels
            follow, then those of the spans.
    """

    rid: int
    lacking: int = 0
    news: int = 0
    differing: RangeSet = EMPTY


def shares(seqs: RangeSet, pieces: Iterable[Run]) -> Iterator[RangeSet]:
    """Those of some seqs that are in each piece; in one walk, however many runs and pieces there are.

    Args:
        seqs: any.
        pieces: ascending, none in two.
    """
    runs, at = seqs.runs, 0
    for piece in pieces:
        start, stop = piece
        at = bisect_right(runs, start, lo=at, key=itemgetter(1))
        end = bisect_left(runs, stop, lo=at, key=itemgetter(0))
        yield RangeSet.of_sorted(runs[at:end]) & RangeSet([piece])


def ascending(spans: Iterable[Span]) -> bool:
    """Whether spans ascend and none overlaps another."""
    before = (-1, 0)
    for span in spans:
        if (span.place, span.start) < before:
            return False
        before = (span.place, span.stop)
    return True
