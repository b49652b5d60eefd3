"""Records of a log's earlier epochs: what becomes of them when it was set back (SPEC.md, "Epochs").

They stay where they are. One that comes again under the new epoch is kept once. Once all of the new epoch
is there, what this device wrote itself and did not come again goes back into the outbox, with the number
that it had: a service that still knows the number stores nothing twice. Other users' records stay, as they
may be nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from tidelog.replica.outbox import Outbox
from tidelog.replica.ports import Copy, Holding, OutboxEntry, Record, Shelf
from tidelog.replica.steps import Effects, Refused
from tidelog.wire.errors import Code, error_for
from tidelog.wire.limits import MESSAGE_WINDOW, SEQ_STOP
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import KINDS as REVISIONS
from tidelog.wire.stubs import stub_of

BACK_MAX: Final = 1_024
"""Messages that go back into the outbox at a time; the next sync goes on."""


class Stranded:
    """What a device holds of epochs that are over.

    Args:
        shelf: where the records are; without it they only stay.
        outbox: where its own go back to.
        earlier: channels and epochs of which there are such records.
        resends: whether they go back; not where times were cut, as they would be other messages then.
    """

    def __init__(
        self, shelf: Shelf | None, outbox: Outbox, earlier: Iterable[tuple[str, int]], *, resends: bool
    ) -> None:
        """See the class."""
        self._shelf = shelf
        self._outbox = outbox
        self._channels = {channel for channel, _ in earlier}
        self._resends = resends
        self._served: list[Holding] = []

    def leave(self, before: Holding, effects: Effects) -> None:
        """A channel has another epoch from now on.

        Edits and deletes that wait name numbers of the old one, which may be other records now. What else
        waits is sent at once, as its receipt may have come while it did not count.
        """
        self._channels.add(before.channel)
        for entry in list(self._outbox.entries.values()):
            if entry.channel != before.channel or entry.rejected:
                continue
            if entry.kind not in REVISIONS:
                self._outbox.hasten(entry.n)
            else:
                refused = replace(entry, rejected=Code.NO_RECORD.word)
                self._outbox.put(refused)
                effects.queued.append(refused)
                error = error_for(Code.NO_RECORD, f"the log of {entry.channel!r} was set back")
                effects.events.append(Refused(n=entry.n, error=error))

    def served(self, holding: Holding) -> None:
        """An answer about a channel is complete."""
        if holding.channel in self._channels:
            self._served.append(holding)

    def settle(self, effects: Effects) -> None:
        """The end of a step: what it brought is kept once, and what it did not bring may go back."""
        served, self._served = self._served, []
        if self._shelf is not None:
            came = self._compare(self._shelf, effects) if self._channels else set()
            for holding in served:
                if self._resends and _is_whole(holding):
                    self._give_back(self._shelf, holding, came, effects)

    def _compare(self, shelf: Shelf, effects: Effects) -> set[tuple[str, Copy]]:
        """Let go of what came again; what that is, by channel. Whole bodies stay."""
        came: set[tuple[str, Copy]] = set()
        for at, (epoch, record) in enumerate(effects.records):
            copies = shelf.copies(record, epoch) if record.channel in self._channels else []
            if record.left_out and copies:
                effects.records[at] = epoch, _whole(shelf, record, copies)
            for copy in copies:
                came.add((record.channel, copy))
                effects.dropped.append((record.channel, copy.epoch, _only(copy.seq)))
            n = next((copy.n for copy in copies if copy.n), 0)
            if n:
                effects.written.append((record.channel, epoch, record.seq, n))
        return came

    def _give_back(
        self, shelf: Shelf, holding: Holding, came: set[tuple[str, Copy]], effects: Effects
    ) -> None:
        since = _kept_since(shelf, holding)
        if since is None:
            return
        # Nor with a number that counts as taken, whatever became of it.
        above = max(self._outbox.next_n - MESSAGE_WINDOW, 0)
        lost = shelf.own_earlier(holding.channel, holding.epoch, since=since, above=above, limit=BACK_MAX)
        for copy, record in lost:
            free = copy.n not in self._outbox.entries and (record.channel, copy) not in came
            if free and _has_body(shelf, record):
                entry = _entry(copy.n, record)
                self._outbox.take_back(entry)
                effects.queued.append(entry)
                effects.dropped.append((record.channel, copy.epoch, _only(copy.seq)))


def _whole(shelf: Shelf, record: Record, copies: Iterable[Copy]) -> Record:
    """A record of which the beginning came, with all of its body if one of its copies has it."""
    for copy in copies:
        stop = copy.seq + 1
        for one in shelf.records(record.channel, copy.epoch, start=copy.seq, stop=stop, limit=1):
            if one.whole:
                return replace(record, body=one.body, left_out=0)
    return record


def _kept_since(shelf: Shelf, holding: Holding) -> int | None:
    """The time from which on the log keeps records; ``None`` where it keeps none. What is older is not lost.

    Old seqs cannot be compared with the floor: they were another epoch's.
    """
    if holding.floor == 1:
        return 0
    first = shelf.records(holding.channel, holding.epoch, start=holding.floor, stop=SEQ_STOP, limit=1)
    return first[0].time if first else None


def _is_whole(holding: Holding) -> bool:
    """Whether all of the log that is kept is there."""
    return not RangeSet([(holding.floor, max(holding.floor, holding.head + 1))]) - holding.have


def _has_body(shelf: Shelf, record: Record) -> bool:
    """Whether the bytes of a large body are there, to be brought up again."""
    stub = stub_of(record.kind, record.body)
    return stub is None or shelf.got(stub.digest) >= stub.size


def _only(seq: int) -> RangeSet:
    return RangeSet([(seq, seq + 1)])


def _entry(n: int, record: Record) -> OutboxEntry:
    return OutboxEntry(
        n=n,
        channel=record.channel,
        kind=record.kind,
        sent=record.sent,
        content_type=record.content_type,
        body=record.body,
    )
