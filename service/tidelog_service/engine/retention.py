"""What logs keep no longer: their floors rise, and what lies below is deleted (SPEC.md, "Retention").

In steps of bounded work between the batches of messages. A floor rises at once, by as much as is due; the
records below it go some thousand at a time. Nobody is told of them from then on, so nobody waits for that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from tidelog.wire.errors import TidelogError

DAY_MS: Final = 86_400_000

STOCKS: Final = 64
"""Logs looked at in one step where none of them has anything due: some milliseconds."""

SLACK: Final = 16
"""A log may have so much more than its bound, as a fraction of it: each rise of a floor is told to devices,
some ten bytes to each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is kept of a log; 0 stands for no bound.

    Attributes:
        days: records of these last days.
        records: the newest so many numbers; those of edited and deleted records count.
        body_bytes: the newest records with so many bytes of bodies.
    """

    days: int = 0
    records: int = 0
    body_bytes: int = 0


class Stock(NamedTuple):
    """What there is of a log.

    Attributes:
        id: the store's key.
        floor: the lowest seq that is kept.
        head: the highest seq given; 0 for none.
        swept: the records below are deleted.
        body_bytes: of the bodies of all that are not.
        policy: what is to be kept.
    """

    id: int
    floor: int
    head: int
    swept: int
    body_bytes: int
    policy: Policy


class Archive(Protocol):
    """The logs as retention needs them; `tidelog_service.store.archive.LogArchive` fits.

    All methods raise `tidelog.wire.errors.Unavailable` where the store fails; nothing was changed then.
    """

    def stocks(self, above: int, count: int) -> list[Stock]:
        """Logs that may have too much, at most so many, by ascending ids above this one."""
        ...

    def first_since(self, log_id: int, start: int, stop: int, time_ms: int) -> int:
        """The first seq of a range from which on no record is older; ``stop`` where all are."""
        ...

    def shed(self, log_id: int, start: int, stop: int, body_bytes: int) -> int:
        """The seq below which a range has so many bytes of bodies; an earlier one where that is far."""
        ...

    def raise_floor(self, log_id: int, floor: int) -> None:
        """Keep nothing below this seq any more; on disk when this returns."""
        ...

    def sweep(self, log_id: int) -> None:
        """Delete some of the records below the floor: a bounded step."""
        ...


class Retention:
    """Sees to all logs once in a while. One thread owns it.

    Args:
        archive: the logs.
        every_ms: from the end of one round to the beginning of the next.
        trouble: told of a store that fails; the next round tries again.
    """

    def __init__(self, archive: Archive, *, every_ms: int, trouble: Callable[[Exception], None]) -> None:
        """See the class."""
        self._archive = archive
        self._every_ms = every_ms
        self._trouble = trouble
        self._due_ms = 0
        self._above = 0
        self._hurried = False

    @property
    def due_ms(self) -> int:
        """When `turn` is to be called next, Unix milliseconds; a time that is past for at once."""
        return 0 if self._hurried else self._due_ms

    def hurry(self) -> None:
        """What is to be kept may have changed: begin a round at once. Any thread may call it."""
        self._hurried = True

    def turn(self, now_ms: int) -> None:
        """Do one step, if it is due; to be called after each batch.

        Args:
            now_ms: the service's clock, Unix milliseconds; one that has stepped back delays nothing.
        """
        if self._hurried:
            self._hurried, self._above = False, 0
        elif now_ms < self._due_ms <= now_ms + self._every_ms:
            return
        try:
            more = self._step(now_ms)
        except TidelogError as error:
            self._trouble(error)
            more = False
        self._due_ms = now_ms if more else now_ms + self._every_ms

    def _step(self, now_ms: int) -> bool:
        """Work on one log, or find that some have nothing due; whether the round goes on."""
        stocks = self._archive.stocks(self._above, STOCKS)
        for stock in stocks:
            if self._work(stock, now_ms):
                return True  # the same log again: there may be more of it
            self._above = stock.id
        if not stocks:
            self._above = 0
        return bool(stocks)

    def _work(self, stock: Stock, now_ms: int) -> bool:
        if stock.swept < stock.floor:
            self._archive.sweep(stock.id)
            return True
        floor = self._floor(stock, now_ms)
        if floor <= stock.floor:
            return False
        self._archive.raise_floor(stock.id, floor)
        return True

    def _floor(self, stock: Stock, now_ms: int) -> int:
        """Where the floor is to be: as high as any of the bounds asks for."""
        floor, stop, policy = stock.floor, stock.head + 1, stock.policy
        if policy.records and stop - floor > policy.records + policy.records // SLACK:
            floor = max(floor, stop - policy.records)
        if policy.body_bytes and stock.body_bytes > policy.body_bytes + policy.body_bytes // SLACK:
            excess = stock.body_bytes - policy.body_bytes
            floor = max(floor, self._archive.shed(stock.id, stock.floor, stop, excess))
        if policy.days and floor < stop:
            since_ms = now_ms - policy.days * DAY_MS
            floor = self._archive.first_since(stock.id, floor, stop, since_ms)
        return floor
