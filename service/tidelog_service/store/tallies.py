"""What a range of a log comes to, by sums that are kept instead of records that are read.

Each row has the sum of all before it, and a channel that of all. So what lies between two rows is a
difference, less what was erased between them, which `Erased` has: a gap between two rows is whole inside of a
range from row to row, or whole outside. A range begins at its first row: what retention has cut off below is
in both sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from peewee import fn

from tidelog.wire.fingerprints import SUM_STOP
from tidelog.wire.ranges import Run
from tidelog_service.engine.ports import Sums
from tidelog_service.store.database import Database
from tidelog_service.store.keys import key_of
from tidelog_service.store.models import Channel, Erased, Record

_HALF_BITS: Final = 32
_LOW: Final = (1 << _HALF_BITS) - 1


class _Edge(NamedTuple):
    """A row, or the end of a log: its key, and what all before it came to."""

    key: int
    sum: int
    bytes: int


class Tallies:
    """Adds up ranges of logs, and notes what is erased.

    Args:
        database: open and migrated.
    """

    def __init__(self, database: Database) -> None:
        """See the class."""
        self._database = database
        compiled = database.compile
        within = (Erased.id >= 0) & (Erased.id < 0)
        row = Record.select(Record.id, Record.sum, Record.bytes)
        self._row = compiled(row.where((Record.id >= 0) & (Record.id < 0)).order_by(Record.id).limit(1))
        end = Channel.select(Channel.head, Channel.sum, Channel.bytes)
        self._end = compiled(end.where(Channel.id == 0))
        sums = [fn.SUM(column) for column in (Erased.stop - Erased.id, Erased.high, Erased.low, Erased.bytes)]
        self._gaps = compiled(Erased.select(*sums).where(within))
        fields = (Erased.id, Erased.stop, Erased.high, Erased.low, Erased.bytes)
        self._gap_before = compiled(Erased.select(*fields).where(within).order_by(Erased.id.desc()).limit(1))
        self._forget = compiled(Erased.delete().where(within))
        self._note = compiled(Erased.insert(dict.fromkeys(fields, 0)))

    def of(self, channel_id: int, runs: Iterable[Run]) -> Sums:
        """What the records in some runs of keys come to; see `tidelog_service.engine.ports.Store.tally`."""
        records = body_bytes = total = 0
        for start, stop in runs:
            first, last = self._edge(channel_id, start), self._edge(channel_id, stop)
            width, erased, erased_bytes = self._erased(first.key, last.key)
            records += last.key - first.key - width
            body_bytes += last.bytes - first.bytes - erased_bytes
            total += last.sum - first.sum - erased
        return Sums(records, body_bytes, total % SUM_STOP)

    def bury(self, channel_id: int, run: Run) -> None:
        """Note the records in a run of keys as erased, before they are; in the same transaction.

        What was erased right before and after becomes one gap with it.
        """
        first = self._edge(channel_id, run[0])
        last = self._edge(channel_id, run[1])
        if first.key == last.key:
            return
        start, total, size = first.key, last.sum - first.sum, last.bytes - first.bytes
        for key, stop, high, low, gap_bytes in self._database.fetch(
            self._gap_before, (key_of(channel_id, 0), first.key, 1)
        ):
            if stop == first.key:
                start, total, size = key, total + (high << _HALF_BITS) + low, size + gap_bytes
        total %= SUM_STOP
        self._database.write_many(self._forget, [(start, last.key)])
        self._database.write_many(self._note, [(start, last.key, total >> _HALF_BITS, total & _LOW, size)])

    def _edge(self, channel_id: int, key: int) -> _Edge:
        """The first row from this key on, or the end of the log."""
        for fields in self._database.fetch(self._row, (key, key_of(channel_id + 1, 0), 1)):
            return _Edge(*fields)
        ((head, total, size),) = self._database.fetch(self._end, (channel_id,))
        return _Edge(key_of(channel_id, head + 1), total, size)

    def _erased(self, start: int, stop: int) -> tuple[int, int, int]:
        """How many seqs there are in the gaps between two rows, and what was there: sum and bytes."""
        ((width, high, low, size),) = self._database.fetch(self._gaps, (start, stop))
        if not width:
            return 0, 0, 0
        return int(width), (int(high) << _HALF_BITS) + int(low), int(size)
