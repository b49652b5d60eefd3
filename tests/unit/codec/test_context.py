from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.codec import bodies
from tidelog.codec.context import (
    BODY_BYTES_MAX,
    BUDGET_BYTES_MAX,
    HISTORY_MAX,
    HISTORY_MIN,
    LOOKS_MAX,
    Context,
    Entry,
    Key,
    choose,
    order,
)
from tidelog.wire.ranges import EMPTY, RangeSet

Rows = dict[Key, tuple[int, bytes]]
"""Time and body of each record."""


class Shelf:
    """The device's side: it has the records that it holds, and no others."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def seqs(self) -> Mapping[str, RangeSet]:
        found: dict[str, list[int]] = {}
        for channel, seq in self._rows:
            found.setdefault(channel, []).append(seq)
        return {channel: RangeSet.of(seqs) for channel, seqs in found.items()}

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        return [self._entry(key) for key in keys]

    def newest(self) -> Iterator[Entry]:
        return iter(sorted(map(self._entry, self._rows), key=order, reverse=True))

    def _entry(self, key: Key) -> Entry:
        time, body = self._rows[key]
        return Entry(*key, time=time, body=body, body_bytes=len(body))


class Statements:
    """The service's side: it has all records, and what the device said that it holds."""

    def __init__(self, rows: Rows, stated: Mapping[str, RangeSet]) -> None:
        self._rows = rows
        self._stated = stated
        self.read = 0

    def seqs(self) -> Mapping[str, RangeSet]:
        return self._stated

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        self.read += len(keys)
        return [self._entry(key) for key in keys]

    def newest(self) -> Iterator[Entry]:
        by_time = sorted(((time, key[0].encode(), key[1]) for key, (time, _) in self._rows.items()))
        for _, channel, seq in reversed(by_time):
            key = channel.decode(), seq
            if seq in self._stated.get(key[0], EMPTY):
                self.read += 1
                yield self._entry(key)

    def _entry(self, key: Key) -> Entry:
        time, body = self._rows[key]
        large = len(body) > BODY_BYTES_MAX
        return Entry(*key, time=time, body=b"" if large else body, body_bytes=len(body))


