from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.codec import bodies
from tidelog.codec.context import (
    BODY_BYTES_MAX,
    HISTORY_MAX,
    HISTORY_MIN,
    LOOKS_MAX,
    Context,
    Entry,
    Key,
    choose,
    history_records,
    merged,
    order,
)
from tidelog.wire.limits import CONTEXT_BYTES_MAX
from tidelog.wire.metadata import Meta
from tidelog.wire.ranges import EMPTY, RangeSet

Rows = dict[Key, tuple[int, bytes]]
"""Time and body of each record."""


def entry_of(key: Key, time: int, body: bytes) -> Entry:
    return Entry(*key, Meta("ann", time), body, len(body))


def seqs_of(keys: Iterable[Key]) -> dict[str, RangeSet]:
    found: dict[str, list[int]] = {}
    for channel, seq in keys:
        found.setdefault(channel, []).append(seq)
    return {channel: RangeSet.of(seqs) for channel, seqs in found.items()}


class Shelf:
    """The device's side: it has the records that it holds, and has accounted for voids too."""

    def __init__(self, rows: Rows, voids: Iterable[Key] = ()) -> None:
        self._rows = rows
        self._stated = seqs_of([*rows, *voids])

    def seqs(self) -> Mapping[str, RangeSet]:
        return self._stated

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        return [entry_of(key, *self._rows[key]) for key in keys if key in self._rows]

    def newest(self) -> Iterator[Entry]:
        return iter(sorted(self.entries(list(self._rows)), key=order, reverse=True))


class Statements:
    """The service's side: it has all records, and what the device said that it has accounted for."""

    def __init__(self, rows: Rows, stated: Mapping[str, RangeSet]) -> None:
        self._rows = rows
        self._stated = stated
        self.read = 0

    def seqs(self) -> Mapping[str, RangeSet]:
        return self._stated

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        self.read += len(keys)
        return [self._entry(key) for key in keys if key in self._rows]

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
        return Entry(*key, Meta("ann", time), b"" if large else body, len(body))


