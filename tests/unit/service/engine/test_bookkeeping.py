"""When accounts are written down, how much at once, and what a store that fails costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tidelog.wire.errors import Unavailable
from tidelog_service.engine import bookkeeping
from tidelog_service.engine.accounts import DAY_MS, Accounts, Entry
from tidelog_service.engine.bookkeeping import ENTRIES_MAX, WRITE_MS, Bookkeeper
from tidelog_service.engine.packets import Kind, Packet, Reply
from tidelog_service.engine.sightings import Seen, Sightings

NOW = 1_000 * DAY_MS


@dataclass
class Book:
    """Keeps what was written, and fails when told to."""

    written: list[list[str]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    failing: bool = False
    sweeping_fails: bool = False

    def add(self, entries: Sequence[Entry], seen: Sequence[Seen] = ()) -> None:
        if self.failing:
            raise Unavailable("the disk is full", code="store_full")
        self.written.append([key.device for key, _ in entries])
        self.seen += [device for device, _ in seen]

    def drop_before(self, day: int) -> None:
        if self.sweeping_fails:
            raise Unavailable("locked", code="store_busy")
        self.dropped.append(day)


@dataclass
class Office:
    accounts: Accounts = field(default_factory=Accounts)
    sightings: Sightings = field(default_factory=Sightings)
    book: Book = field(default_factory=Book)
    troubles: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keeper = Bookkeeper(
            self.accounts, self.book, sightings=self.sightings, trouble=self.troubles.append
        )

    def note(self, *devices: str) -> None:
        self.accounts.served((), [Reply(device, b"", Kind.FAULTS) for device in devices], NOW)


def test_nothing_to_write_is_never_due() -> None:
    office = Office()
    office.keeper.turn(NOW)
    office.keeper.close(NOW)
    assert (office.keeper.due_ms, office.book.written) == (None, [])


def test_accounts_wait_ten_seconds_for_others() -> None:
    office = Office()
    office.note("a1")
    office.keeper.turn(NOW)
    assert office.keeper.due_ms == NOW + WRITE_MS
    office.note("b1")
    office.keeper.turn(NOW + WRITE_MS - 1)
    assert office.book.written == []
    office.keeper.turn(NOW + WRITE_MS)
    assert (office.book.written, office.keeper.due_ms) == ([["a1", "b1"]], None)


def test_very_many_are_written_a_piece_a_turn() -> None:
    """Messages that wait come between the pieces."""
    office = Office()
    office.note(*(f"d{n}" for n in range(2 * ENTRIES_MAX + 1)))
    office.keeper.turn(NOW)
    for pieces in (1, 2, 3):
        office.keeper.turn(NOW + WRITE_MS)
        assert len(office.book.written) == pieces
    assert [len(piece) for piece in office.book.written] == [ENTRIES_MAX, ENTRIES_MAX, 1]
    assert office.keeper.due_ms is None


def test_a_store_that_fails_gets_them_ten_seconds_later() -> None:
    office = Office()
    office.note("a1")
    office.keeper.turn(NOW)
    office.book.failing = True
    office.keeper.turn(NOW + WRITE_MS)
    assert [str(trouble) for trouble in office.troubles] == ["the disk is full"]
    assert office.keeper.due_ms == NOW + 2 * WRITE_MS
    office.book.failing = False
    office.keeper.turn(NOW + 2 * WRITE_MS)
    assert office.book.written == [["a1"]]


def test_the_end_writes_everything_or_gives_up_at_the_first_failure() -> None:
    office = Office()
    office.note(*(f"d{n}" for n in range(ENTRIES_MAX + 1)))
    office.keeper.close(NOW)
    assert [len(piece) for piece in office.book.written] == [ENTRIES_MAX, 1]
    office.book.failing = True
    office.note("a1")
    office.keeper.close(NOW)
    assert len(office.troubles) == 1


def test_a_clock_that_steps_back_delays_nothing_for_long() -> None:
    office = Office()
    office.note("a1")
    office.keeper.turn(NOW)
    office.keeper.turn(NOW - DAY_MS)
    assert office.keeper.due_ms == NOW - DAY_MS + WRITE_MS


def test_old_days_are_dropped_once_a_day_and_again_where_that_failed() -> None:
    office = Office()
    for now, failing in ((NOW, True), (NOW + 1, False), (NOW + 2, False), (NOW + DAY_MS, False)):
        office.book.sweeping_fails = failing
        office.note("a1")
        office.keeper.close(now)
    kept = bookkeeping.DAYS_KEPT
    assert office.book.dropped == [1_000 - kept, 1_001 - kept]
    assert [str(trouble) for trouble in office.troubles] == ["locked"]


def test_who_was_seen_is_written_with_the_accounts_and_kept_where_that_fails() -> None:
    office = Office()
    office.sightings.served([("a1", Packet("tl1/a1/status", b"1", 0, retained=True))], NOW)
    office.keeper.turn(NOW)
    office.book.failing = True
    office.keeper.turn(NOW + WRITE_MS)
    assert office.book.seen == []
    office.book.failing = False
    office.keeper.turn(NOW + 2 * WRITE_MS)
    assert office.book.seen == ["a1"]
    assert office.keeper.due_ms is None
