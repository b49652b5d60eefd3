"""Which batches of the outbox go as parcels, and what they build on (SPEC.md, "Parcel")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from tidelog.codec import parcels
from tidelog.codec.parcels import Ground
from tidelog.codec.preset import Held, walk
from tidelog.replica.holdings import Holdings
from tidelog.replica.ports import Holding, Shelf
from tidelog.wire import packed
from tidelog.wire.errors import Code, Unavailable
from tidelog.wire.frames import KIND_DELETE, Messages
from tidelog.wire.limits import PARCEL_HOLES_MAX
from tidelog.wire.parcels import Parcel

_READ_RECORDS: Final = 64
"""Records read at a time: their bodies may be 32 KiB each, and large ones prime nothing."""

_READS_MAX: Final = 64
"""Reads for one context: a have-set may name any number of seqs that have no record."""

_RUNS_TRIED: Final = (8, 3, 1)
"""Runs of a have-set that prime a parcel: each hole takes two bytes, which a short message does not gain."""


class Parcels:
    """The device's side of parcels on one connection after the other.

    Args:
        shelf: the records that the device holds; ``None``: every batch goes plain.
        grounded: whether batches may build on them; not where their times were cut, as parcels tell theirs
            from those.
    """

    def __init__(self, shelf: Shelf | None, *, grounded: bool = True) -> None:
        """See the class."""
        self._shelf = shelf
        self._groundable = grounded
        self.restart()

    def restart(self) -> None:
        """A new connection: what the service refused may have been mended."""
        self._allowed = self._shelf is not None
        self._grounded = self._groundable
        self._used = False

    def refused(self, code: Code) -> bool:
        """Take note of a fault that answers no request.

        Returns:
            whether it was about a parcel: then what went in parcels is to be sent again.
        """
        if code is Code.CONTEXT:
            self._grounded = False
            return True
        if code is Code.UNSUPPORTED and self._used:
            # A service of an earlier revision.
            self._allowed = False
            return True
        return False

    def grounds(self, holdings: Holdings) -> Grounds:
        """What batches may build on, as the device's records now are."""
        return Grounds(self._shelf if self._grounded else None, holdings)

    def shortest(self, batch: Messages, grounds: Grounds) -> Messages | Parcel:
        """The batch itself, or a parcel of it where that takes fewer bytes."""
        if not self._allowed or not batch.outbox:
            return batch
        candidates: list[Messages | Parcel] = [batch]
        for ground in (*grounds.of(batch), None):
            parcel = parcels.pack(batch, ground)
            if parcel is not None:
                candidates.append(parcel)
        best = min(candidates, key=lambda frame: len(packed.encode(frame)))
        self._used |= best is not batch
        return best


class Grounds:
    """Records that batches may build on, each channel's read once.

    Args:
        shelf: where they are; ``None`` for none.
        holdings: which ones the service has too.
    """

    def __init__(self, shelf: Shelf | None, holdings: Holdings) -> None:
        """See the class."""
        self._shelf = shelf
        self._holdings = holdings
        self._known: dict[str, list[Ground]] = {}

    def of(self, batch: Messages) -> list[Ground]:
        """What to try for a batch: records of the channel that most of its messages are for."""
        counted = Counter(message.channel for message in batch.messages)
        tried = (self._grounds(channel) for channel, _ in counted.most_common())
        return next((grounds for grounds in tried if grounds), [])

    def _grounds(self, channel: str) -> list[Ground]:
        if channel not in self._known:
            try:
                self._known[channel] = list(self._read(channel))
            except Unavailable:
                # Nothing is lost by going plain; a store that fails to write as well will be heard of.
                self._known[channel] = []
        return self._known[channel]

    def _read(self, channel: str) -> Iterator[Ground]:
        holding = self._holdings.get(channel)
        if self._shelf is None or holding is None:
            return
        for runs in _RUNS_TRIED:
            preset = walk(_newest(self._shelf, holding, runs))
            ground = Ground(channel=channel, preset=preset, floor=holding.floor) if preset else None
            if ground and len(ground.holes.runs) <= PARCEL_HOLES_MAX:
                yield ground
            if ground is None or len(ground.holes.runs) <= 1:
                return  # fewer runs would save nothing


def _newest(shelf: Shelf, holding: Holding, runs: int) -> Iterator[Held]:
    """The newest records that are held with their bodies and that the service still has, descending."""
    reads = _READS_MAX
    for start, stop in holding.have.runs[: -runs - 1 : -1]:
        at, lowest = stop, max(start, holding.floor)
        while at > lowest and reads:
            reads -= 1
            low = max(lowest, at - _READ_RECORDS)
            found = shelf.records(holding.channel, holding.epoch, start=low, stop=at, limit=_READ_RECORDS)
            yield from (
                Held(record.seq, record.time, record.body, record.left_out)
                for record in reversed(found)
                if record.kind != KIND_DELETE
            )
            at = low