def by_the_letter(
    lacking: Sequence[tuple[str, RangeSet]],
    rows: Rows,
    stated: Mapping[str, RangeSet],
    budget_bytes: int,
    records: int,
) -> Context:
    """The rule as the document has it, with no regard to work."""
    rings: list[Key] = []
    for distance in range(sum(seqs.count for seqs in stated.values())):
        for channel, seqs in lacking:
            have = list(stated.get(channel, EMPTY))
            for start, stop in seqs.runs:
                below = [seq for seq in have if seq < start][::-1][distance : distance + 1]
                above = [seq for seq in have if seq >= stop][distance : distance + 1]
                rings += [(channel, seq) for seq in below + above]
    rings = [key for key in dict.fromkeys(rings) if key in rows]
    newest = sorted(rows, key=lambda key: (rows[key][0], key[0].encode(), key[1]), reverse=True)
    taken: list[Key] = []
    for budget, keys in ((budget_bytes // 2, rings), (budget_bytes, newest)):
        for key in keys:
            if key in taken or len(rows[key][1]) > BODY_BYTES_MAX:
                continue
            if sum(bodies.size(rows[other][1]) for other in [*taken, key]) > budget:
                break
            taken.append(key)
    entries = [entry_of(key, *rows[key]) for key in taken]
    wanted = min(max(HISTORY_MIN, 8 * records), HISTORY_MAX)
    history = [entry_of(key, *rows[key]) for key in rings[:wanted]]
    return Context(records=tuple(sorted(entries, key=order)), history=tuple(history))


@st.composite
def logs(draw: st.DrawFn) -> tuple[Rows, Rows, list[Key]]:
    """All records, those that a device holds, and voids that it was told."""
    body = st.sampled_from(
        [b"", b"a", b"some words", b"\0\1", bytes(BODY_BYTES_MAX), b"x" * (BODY_BYTES_MAX + 1)]
    )
    rows: Rows = {}
    held: Rows = {}
    voids: list[Key] = []
    for channel in draw(st.sets(st.sampled_from(["a", "a/b", "é", "\U0001f30a", "\uffff"]), max_size=3)):
        for seq in range(1, draw(st.integers(1, 14))):
            what = draw(st.sampled_from(["lacking", "void", "held", "held", "held"]))
            if what == "void":
                voids.append((channel, seq))
                continue
            rows[channel, seq] = draw(st.integers(0, 9)), draw(body)
            if what == "held":
                held[channel, seq] = rows[channel, seq]
    return rows, held, voids


def missing(rows: Rows, held: Rows) -> list[tuple[str, RangeSet]]:
    channels = sorted({channel for channel, _ in rows})
    lacks = [(c, RangeSet.of(seq for name, seq in rows.keys() - held.keys() if name == c)) for c in channels]
    return [part for part in lacks if part[1]]


@given(
    logs(),
    st.one_of(st.integers(0, 60), st.sampled_from([1500, CONTEXT_BYTES_MAX])),
    st.sampled_from([1, 17, 100]),
)
def test_both_sides_choose_the_same_by_the_letter_of_the_rule(
    both: tuple[Rows, Rows, list[Key]], budget: int, records: int
) -> None:
    rows, held, voids = both
    lacking = missing(rows, held)
    device = Shelf(held, voids)
    service = Statements(rows, device.seqs())
    history = history_records(records)
    chosen = choose(lacking, device, budget, history=history)
    asked = choose(lacking, service, budget, history=history)
    assert [entry[:3] for entry in asked.records] == [entry[:3] for entry in chosen.records]
    assert [entry[:3] for entry in asked.history] == [entry[:3] for entry in chosen.history]
    assert asked.text() == chosen.text()
    assert chosen == by_the_letter(lacking, held, device.seqs(), budget, records)
    assert len(chosen.text()) <= budget


@pytest.mark.parametrize(
    ("records", "history"), [(0, 128), (1, 128), (16, 128), (17, 136), (63, 504), (64, 512), (8192, 512)]
)
def test_history_grows_with_the_page_between_two_bounds(records: int, history: int) -> None:
    assert history_records(records) == history


def test_several_channels_are_merged_by_turns() -> None:
    """An edit has its original's time, so times fall within a channel; the order of seqs stays."""
    ann = [entry_of(("a", seq), time, b"") for seq, time in [(3, 50), (2, 90), (1, 10)]]
    ben = [entry_of(("b", seq), time, b"") for seq, time in [(2, 50), (1, 40)]]
    newest = [(entry.channel, entry.seq) for entry in merged([ann, ben])]
    assert newest == [("b", 2), ("a", 3), ("a", 2), ("b", 1), ("a", 1)]
    oldest = [(entry.channel, entry.seq) for entry in merged([ann[::-1], ben[::-1]], oldest_first=True)]
    assert oldest == [("a", 1), ("b", 1), ("b", 2), ("a", 2), ("a", 3)]


def test_a_seq_without_a_record_takes_its_turn_and_no_more() -> None:
    held: Rows = {("a", seq): (seq, b"text") for seq in (1, 2, 3, 5)}
    chosen = choose([("a", RangeSet([(7, 8)]))], Shelf(held, [("a", 6), ("a", 4)]), 100)
    assert [entry.seq for entry in chosen.history] == [5, 3, 2, 1]
    assert [entry.seq for entry in chosen.records] == [1, 2, 3, 5]


def test_half_is_around_the_page_and_half_is_new() -> None:
    held: Rows = {("a", seq): (seq, b"nine_byte") for seq in range(1, 1001) if seq != 500}
    chosen = choose([("a", RangeSet([(500, 501)]))], Shelf(held), 400, history=HISTORY_MIN)
    seqs = [entry.seq for entry in chosen.records]
    assert seqs == [*range(490, 500), *range(501, 511), *range(981, 1001)]
    assert [entry.seq for entry in chosen.history[:4]] == [499, 501, 498, 502]
    assert len(chosen.history) == HISTORY_MIN


def test_a_small_channel_is_filled_up_with_the_newest_of_others() -> None:
    held: Rows = {("busy", seq): (seq, b"text") for seq in range(1, 100)} | {("quiet", 1): (0, b"hush")}
    chosen = choose([("quiet", RangeSet([(2, 3)]))], Shelf(held), 50)
    assert [(e.channel, e.seq) for e in chosen.records] == [
        ("quiet", 1),
        *(("busy", s) for s in range(91, 100)),
    ]
    assert chosen.history == (entry_of(("quiet", 1), 0, b"hush"),)


def test_history_does_not_depend_on_the_budget() -> None:
    held: Rows = {("a", seq): (seq, b"text") for seq in range(1, 1000)}
    page = [("a", RangeSet([(1000, 1030)]))]
    history = history_records(30)
    none, some = (choose(page, Shelf(held), budget, history=history) for budget in (0, 5000))
    assert none.history == some.history
    assert len(none.history) == 8 * 30
    assert none.text() == b""


@pytest.mark.parametrize("body", [b"", bytes(2 * BODY_BYTES_MAX)], ids=["empty", "too large"])
def test_odd_records_and_odd_holes_are_bounded_work(body: bytes) -> None:
    """A device may state what it likes: every second seq, of records that fill no budget."""
    held: Rows = {("a", seq): (seq, body) for seq in range(1, 60_000) if seq % 2 or seq > 8_000}
    service = Statements(held, Shelf(held).seqs())
    page = [("a", RangeSet.of(range(2, 8_001, 2)))]
    before = process_time()
    choose(page, service, CONTEXT_BYTES_MAX)
    assert process_time() - before < 2
    assert service.read <= 2 * LOOKS_MAX


def test_nothing_held_is_no_context() -> None:
    chosen = choose([("a", RangeSet([(1, 100)]))], Shelf({}), CONTEXT_BYTES_MAX)
    assert chosen == Context(records=(), history=())


def test_only_as_much_is_read_as_is_needed() -> None:
    rows: Rows = {("a", seq): (seq, b"x" * 99) for seq in range(1, 20_001)}
    service = Statements(rows, {"a": RangeSet([(1, 19_981)])})
    choose([("a", RangeSet([(19_981, 20_001)]))], service, 64 << 10)
    assert service.read < 1300
