"""When accounts are written down, and how much at once; never within the transaction that stores messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tidelog.wire.errors import TidelogError
from tidelog_service.engine.accounts import DAY_MS, Accounts, Entry
from tidelog_service.engine.sightings import Seen, Sightings

WRITE_MS: Final = 10_000
"""What a crash loses at most; a transaction of its own costs a flush to disk, so not after each batch."""

ENTRIES_MAX: Final = 1_000
"""Written in one transaction: some milliseconds. Messages that come meanwhile go before the rest."""

DAYS_KEPT: Final = 90
"""A quarter's bill can be explained, and the table stays small: 7 rows a device and day at most."""


class Book(Protocol):
    """Where accounts are kept; `tidelog_service.store.traffic.TrafficBook` fits."""

    def add(self, entries: Sequence[Entry], seen: Sequence[Seen] = ()) -> None:
        """Add to what is there, on disk on return; each key and each device comes once.

        Raises:
            Unavailable: the store failed; nothing was added.
        """
        ...

    def drop_before(self, day: int) -> None:
        """Forget the days before this one.

        Raises:
            Unavailable: the store failed.
        """
        ...


class Bookkeeper:
    """Writes accounts down every ten seconds; what a crash leaves unwritten is lost.

    Args:
        accounts: what is to be written.
        book: where to.
        sightings: who was heard of; written with them.
        trouble: told of a store that fails; the accounts are kept and written later.
    """

    def __init__(
        self,
        accounts: Accounts,
        book: Book,
        *,
        sightings: Sightings | None = None,
        trouble: Callable[[Exception], None],
    ) -> None:
        """See the class."""
        self._accounts = accounts
        self._sightings = sightings if sightings is not None else Sightings()
        self._book = book
        self._trouble = trouble
        self._due_ms: int | None = None
        self._swept_day = 0

    @property
    def due_ms(self) -> int | None:
        """When `turn` is to be called next, Unix milliseconds; ``None`` where nothing waits."""
        return self._due_ms

    def turn(self, now_ms: int) -> None:
        """Write what is due; to be called after each batch.

        Args:
            now_ms: the service's clock, Unix milliseconds.
        """
        if not self._waits:
            return
        if self._due_ms is None or self._due_ms > now_ms + WRITE_MS:
            # The first since it was last written; or the clock has stepped back.
            self._due_ms = now_ms + WRITE_MS
        elif now_ms >= self._due_ms:
            written = self._write(now_ms)
            rest_ms = now_ms if written else now_ms + WRITE_MS
            self._due_ms = rest_ms if self._waits else None

    def close(self, now_ms: int) -> None:
        """Write everything; the last call."""
        while self._waits and self._write(now_ms):
            pass

    @property
    def _waits(self) -> bool:
        return bool(self._accounts or self._sightings)

    def _write(self, now_ms: int) -> bool:
        entries, seen = self._accounts.take(ENTRIES_MAX), self._sightings.take(ENTRIES_MAX)
        try:
            self._book.add(entries, seen)
        except TidelogError as error:
            self._accounts.put_back(entries)
            self._sightings.put_back(seen)
            self._trouble(error)
            return False
        self._sweep(now_ms // DAY_MS)
        return True

    def _sweep(self, today: int) -> None:
        """Once a day; where that fails, the next write tries again."""
        if today == self._swept_day:
            return
        try:
            self._book.drop_before(today - DAYS_KEPT)
        except TidelogError as error:
            self._trouble(error)
        else:
            self._swept_day = today
