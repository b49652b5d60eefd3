"""Clocks that are hours off, that drift and jump; and messages that waited."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.shelf import Shelf
from tidelog.wire import payload as wire
from tidelog.wire.errors import Unavailable
from tidelog.wire.frames import Message, Messages
from tidelog.wire.payload import Encoding
from tidelog_service.engine.clocks import SPAN_MS, SPANS_MAX, Clock, KeptClock, read
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet

NOW = 1_760_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
WAY = 200
"""How long a message takes from hand to hand, milliseconds."""


class Owner:
    """A device with a clock, and a service that hears of it."""

    def __init__(self, skew_ms: int = 0) -> None:
        self.clock = Clock()
        self.skew_ms = skew_ms
        self.now_ms = NOW
        self.n = 0

    def write(self, *, waits_ms: int = 0, pause_ms: int = 10_000) -> int:
        """A message that is written now, and waits; what its service then takes the skew for."""
        self.now_ms += pause_ms
        self.n += 1
        sent = self.now_ms + self.skew_ms
        self.clock.hear(outbox=b"abcd", n=self.n, sent=sent, now_ms=self.now_ms + waits_ms + WAY)
        return self.clock.skew_ms


@pytest.mark.parametrize("skew_ms", [0, 2 * HOUR, -3 * HOUR, -50 * 365 * DAY, 400])
def test_a_message_that_is_sent_at_once_tells_it(skew_ms: int) -> None:
    assert Owner(skew_ms).write() == skew_ms - WAY


def test_what_waited_for_days_is_no_skew() -> None:
    owner = Owner(2 * HOUR)
    owner.write()
    for _ in range(3 * 1_024):
        assert owner.write(waits_ms=3 * DAY, pause_ms=5) == 2 * HOUR - WAY
    fresh = Owner(2 * HOUR)
    fresh.write(waits_ms=3 * DAY)
    assert fresh.write() == 2 * HOUR - WAY, (
        "and where nothing was known, the first one that did not wait tells"
    )


def test_a_clock_that_is_put_forward_shows_at_once() -> None:
    owner = Owner(-3 * HOUR)
    for _ in range(5):
        owner.write(pause_ms=DAY)
    owner.skew_ms = 0
    assert owner.write() == -WAY
    owner.skew_ms = 5 * HOUR
    assert owner.write() == 5 * HOUR - WAY


def test_one_that_is_put_back_shows_by_the_order_of_its_messages() -> None:
    owner = Owner(2 * HOUR)
    owner.write()
    owner.skew_ms = 0
    assert owner.write() == -WAY


def test_or_after_a_few_minutes_with_messages() -> None:
    """It had been silent for longer than the clock was put back."""
    owner = Owner(2 * HOUR)
    owner.write()
    owner.skew_ms = 0
    seen = [owner.write(pause_ms=5 * HOUR) for _ in range(SPANS_MAX + 1)]
    assert seen[-1] == -WAY
    assert seen[0] == 2 * HOUR - WAY


def test_a_slow_clock_is_followed() -> None:
    owner = Owner()
    for _ in range(100):
        owner.skew_ms -= 4_000
        seen = owner.write(pause_ms=DAY)
    assert owner.skew_ms - WAY <= seen <= owner.skew_ms + 4_000 * SPANS_MAX


def test_what_comes_late_or_out_of_order_says_nothing_of_a_clock_put_back() -> None:
    clock = Clock()
    clock.hear(outbox=b"abcd", n=5, sent=NOW, now_ms=NOW + WAY)
    clock.hear(outbox=b"abcd", n=3, sent=NOW - HOUR, now_ms=NOW + HOUR)
    clock.hear(outbox=b"efgh", n=9, sent=NOW - HOUR, now_ms=NOW + HOUR)
    clock.hear(outbox=b"", n=0, sent=NOW - DAY, now_ms=NOW + HOUR)
    clock.hear(outbox=b"efgh", n=10, sent=NOW - HOUR - 500, now_ms=NOW + HOUR)
    assert clock.skew_ms == -WAY


@given(
    st.integers(-DAY, DAY),
    st.lists(
        st.tuples(st.integers(0, 3 * DAY), st.integers(1, DAY), st.sampled_from([0, 0, 0, HOUR, -HOUR])),
        max_size=30,
    ),
)
def test_it_is_never_ahead_of_what_was_and_right_once_a_few_came_at_once(
    skew_ms: int, story: list[tuple[int, int, int]]
) -> None:
    owner = Owner(skew_ms)
    highest = skew_ms
    for waits_ms, pause_ms, jump_ms in story:
        owner.skew_ms += jump_ms
        highest = max(highest, owner.skew_ms)
        assert owner.write(waits_ms=waits_ms, pause_ms=pause_ms) <= highest - WAY
    for _ in range(SPANS_MAX):
        owner.write(pause_ms=4 * DAY)
    assert owner.clock.skew_ms == owner.skew_ms - WAY


@given(
    st.lists(st.tuples(st.integers(0, 2**50), st.integers(0, 2**50)), max_size=12),
    st.sampled_from([b"", b"abcd"]),
)
def test_what_is_written_down_is_read_again(heard: list[tuple[int, int]], outbox: bytes) -> None:
    clock = Clock()
    for n, (sent, now_ms) in enumerate(heard, 1):
        clock.hear(outbox=outbox, n=n, sent=sent, now_ms=now_ms)
    assert read(clock.written()) == clock


@given(st.binary(max_size=40))
def test_what_cannot_be_read_is_a_clock_of_which_nothing_is_known(state: bytes) -> None:
    clock = read(state)
    clock.hear(outbox=b"abcd", n=1, sent=NOW, now_ms=NOW)
    assert clock.spans


# In the engine


class Book:
    """Keeps what it is told, unless it fails."""

    def __init__(self) -> None:
        self.kept: dict[str, KeptClock] = {}
        self.writes = 0
        self.failing = False

    def state(self, device: str) -> bytes | None:
        kept = self.kept.get(device)
        return None if kept is None else kept.state

    def keep(self, kept: Sequence[KeptClock]) -> None:
        if self.failing:
            raise Unavailable("the disk")
        self.writes += 1
        self.kept.update({one.device: one for one in kept})


@pytest.fixture
def book() -> Book:
    return Book()


def sent(n: int, sent_ms: int, *, device: str = "ann-phone") -> Packet:
    frame = Messages(outbox=b"abcd", messages=(Message(n=n, channel="room", body=b"x", sent=sent_ms),))
    return Packet(f"tl1/{device}/msg", wire.encode(frame, Encoding.PACKED))


def test_the_service_measures_by_the_way_and_writes_rarely(book: Book) -> None:
    engine = Engine(Shelf({"room": ("ann", "bob")}), clocks=book)
    for n in range(1, 101):
        now_ms = NOW + n * 1_000
        engine.handle([sent(n, now_ms + HOUR - 200 - n), sent(n, now_ms - 5, device="bob-phone")], now_ms)
    assert engine.clocks.skew_ms("ann-phone") == HOUR - 201
    assert (book.kept["ann-phone"].skew_ms, book.kept["bob-phone"].skew_ms) == (HOUR - 201, -5)
    assert book.kept["ann-phone"].measured_ms == NOW + 61_000
    assert book.writes == 2, "with each new minute"
    engine.handle([sent(101, NOW + 5 * HOUR)], NOW + 101_000)
    assert book.kept["ann-phone"].skew_ms == 5 * HOUR - 101_000


def test_another_life_of_the_service_goes_on(book: Book) -> None:
    shelf = Shelf({"room": ("ann",)})
    Engine(shelf, clocks=book).handle([sent(1, NOW + HOUR)], NOW)
    engine = Engine(shelf, clocks=book)
    assert engine.clocks.skew_ms("ann-phone") is None
    engine.handle([sent(2, NOW - DAY + HOUR * 2)], NOW + SPAN_MS)
    assert engine.clocks.skew_ms("ann-phone") == HOUR - HOUR * 24 + HOUR - SPAN_MS, "it was put back"
    again = Engine(shelf, clocks=book)
    again.handle([sent(3, NOW + 2 * SPAN_MS)], NOW + 2 * SPAN_MS - 1)
    assert book.kept["ann-phone"].skew_ms == 1


def test_repetitions_and_what_does_not_say_when_tell_nothing(book: Book) -> None:
    engine = Engine(Shelf({"room": ("ann",)}), clocks=book)
    engine.handle([sent(1, NOW)], NOW + 5)
    before = dict(book.kept)
    engine.handle([sent(1, NOW)], NOW + DAY)
    engine.handle([sent(2, 0)], NOW + DAY)
    engine.handle([Packet("tl1/ann-phone/msg/room", b"x")], NOW + DAY)
    assert book.kept == before


def test_a_book_that_fails_fails_no_message(book: Book) -> None:
    engine = Engine(Shelf({"room": ("ann",)}), clocks=book)
    book.failing = True
    assert engine.handle([sent(1, NOW)], NOW + 5)
    book.failing = False
    engine.handle([sent(2, NOW + 10)], NOW + 20)
    assert book.kept["ann-phone"].skew_ms == -5


def test_the_order_is_that_of_the_numbers_whatever_clocks_say(book: Book) -> None:
    """Times never fall, and what each device said is kept as it was said."""
    shelf = Shelf({"room": ("ann", "bob")})
    engine = Engine(shelf, clocks=book)
    said = [NOW + HOUR, NOW - 2 * DAY, NOW + 5, NOW + 50 * DAY, 1]
    for n, sent_ms in enumerate(said, 1):
        device = "ann-phone" if n % 2 else "bob-phone"
        # The service's own clock is put back in the middle.
        engine.handle([sent(n, sent_ms, device=device)], NOW + (n if n < 3 else -HOUR))
    rows = list(shelf.records[shelf.logs["room"].id].values())
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert [row.sent for row in rows] == said
    assert [row.time for row in rows] == [NOW + 1, *[NOW + 2] * 4]
