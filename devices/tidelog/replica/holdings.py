"""What a device has and wants of each channel, and how answers and pushes change it (SPEC.md, "Sync").

The have-set only ever grows by what arrived or was declared void, and the wanted set only by what was asked
for or pushed; a gap is wanted and not had.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tidelog.replica.ports import Holding, Record
from tidelog.wire.errors import UsageError
from tidelog.wire.frames import Part
from tidelog.wire.frames import Record as WireRecord
from tidelog.wire.limits import PACKET_BYTES_MAX
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet
from tidelog.wire.revisions import voided_by
from tidelog.wire.statements import Statement

RUN_BYTES = 6
"""A run and the hole before it as a request states them, generously."""

_UNKNOWN = 0
"""The epoch of a channel of which nothing but pushes that could not be read has come."""

RUNS_STATED_MAX = PACKET_BYTES_MAX // 4 // RUN_BYTES
"""Runs stated of a have-set and of a want-set, so that both fit half a packet whatever their gaps."""


class Holdings:
    """The holdings of all channels.

    Args:
        holdings: as the store has them.
    """

    def __init__(self, holdings: Iterable[Holding]) -> None:
        """See the class."""
        self.by_channel = {holding.channel: holding for holding in holdings}

    def get(self, channel: str) -> Holding | None:
        """What is known of a channel."""
        return self.by_channel.get(channel)

    def known(self, channel: str) -> Holding:
        """The same of a channel that the application names.

        Raises:
            UsageError: nothing is known of it (``no_channel``).
        """
        holding = self.by_channel.get(channel)
        if holding is None:
            raise UsageError(
                f"this device knows no channel {channel!r}",
                code="no_channel",
                hint="sync first; `tidelog sync` brings the channels of its user",
            )
        return holding

    def names(self) -> list[str]:
        """The channels of which a request of everything speaks, sorted: those that are not gone."""
        return sorted(name for name, holding in self.by_channel.items() if not holding.gone)

    def mark(self, channel: str, *, gone: bool) -> Holding | None:
        """Note whether a channel can be had; ``None`` where that changes nothing."""
        holding = self.by_channel.get(channel)
        if holding is None or holding.gone is gone:
            return None
        return self.put(replace(holding, gone=gone))

    def put(self, holding: Holding) -> Holding:
        """Replace what is known of a channel."""
        self.by_channel[holding.channel] = holding
        return holding

    def speaks_of(self, channel: str, epoch: int) -> bool:
        """Whether this epoch is the one that the device knows, or the channel is new to it."""
        holding = self.by_channel.get(channel)
        return holding is None or holding.epoch in (epoch, _UNKNOWN)

    def at(self, channel: str, epoch: int) -> Holding:
        """What is known of a channel's incarnation; of a new one, nothing but that it is wanted as before.

        Records of an earlier incarnation stay in the store under their epoch.
        """
        holding = self.by_channel.get(channel)
        if holding is None:
            return Holding(channel=channel, epoch=epoch)
        if holding.epoch == epoch:
            return holding
        if holding.epoch == _UNKNOWN:
            return replace(holding, epoch=epoch)
        wanted = EVERYTHING if holding.wanted.open_ended else EMPTY
        return Holding(channel=channel, epoch=epoch, wanted=wanted)

    def accept(self, part: Part) -> tuple[Holding, list[Record], RangeSet]:
        """Take what a page or push says of a channel.

        What an edit or a delete voids counts as had, whether it is: a body that comes late is not taken.

        Returns:
            the holding as it is now, already in place; the records that are new; and those of the seqs had
            before whose records are no more.
        """
        before = holding = self.at(part.channel, part.epoch)
        new = [record for record in part.records if record.seq not in holding.have]
        voided = voided_by((record.kind, record.body) for record in new)
        fresh = [_record(part.channel, record) for record in new if record.seq not in voided]
        seqs = RangeSet.of(record.seq for record in new)
        holding = replace(
            holding,
            have=holding.have | seqs | part.voids | voided,
            wanted=holding.wanted | seqs,
            head=max(holding.head, part.head),
            floor=max(holding.floor, part.floor),
            gone=False,
        )
        return self.put(holding), fresh, (voided | part.voids) & before.have

    def want(self, channel: str, seqs: RangeSet) -> Holding | None:
        """Ask for more of a channel that is known; ``None`` where that changes nothing."""
        holding = self.by_channel.get(channel)
        if holding is None or not seqs - holding.wanted:
            return None
        return self.put(replace(holding, wanted=holding.wanted | seqs))

    def hear(self, channel: str, seqs: RangeSet) -> Holding | None:
        """Records of a channel were pushed that could not be read: they are wanted as if they had been.

        Of a channel that is new to the device even the epoch is not known then; the answer brings it.

        Returns:
            the holding as it is now; ``None`` where that changes nothing.
        """
        if channel not in self.by_channel:
            return self.put(Holding(channel=channel, epoch=_UNKNOWN, wanted=seqs))
        back = self.mark(channel, gone=False)
        return self.want(channel, seqs) or back

    def drop(self, channel: str, seqs: RangeSet) -> Holding | None:
        """Forget local copies: the device then lacks them, and wants them only when asked to sync.

        What is still to be written is wanted as before, even where the ranges have no end.
        """
        holding = self.by_channel.get(channel)
        if holding is None:
            return None
        seqs &= RangeSet([(0, holding.head + 1)])
        return self.put(replace(holding, have=holding.have - seqs, wanted=holding.wanted - seqs))

    def doubt(self, channel: str, seqs: RangeSet) -> Holding | None:
        """Records are not what the service has: the device lacks them, and wants them."""
        holding = self.by_channel.get(channel)
        if holding is None:
            return None
        return self.put(replace(holding, have=holding.have - seqs, wanted=holding.wanted | seqs))

    def state(self, channel: str, *, wanted_only: bool, oldest_first: bool = False) -> Statement:
        """What to say of a channel in a request.

        A have-set of very many runs is cut at the end that comes last in the answer. Holes are filled where
        they are stated, runs grow together, and later requests state the rest.
        """
        holding = self.by_channel.get(channel)
        if holding is None:
            return Statement(channel=channel)
        want = holding.wanted if wanted_only and not holding.wants_all else None
        return Statement(
            channel=channel,
            epoch=holding.epoch,
            have=cut(holding.have, oldest_first=oldest_first),
            want=None if want is None else cut(want, oldest_first=oldest_first),
        )


def cut(seqs: RangeSet, *, oldest_first: bool) -> RangeSet:
    """As many runs as are stated of a set; those go that come last in the answer."""
    return RangeSet.of_sorted(seqs.runs[:RUNS_STATED_MAX] if oldest_first else seqs.runs[-RUNS_STATED_MAX:])


def _record(channel: str, record: WireRecord) -> Record:
    return Record(
        channel=channel,
        seq=record.seq,
        author=record.author,
        time=record.time,
        sent=record.sent,
        kind=record.kind,
        body=record.body,
        content_type=record.content_type,
        left_out=record.size - len(record.body),
    )
