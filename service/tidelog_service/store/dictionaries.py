"""Trained dictionaries in the service's database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from peewee import fn

from tidelog.codec.dictionaries import NONE
from tidelog.codec.dictionaries import Dictionary as Content
from tidelog.wire.errors import UsageError
from tidelog_service.engine.dictionaries import Library
from tidelog_service.store import enrolment
from tidelog_service.store.database import Database
from tidelog_service.store.generations import Watch
from tidelog_service.store.models import Dictionary

KEPT_MAX: Final = 8
"""Dictionaries in the database: devices keep the last four, and nobody fetches an old one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DictionaryInfo:
    """A dictionary.

    Attributes:
        id: the CRC-32 of its content.
        created: when it was trained, Unix milliseconds.
        size: bytes.
        active: whether devices are to have it.
    """

    id: int
    created: int
    size: int
    active: bool


class DictionaryStore(Library):
    """`tidelog_service.engine.dictionaries.Library` on a database, and what an operator does with it.

    What was read is cached until the generation changes, so a running service takes up a new dictionary, and
    lets go of one that was dropped, at its next request.

    Args:
        database: open and migrated; it stays the caller's to close.
        now_ms: the clock, for times of creation.
    """

    def __init__(self, database: Database, *, now_ms: enrolment.Clock = enrolment.unix_ms) -> None:
        """See the class."""
        self._database = database
        self._now_ms = now_ms
        self._watch = Watch(database, self._forget)
        self._active: int | None = None
        self._read: dict[int, Content] = {}

    def active(self) -> int:
        """See `Library.active`."""
        self._watch.look()
        if self._active is None:
            rows = self._database.select(Dictionary.select(Dictionary.id).where(Dictionary.active))
            self._active = rows[0][0] if rows else NONE
        return self._active

    def dictionary(self, number: int) -> Content | None:
        """See `Library.dictionary`."""
        self._watch.look()
        known = self._read.get(number)
        if known is None:
            # Ids that do not exist are not kept: a client could fill the memory with them.
            query = Dictionary.select(Dictionary.data).where(Dictionary.id == number)
            for (data,) in self._database.select(query):
                known = self._read[number] = Content(id=number, data=bytes(data))
        return known

    def add(self, content: Content) -> None:
        """Keep a dictionary and make it the active one; of those before it, the newest seven stay.

        One that is there already becomes the active one, and the newest.
        """
        with self._database.transaction():
            self._database.write(Dictionary.delete().where(Dictionary.id == content.id))
            self._database.write(Dictionary.update(active=False))
            self._database.write(
                Dictionary.insert(id=content.id, created=self._next_ms(), data=content.data, active=True)
            )
            for info in self.listed()[KEPT_MAX:]:
                self._database.write(Dictionary.delete().where(Dictionary.id == info.id))
            enrolment.bump(self._database)

    def drop(self, number: int) -> None:
        """Delete a dictionary; where it was the active one, devices get none until another is trained.

        Raises:
            UsageError: there is no such dictionary (``no_dictionary``).
        """
        with self._database.transaction():
            if not self._database.write(Dictionary.delete().where(Dictionary.id == number)):
                raise UsageError(
                    f"there is no dictionary {number}",
                    code="no_dictionary",
                    hint="`tidelog dictionary list` shows those there are",
                )
            enrolment.bump(self._database)

    def listed(self) -> list[DictionaryInfo]:
        """All dictionaries, the newest first."""
        query = Dictionary.select(
            Dictionary.id, Dictionary.created, fn.LENGTH(Dictionary.data), Dictionary.active
        ).order_by(Dictionary.created.desc())
        return [
            DictionaryInfo(id=number, created=created, size=size, active=bool(active))
            for number, created, size, active in self._database.select(query)
        ]

    def _next_ms(self) -> int:
        """The time, but after that of every other: a clock that stepped back must not make one the oldest."""
        newest = max((info.created for info in self.listed()), default=0)
        return max(self._now_ms(), newest + 1)

    def _forget(self) -> None:
        self._active = None
        self._read.clear()
