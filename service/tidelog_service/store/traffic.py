"""Accounts of devices' traffic on disk: a row for each day, device and kind."""

from __future__ import annotations

from collections.abc import Sequence

from peewee import EXCLUDED, Expression, Query, fn

from tidelog_service.engine.accounts import Account, Entry
from tidelog_service.engine.packets import Kind
from tidelog_service.engine.sightings import Seen
from tidelog_service.store.database import Database
from tidelog_service.store.models import Sighting, Traffic

_SUMS = (Traffic.packets, Traffic.bytes_up, Traffic.bytes_down, Traffic.bytes_plain)


class TrafficBook:
    """`tidelog_service.engine.bookkeeping.Book` on a database.

    Args:
        database: open and migrated; it stays the caller's to close.
    """

    def __init__(self, database: Database) -> None:
        """See the class."""
        self._database = database
        self._add = database.compile(_addition())
        self._see = database.compile(_seeing())

    def add(self, entries: Sequence[Entry], seen: Sequence[Seen] = ()) -> None:
        """See `Book.add`."""
        rows = [
            (*key, account.packets, account.bytes_up, account.bytes_down, account.bytes_plain)
            for key, account in entries
        ]
        sightings = [(device, one.time_ms, one.presence) for device, one in seen]
        with self._database.transaction():
            self._database.write_many(self._add, rows)
            self._database.write_many(self._see, sightings)

    def drop_before(self, day: int) -> None:
        """See `Book.drop_before`."""
        with self._database.transaction():
            self._database.write(Traffic.delete().where(Traffic.day < day))

    def sums(self, first_day: int, *, device: str = "") -> dict[str, dict[Kind, Account]]:
        """What was kept from a day on.

        Args:
            first_day: days since 1970, UTC.
            device: only this one; empty for all.

        Returns:
            by device, sorted, and by kind.

        Raises:
            Unavailable: the store failed.
        """
        wanted: Expression = Traffic.day >= first_day
        if device:
            wanted &= Traffic.device == device
        query = Traffic.select(Traffic.device, Traffic.kind, *map(fn.SUM, _SUMS)).where(wanted)
        found: dict[str, dict[Kind, Account]] = {}
        grouped = query.group_by(Traffic.device, Traffic.kind).order_by(Traffic.device)
        for name, kind, *sums in self._database.select(grouped):
            found.setdefault(name, {})[Kind(kind)] = Account(*sums)
        return found


def _addition() -> Query:
    """The values: day, device, kind, and the sums."""
    new = Traffic.insert(day=0, device="", kind="", packets=0, bytes_up=0, bytes_down=0, bytes_plain=0)
    key = [Traffic.day, Traffic.device, Traffic.kind]
    added = {field: field + getattr(EXCLUDED, field.column_name) for field in _SUMS}
    return new.on_conflict(conflict_target=key, update=added)


def _seeing() -> Query:
    """The values: device, time, presence or null."""
    new = Sighting.insert(device="", time=0, presence=0)
    known = {
        Sighting.time: fn.MAX(Sighting.time, EXCLUDED.time),
        Sighting.presence: fn.COALESCE(EXCLUDED.presence, Sighting.presence),
    }
    return new.on_conflict(conflict_target=[Sighting.device], update=known)
