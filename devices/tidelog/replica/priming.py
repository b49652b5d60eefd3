"""Pushes that are told after records which the device holds: read now, later or not (SPEC.md, "Primed push").

What is lacking may be under way: pushes of several services overtake each other. A device that does not want
it, or holds other records under its seqs, will not be able to read the next push either: it asks for pushes
as they are, in the same request in which it asks for this one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from tidelog.codec import priming
from tidelog.replica.holdings import Holdings
from tidelog.replica.ports import Holding, Record, Shelf
from tidelog.replica.requests import Job
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import Part
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import EMPTY, RangeSet

WAITING_MAX: Final = 8
"""Pushes kept until what they lack has come, a packet at most each; they are asked for all the same."""

_WHATEVER: Final = -1
"""Stands for the epoch where what is lacking is not wanted in any."""

Arriving = Sequence[tuple[int, Record]]
"""``(epoch, record)`` pairs of a step, which are not on the shelf yet."""


class Priming:
    """Reads primed pushes.

    Args:
        shelf: the records that the device holds; without one no push can be read.
    """

    def __init__(self, shelf: Shelf | None) -> None:
        """See the class."""
        self._shelf = shelf
        self._waiting: deque[PrimedPush] = deque(maxlen=WAITING_MAX)
        self._failed: dict[str, int] = {}
        self._hopeless: dict[str, int] = {}

    def read(self, frame: PrimedPush, holding: Holding | None) -> Part | None:
        """Read a push that came.

        Returns:
            what it says of the channel; ``None`` where it cannot be read, or not yet.

        Raises:
            Unavailable: the shelf cannot be read.
        """
        have, wanted = (holding.have, holding.wanted) if holding is not None else (EMPTY, EMPTY)
        lacks = frame.context - have
        if holding is not None and not lacks:
            return self._expanded(frame, holding.epoch, ())
        if lacks - wanted:
            self._hopeless[frame.channel] = _WHATEVER
        else:
            self._waiting.append(frame)
        return None

    def again(self, holdings: Holdings, arriving: Arriving) -> Iterator[Part]:
        """The pushes that could not be read when they came and now can, one after the other.

        Args:
            holdings: as the step has them so far.
            arriving: the step's records; what is made of a push may be added before the next one is taken.
        """
        found = bool(arriving and self._waiting)
        while found:
            found = False
            for frame in list(self._waiting):
                holding = holdings.get(frame.channel)
                if holding is None or frame.context - holding.have:
                    continue
                self._waiting.remove(frame)
                part = self._expanded(frame, holding.epoch, arriving) if frame.seqs - holding.have else None
                if part is not None:
                    found = True
                    yield part

    def plain(self, job: Job, holdings: Holdings) -> bool:
        """Whether a request of this job is to ask for pushes as they are.

        A sync of everything in a channel brings what was lacking, the newest first; another epoch has other
        records.
        """
        for channel, epoch in list(self._hopeless.items()):
            holding = holdings.get(channel)
            renewed = epoch != _WHATEVER and holding is not None and holding.epoch != epoch
            everything = not job.wanted_only and not job.rule.newest
            if renewed or (everything and (job.channels is None or channel in job.channels)):
                del self._hopeless[channel]
        return self._shelf is None or bool(self._hopeless)

    def _expanded(self, frame: PrimedPush, epoch: int, arriving: Arriving) -> Part | None:
        context = self._context(frame, epoch, arriving)
        if len(context) == frame.context.count:
            try:
                records = priming.expand(frame, epoch, context)
            except ProtocolError:
                pass
            else:
                return Part(channel=frame.channel, epoch=epoch, head=records[-1].seq, records=records)
        self._note(frame.channel, epoch)
        return None

    def _note(self, channel: str, epoch: int) -> None:
        """Once is most likely another epoch, and the answer brings it; twice in one is no accident."""
        if self._failed.get(channel) == epoch:
            self._hopeless[channel] = epoch
        self._failed[channel] = epoch

    def _context(self, frame: PrimedPush, epoch: int, arriving: Arriving) -> Sequence[Record]:
        """Those of the records named that there are, ascending by seq."""
        found = {
            record.seq: record
            for of_epoch, record in arriving
            if (of_epoch, record.channel) == (epoch, frame.channel) and record.seq in frame.context
        }
        for start, stop in (frame.context - RangeSet.of(found)).runs:
            found |= {record.seq: record for record in self._held(frame.channel, epoch, start, stop)}
        return [found[seq] for seq in sorted(found)]

    def _held(self, channel: str, epoch: int, start: int, stop: int) -> Sequence[Record]:
        if self._shelf is None:
            return ()
        return self._shelf.records(channel, epoch, start=start, stop=stop, limit=stop - start)
