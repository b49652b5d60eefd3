"""What the device holds, as the context of a page takes it: read from its own store (SPEC.md, "Context")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidelog.codec.context import Entry, Key, in_order, merged
from tidelog.codec.page import Rule
from tidelog.replica.ports import Record, Shelf
from tidelog.wire.frames import KIND_DELETE
from tidelog.wire.metadata import Meta
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standings

_BATCH_FIRST: Final = 32
_BATCH_MAX: Final = 512
"""Records read of a channel at a time, from the newest down."""

_NARROWER: Final = 8
"""By how much a look that would find too many is narrowed."""


_NONE_DEAD: Final[Mapping[str, RangeSet]] = {}


class ShelfHeld:
    """The records of an account that are in the device's store; `tidelog.codec.context.Held`.

    Args:
        shelf: where the records are.
        account: what the device told the service that it has.
        rule: how the answer tells of records.
        dead: seqs by channel that prime nothing, though the device may hold them.
    """

    __slots__ = ("_dead", "_epochs", "_held", "_rule", "_shelf")

    def __init__(
        self, shelf: Shelf, account: Standings, rule: Rule, dead: Mapping[str, RangeSet] = _NONE_DEAD
    ) -> None:
        """See the class."""
        self._shelf = shelf
        self._rule = rule
        self._held = {one.channel: kept for one in account if (kept := one.kept)}
        self._dead = dead
        self._epochs = {one.channel: one.epoch for one in account}

    def seqs(self) -> Mapping[str, RangeSet]:
        """See `tidelog.codec.context.Held`."""
        return self._held

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        """See `tidelog.codec.context.Held`."""
        found = in_order(keys, lambda channel, seqs: self._read(channel, seqs, limit=seqs.count))
        return [entry for entry in found if self._primes(entry)]

    def newest(self) -> Iterator[Entry]:
        """See `tidelog.codec.context.Held`."""
        lines = merged([self._down(channel, seqs) for channel, seqs in self._held.items()])
        return (entry for entry in lines if self._primes(entry))

    def _primes(self, entry: Entry) -> bool:
        """Whether it is there on both sides: many a delete is void to a device, and never comes."""
        return entry.meta.kind != KIND_DELETE and entry.seq not in self._dead.get(entry.channel, EMPTY)

    def _down(self, channel: str, seqs: RangeSet) -> Iterator[Entry]:
        width = _BATCH_FIRST
        while seqs:
            some = seqs.newest(width)
            found = self._read(channel, some, limit=_BATCH_MAX + 1)
            if len(found) > _BATCH_MAX:
                width //= _NARROWER
                continue
            yield from reversed(found)
            seqs -= some
            # Seqs without a record may go on for ever: each look at those is twice as wide.
            width = 2 * width if 2 * len(found) <= _BATCH_MAX else width

    def _read(self, channel: str, seqs: RangeSet, *, limit: int) -> list[Entry]:
        epoch = self._epochs[channel]
        found: list[Entry] = []
        for start, stop in seqs.runs:
            records = self._shelf.records(channel, epoch, start=start, stop=stop, limit=limit - len(found))
            found += [self._entry(record) for record in records]
        return found

    def _entry(self, record: Record) -> Entry:
        lag = record.sent - record.time
        meta = self._rule.told(Meta(record.author, record.time, record.kind, lag, record.content_type))
        return Entry(record.channel, record.seq, meta, record.body, record.size)
