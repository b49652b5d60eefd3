"""What the device holds, read from its own records."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from simulated.samples import EPOCH, runs
from tidelog.codec.context import Entry, Held, merged
from tidelog.codec.page import Rule
from tidelog.replica.held import ShelfHeld
from tidelog.replica.ports import Changes, Record
from tidelog.store.memory import MemoryStore
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.metadata import Meta
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standing, Standings


class Counting(MemoryStore):
    """Counts how often it is asked and what it hands out."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.handed = 0

    def records(self, channel: str, epoch: int, *, start: int, stop: int, limit: int) -> list[Record]:
        found = super().records(channel, epoch, start=start, stop=stop, limit=limit)
        self.calls += 1
        self.handed += len(found)
        return found


def record(channel: str, seq: int, *, time: int = 1_000) -> Record:
    return Record(
        channel=channel,
        seq=seq,
        author="ann",
        time=time,
        sent=time - 3,
        kind=16,
        body=b"%d" % seq,
        content_type="t/x",
    )


def filled(*records: Record, epoch: int = EPOCH) -> Counting:
    store = Counting()
    store.apply(Changes(records=tuple((epoch, one) for one in records)))
    return store


def keys(entries: list[Entry]) -> list[tuple[str, int]]:
    return [(entry.channel, entry.seq) for entry in entries]


def test_it_is_what_contexts_are_chosen_from() -> None:
    held: Held = ShelfHeld(filled(record("a", 2)), Standings([Standing("a", EPOCH, runs((1, 3)))]), Rule())
    (entry,) = held.entries([("a", 1), ("a", 2)])
    assert entry == Entry("a", 2, Meta("ann", 1_000, 16, -3, "t/x"), b"2", 1)
    assert list(held.newest()) == [entry]


def test_only_what_the_request_stated_is_held() -> None:
    """Whatever arrived since, is of another epoch, or below the floor: the service does not count on it."""
    store = filled(*(record("a", seq) for seq in range(1, 10)), record("b", 1))
    store.apply(Changes(records=((8, record("a", 5)),)))
    held = ShelfHeld(
        store, Standings([Standing("a", EPOCH, runs((1, 4), (6, 8)), 3), Standing("c", EPOCH)]), Rule()
    )
    assert dict(held.seqs()) == {"a": runs((3, 4), (6, 8))}
    assert keys(list(held.newest())) == [("a", 7), ("a", 6), ("a", 3)]


def test_entries_come_in_the_order_of_the_keys_without_those_that_have_no_record() -> None:
    store = filled(*(record(channel, seq) for channel in "ab" for seq in (1, 2, 4)))
    account = Standings(Standing(name, EPOCH, runs((1, 5))) for name in "ab")
    wanted = [("b", 4), ("a", 2), ("b", 3), ("a", 1), ("b", 1)]
    assert keys(list(ShelfHeld(store, account, Rule()).entries(wanted))) == [
        ("b", 4),
        ("a", 2),
        ("a", 1),
        ("b", 1),
    ]


@given(st.integers(0, 2**32))
def test_the_newest_come_as_the_rule_puts_them(seed: int) -> None:
    """Whatever the holes, void seqs and equal times."""
    rng = Random(seed)
    lines: dict[str, list[Record]] = {}
    for name in "abc":
        time = 0
        lines[name] = []
        for seq in range(1, rng.choice([2, 40, 1_500])):
            time += rng.choice([0, 0, 1, 5])
            if rng.random() < 0.8:
                lines[name].append(record(name, seq, time=time))
    store = filled(*(one for line in lines.values() for one in line))
    have = RangeSet([(1, 2_000)])
    held = ShelfHeld(store, Standings(Standing(name, EPOCH, have) for name in lines), Rule())
    entries = {name: held.entries([(name, one.seq) for one in line[::-1]]) for name, line in lines.items()}
    assert list(held.newest()) == list(merged(entries.values()))


def test_no_more_is_read_than_is_taken() -> None:
    store = filled(*(record("a", seq) for seq in range(1, 5_001)))
    newest = ShelfHeld(store, Standings([Standing("a", EPOCH, runs((1, 5_001)))]), Rule()).newest()
    assert [next(newest).seq for _ in range(10)] == list(range(5_000, 4_990, -1))
    assert store.handed <= 64


def test_void_seqs_without_end_take_no_time() -> None:
    """A service that lies could otherwise keep a device busy for years."""
    store = filled(*(record("a", seq) for seq in range(1, 2_001)))
    held = ShelfHeld(store, Standings([Standing("a", EPOCH, runs((1, SEQ_STOP)))]), Rule())
    assert [entry.seq for entry in held.newest()] == list(range(2_000, 0, -1))
    assert store.calls < 200
    assert store.handed < 20_000
