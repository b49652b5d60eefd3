"""The logs as retention sees them: read by index, deleted by range."""

from __future__ import annotations

from typing import Final

from peewee import SQL, Expression, Function, ModelSelect, Value, fn

from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.retention import Archive, Policy, Stock
from tidelog_service.store.blobs import DELETED_AT_A_TIME, BlobStore
from tidelog_service.store.database import Database
from tidelog_service.store.keys import run_of, seq_of
from tidelog_service.store.models import Body, Channel, Erased, Record

SWEEP_RECORDS: Final = 2_000
"""Deleted, or weighed, in one step: some ten milliseconds."""

SWEEP_BYTES: Final = 4 << 20
"""Of their bodies: each page of a large one is looked at to be freed."""


class LogArchive(Archive):
    """`tidelog_service.engine.retention.Archive` on a database; see there for what each method promises.

    Args:
        database: open and migrated; it stays the caller's to close.
        default: what is kept of channels of which nothing else is said.
    """

    def __init__(self, database: Database, default: Policy | None = None) -> None:
        """See the class."""
        self._database = database
        self._blobs = BlobStore(database)
        self._stocks = _stocks(default or Policy())
        # The values of each: first key, key after the last, and count where one is asked for.
        run: Expression = (Record.id >= 0) & (Record.id < 0)
        self._sizes = database.compile(_read(fn.LENGTH(Record.body), _LARGE).where(run))
        self._times = database.compile(_read(Record.time).where(run))
        self._erase = database.compile(Record.delete().where(run))
        self._forget = database.compile(Erased.delete().where((Erased.id >= 0) & (Erased.id < 0)))

    def stocks(self, above: int, count: int) -> list[Stock]:
        """See `Archive.stocks`."""
        some = self._stocks.where(Channel.id > above).order_by(Channel.id).limit(count)
        return [
            Stock(key, floor, head, swept, body_bytes, Policy(days=days, records=records, body_bytes=size))
            for key, floor, head, swept, body_bytes, days, records, size in self._database.select(some)
        ]

    def first_since(self, log_id: int, start: int, stop: int, time_ms: int) -> int:
        """See `Archive.first_since`; times never fall, so the range is halved again and again."""
        low, high = start, stop
        while low < high:
            middle = (low + high) // 2
            found = self._database.fetch(self._times, (*run_of(log_id, (middle, stop)), 1))
            if not found or found[0][1] >= time_ms:
                high = middle
            else:
                low = seq_of(found[0][0]) + 1
        return low

    def shed(self, log_id: int, start: int, stop: int, body_bytes: int) -> int:
        """See `Archive.shed`."""
        weighed = self._weighed(log_id, start, stop)
        for seq, size, large in weighed:
            body_bytes -= size + large
            if body_bytes <= 0:
                return seq + 1
        return stop if len(weighed) < SWEEP_RECORDS else weighed[-1][0] + 1

    def raise_floor(self, log_id: int, floor: int) -> None:
        """See `Archive.raise_floor`; another process may have raised it further."""
        lower: Expression = (Channel.id == log_id) & (Channel.floor < floor)
        with self._database.transaction():
            self._database.write(Channel.update(floor=floor).where(lower))

    def sweep(self, log_id: int) -> None:
        """See `Archive.sweep`; a power cut may bring them back, and they are swept again."""
        stands = Channel.select(Channel.swept, Channel.floor).where(Channel.id == log_id)
        with self._database.transaction(durable=False):
            ((swept, floor),) = self._database.select(stands)
            end, freed, bodies = floor, 0, 0
            for at, (seq, size, large) in enumerate(self._weighed(log_id, swept, floor), start=1):
                freed += size
                bodies += large > 0
                if at == SWEEP_RECORDS or freed >= SWEEP_BYTES or bodies == DELETED_AT_A_TIME:
                    end = seq + 1
                    break
            freed += self._blobs.erase(log_id, RangeSet([(swept, end)]))
            self._database.write_many(self._forget, [run_of(log_id, (swept, end))])
            self._database.write_many(self._erase, [run_of(log_id, (swept, end))])
            lighter = {Channel.swept: end, Channel.body_bytes: Channel.body_bytes - freed}
            self._database.write(Channel.update(lighter).where(Channel.id == log_id))

    def _weighed(self, log_id: int, start: int, stop: int) -> list[tuple[int, int, int]]:
        """The first seqs of a range that have a record, with the lengths of its body and of its large one."""
        found = self._database.fetch(self._sizes, (*run_of(log_id, (start, stop)), SWEEP_RECORDS))
        return [(seq_of(key), size, large) for key, size, large in found]


_LARGE: Final = fn.COALESCE(Body.select(Body.size).where(Body.record == Record.id), SQL("0"))


def _stocks(default: Policy) -> ModelSelect[Channel]:
    days = _or(Channel.keep_days, default.days)
    records = _or(Channel.keep_records, default.records)
    body_bytes = _or(Channel.keep_bytes, default.body_bytes)
    length = Channel.head + 1 - Channel.floor
    too_much: Expression = (
        (Channel.swept < Channel.floor)
        | ((days > 0) & (length > 0))
        | ((records > 0) & (length > records))
        | ((body_bytes > 0) & (Channel.body_bytes > body_bytes))
    )
    stands = (Channel.id, Channel.floor, Channel.head, Channel.swept, Channel.body_bytes)
    return Channel.select(*stands, days, records, body_bytes).where(too_much)


def _or(column: object, default: int) -> Function:
    return fn.COALESCE(column, Value(default, converter=False))


def _read(*columns: object) -> ModelSelect[Record]:
    return Record.select(Record.id, *columns).order_by(Record.id).limit(1)