def by_the_letter(page: Sequence[tuple[str, RangeSet]], rows: Rows, budget_bytes: int) -> Context:
    """The rule as the document has it, with no regard to work."""
    rings: list[Key] = []
    for distance in range(len(rows)):
        for channel, seqs in page:
            held = sorted(seq for name, seq in rows if name == channel)
            for start, stop in seqs.runs:
                below = [seq for seq in held if seq < start][::-1][distance : distance + 1]
                above = [seq for seq in held if seq >= stop][distance : distance + 1]
                rings += [(channel, seq) for seq in below + above]
    rings = list(dict.fromkeys(rings))
    newest = sorted(rows, key=lambda key: (rows[key][0], key[0].encode(), key[1]), reverse=True)
    taken: list[Key] = []
    for budget, keys in ((budget_bytes // 2, rings), (budget_bytes, newest)):
        for key in keys:
            if key in taken or len(rows[key][1]) > BODY_BYTES_MAX:
                continue
            if sum(bodies.size(rows[other][1]) for other in [*taken, key]) > budget:
                break
            taken.append(key)
    entries = [Entry(*key, *rows[key], body_bytes=len(rows[key][1])) for key in taken]
    wanted = min(max(HISTORY_MIN, 8 * sum(seqs.count for _, seqs in page)), HISTORY_MAX)
    return Context(records=tuple(sorted(entries, key=order)), history=tuple(rings[:wanted]))


@st.composite
def logs(draw: st.DrawFn) -> tuple[Rows, Rows]:
    """All records, and those that a device holds."""
    body = st.sampled_from(
        [b"", b"a", b"some words", b"\0\1", bytes(BODY_BYTES_MAX), b"x" * (BODY_BYTES_MAX + 1)]
    )
    rows: Rows = {}
    for channel in draw(st.sets(st.sampled_from(["a", "a/b", "é", "\U0001f30a", "\uffff"]), max_size=3)):
        for seq in range(1, draw(st.integers(1, 14))):
            rows[channel, seq] = draw(st.integers(0, 9)), draw(body)
    return rows, {key: row for key, row in rows.items() if draw(st.integers(0, 3))}


def missing(rows: Rows, held: Rows) -> list[tuple[str, RangeSet]]:
    channels = sorted({channel for channel, _ in rows})
    lacks = [(c, RangeSet.of(seq for name, seq in rows.keys() - held.keys() if name == c)) for c in channels]
    return [part for part in lacks if part[1]]


@given(logs(), st.one_of(st.integers(0, 60), st.sampled_from([1500, BUDGET_BYTES_MAX])))
def test_both_sides_choose_the_same_by_the_letter_of_the_rule(both: tuple[Rows, Rows], budget: int) -> None:
    rows, held = both
    page = missing(rows, held)
    device, service = Shelf(held), Statements(rows, Shelf(held).seqs())
    chosen = choose(page, device, budget)
    asked = choose(page, service, budget)
    assert [entry[:3] for entry in asked.records] == [entry[:3] for entry in chosen.records]
    assert (asked.text(), asked.history) == (chosen.text(), chosen.history)
    assert chosen == by_the_letter(page, held, budget)
    assert len(chosen.text()) <= budget


def test_half_is_around_the_page_and_half_is_new() -> None:
    held: Rows = {("a", seq): (seq, b"nine_byte") for seq in range(1, 1001) if seq != 500}
    chosen = choose([("a", RangeSet([(500, 501)]))], Shelf(held), 400)
    seqs = [entry.seq for entry in chosen.records]
    assert seqs == [*range(490, 500), *range(501, 511), *range(981, 1001)]
    assert chosen.history[:4] == (("a", 499), ("a", 501), ("a", 498), ("a", 502))
    assert len(chosen.history) == HISTORY_MIN


def test_a_small_channel_is_filled_up_with_the_newest_of_others() -> None:
    held: Rows = {("busy", seq): (seq, b"text") for seq in range(1, 100)} | {("quiet", 1): (0, b"hush")}
    chosen = choose([("quiet", RangeSet([(2, 3)]))], Shelf(held), 50)
    assert [(e.channel, e.seq) for e in chosen.records] == [
        ("quiet", 1),
        *(("busy", s) for s in range(91, 100)),
    ]
    assert chosen.history == (("quiet", 1),)


def test_history_does_not_depend_on_the_budget() -> None:
    held: Rows = {("a", seq): (seq, b"text") for seq in range(1, 1000)}
    page = [("a", RangeSet([(1000, 1030)]))]
    assert choose(page, Shelf(held), 0).history == choose(page, Shelf(held), 5000).history
    assert len(choose(page, Shelf(held), 0).history) == 8 * 30
    assert choose(page, Shelf(held), 0).text() == b""


@pytest.mark.parametrize("body", [b"", bytes(2 * BODY_BYTES_MAX)], ids=["empty", "too large"])
def test_odd_records_and_odd_holes_are_bounded_work(body: bytes) -> None:
    """A device may state what it likes: every second seq, of records that fill no budget."""
    held: Rows = {("a", seq): (seq, body) for seq in range(1, 60_000) if seq % 2 or seq > 8_000}
    service = Statements(held, Shelf(held).seqs())
    page = [("a", RangeSet.of(range(2, 8_001, 2)))]
    before = process_time()
    choose(page, service, BUDGET_BYTES_MAX)
    assert process_time() - before < 2
    assert service.read <= 2 * LOOKS_MAX


def test_nothing_held_is_no_context() -> None:
    chosen = choose([("a", RangeSet([(1, 100)]))], Shelf({}), BUDGET_BYTES_MAX)
    assert chosen == Context(records=(), history=())


def test_only_as_much_is_read_as_is_needed() -> None:
    rows: Rows = {("a", seq): (seq, b"x" * 99) for seq in range(1, 20_001)}
    service = Statements(rows, {"a": RangeSet([(1, 19_981)])})
    choose([("a", RangeSet([(19_981, 20_001)]))], service, 64 << 10)
    assert service.read < 1300
