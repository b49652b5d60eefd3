"""The engine's store on SQLite."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelog.wire.errors import Unavailable, UsageError
from tidelog.wire.limits import MESSAGE_WINDOW, SEQ_STOP, TIME_MS_STOP
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog_service.engine.ports import Head, Log, NewRow, OutboxKey, Row, Taken, Terminal
from tidelog_service.store.database import Database, Fields, open_database
from tidelog_service.store.keys import CHANNEL_STOP, LOG_STOP
from tidelog_service.store.models import Member, Role
from tidelog_service.store.records import FORGET_EVERY, RecordStore
from tidelog_service.store.registry import Registry

_CHANGE = """
import sys
from tidelog_service.store.database import open_database
from tidelog_service.store.registry import Registry
with open_database(sys.argv[1]) as database:
    registry = Registry(database)
    registry.revoke_device("a1")
    registry.leave("room", "bob")
    registry.join("room", "cem")
    registry.close()
"""
_KEY = OutboxKey("a1", b"\x01\x02\x03\x04")


def _new(seq: int, body: bytes = b"body", *, author_id: int = 1) -> NewRow:
    return NewRow(1, seq, author_id, 1_000 + seq, 1_000, 0, "", body)


def _message(n: int) -> Taken:
    return Taken(n, 1, n, 1_000 + n, n.to_bytes(8, "big"))


def _all(store: RecordStore, seqs: RangeSet, *, newest_first: bool = False) -> list[Row]:
    return store.rows(1, seqs, records_max=10_000, bytes_max=10**9, newest_first=newest_first)


def _seen(store: RecordStore, user_id: int) -> tuple[int, int, bool]:
    log = store.logs_of(user_id)["hall"]
    return log.floor, log.head, log.left


class TestWho:
    """Devices, channels and members."""

    def test_a_device_is_known_with_its_user(self, store: RecordStore) -> None:
        """Or it is none."""
        assert store.terminal("a1") == Terminal(device="a1", user_id=1, user="ann")
        assert store.terminal("zz") is None

    def test_a_user_sees_the_logs_of_its_channels(self, store: RecordStore, registry: Registry) -> None:
        """With head, floor and time as they stand now."""
        registry.add_direct("ann", "cem")
        epochs = {each.name: each.epoch for each in registry.channels()}
        assert store.logs_of(1) == {
            "room": Log(id=1, name="room", epoch=epochs["room"], head=0, floor=1, time=0),
            "dm/ann/cem": Log(id=2, name="dm/ann/cem", epoch=epochs["dm/ann/cem"], head=0, floor=1, time=0),
        }
        assert list(store.logs_of(3)) == ["dm/ann/cem"]
        with store.transaction():
            store.advance({2: Head(7, 700)})
        assert (store.logs_of(3)["dm/ann/cem"].head, store.logs_of(3)["dm/ann/cem"].time) == (7, 700)

    def test_a_member_writes_where_it_may(
        self, store: RecordStore, registry: Registry, database: Database
    ) -> None:
        """Not where it only reads, is no member, or there is no channel."""
        registry.add_channel("hall", ["ann", "bob"])
        with database.transaction():
            reader = (Member.channel == 2) & (Member.user == 1)
            database.write(Member.update(role=Role.READER).where(reader))
        assert list(store.writable(1, ["room", "hall", "none"])) == ["room"]
        assert set(store.writable(2, ["room", "hall"])) == {"room", "hall"}
        assert store.writable(3, ["room"]) == {}
        assert store.writable(1, []) == {}
        assert set(store.logs_of(1)) == {"room", "hall"}

    def test_hundreds_of_channels_are_asked_for_at_once(self, store: RecordStore, registry: Registry) -> None:
        """More than one statement's list holds."""
        names = [f"c{number}" for number in range(300)]
        for name in names:
            registry.add_channel(name, ["ann"])
        assert set(store.writable(1, names)) == set(names)

    def test_the_audience_is_every_device_of_every_member(
        self, store: RecordStore, registry: Registry
    ) -> None:
        """Revoked devices hear nothing."""
        assert store.audience(1) == ("a1", "a2", "b1")
        registry.revoke_device("a2")
        assert store.audience(1) == ("a1", "b1")
        assert store.audience(99) == ()

    def test_where_a_channel_has_windows_a_member_reads_from_joining_to_leaving(
        self, store: RecordStore, registry: Registry
    ) -> None:
        registry.add_channel("hall", ["ann"], windowed=True)
        hall = store.logs_of(1)["hall"]
        self._write(store, hall.id, 10)
        assert "hall" not in store.logs_of(2), "a future member"
        registry.join("hall", "bob")
        assert _seen(store, 2) == (11, 10, False)
        self._write(store, hall.id, 15)
        assert _seen(store, 2) == (11, 15, False)
        assert store.readable_from(hall.id) == 11
        assert "b1" in store.audience(hall.id)
        registry.leave("hall", "bob")
        self._write(store, hall.id, 20)
        assert _seen(store, 2) == (11, 15, True), "a former member"
        assert store.logs_of(2)["hall"].time > 10**12, "nothing is told of what came after"
        assert (_seen(store, 1), store.readable_from(hall.id)) == ((1, 20, False), 1)
        assert store.writable(2, ["hall"]) == {}
        assert store.audience(hall.id) == ("a1", "a2")
        assert [info.channels for info in registry.users()] == [("hall", "room"), ("room",), ()]
        assert [info.members for info in registry.channels() if info.name == "hall"] == [("ann",)]
        registry.join("hall", "bob")
        assert _seen(store, 2) == (21, 20, False), "one who comes back begins anew"
        with pytest.raises(UsageError, match="already"):
            registry.join("hall", "bob")

    def test_who_was_there_while_nothing_was_written_has_nothing_to_read(
        self, store: RecordStore, registry: Registry
    ) -> None:
        registry.add_channel("hall", ["ann", "bob"], windowed=True)
        registry.leave("hall", "bob")
        assert "hall" not in store.logs_of(2)
        with pytest.raises(UsageError) as caught:
            registry.leave("hall", "bob")
        assert caught.value.code == "no_member"

    def test_roles_are_what_they_say(self, store: RecordStore, registry: Registry) -> None:
        registry.add_channel("hall", [])
        for user, role in (("ann", Role.READER), ("bob", Role.WRITER), ("cem", Role.OWNER)):
            registry.join("hall", user, role=role)
        assert [list(store.writable(user, ["hall"])) for user in (1, 2, 3)] == [[], ["hall"], ["hall"]]
        assert [store.logs_of(user)["hall"].owned for user in (1, 2, 3)] == [False, False, True]

    def _write(self, store: RecordStore, channel_id: int, head: int) -> None:
        with store.transaction():
            store.advance({channel_id: Head(head, 1_000 + head)})

    def test_a_change_over_the_same_connection_is_seen_at_the_next_call(
        self, store: RecordStore, registry: Registry
    ) -> None:
        """Nothing of the old state is answered from a cache."""
        assert store.terminal("a1") == Terminal(device="a1", user_id=1, user="ann")
        registry.revoke_device("a1")
        assert store.terminal("a1") == Terminal(device="a1", user_id=1, user="ann", revoked=True)
        assert store.terminal("a3") is None
        registry.add_device("ann", "a3")
        assert store.terminal("a3") == Terminal(device="a3", user_id=1, user="ann")

    def test_a_change_by_another_process_is_seen_at_the_next_call(
        self, store: RecordStore, path: Path
    ) -> None:
        """By every method that caches, and by those that read each time."""
        assert (store.terminal("a1"), store.audience(1)) == (
            Terminal(device="a1", user_id=1, user="ann"),
            ("a1", "a2", "b1"),
        )
        assert (set(store.logs_of(2)), set(store.writable(3, ["room"]))) == ({"room"}, set())
        subprocess.run([sys.executable, "-c", _CHANGE, path], check=True, timeout=60)
        assert store.terminal("a1") == Terminal(device="a1", user_id=1, user="ann", revoked=True)
        assert store.audience(1) == ("a2", "c1")
        assert (set(store.logs_of(2)), set(store.writable(3, ["room"]))) == (set(), {"room"})

    def test_within_a_transaction_the_counter_is_read_once(
        self, store: RecordStore, database: Database
    ) -> None:
        """Nobody else can change anything meanwhile, and a batch asks for hundreds of devices."""
        with store.transaction():
            store.terminal("a1")
            with _counting(database) as statements:
                for _ in range(5):
                    store.terminal("a1")
            assert statements == []


class TestRecords:
    """Reading and writing records."""

    def test_a_record_comes_back_as_it_was_stored(self, store: RecordStore) -> None:
        """Whatever its clock said, and whatever its bytes are."""
        last = TIME_MS_STOP - 1
        rows = [
            NewRow(1, 1, 1, 5_000, 5_000, 0, "", b""),
            NewRow(1, 2, 2, last, 0, 255, "application/json; charset=utf-8", bytes(range(256))),
            NewRow(1, LOG_STOP - 1, 3, 0, last, 1, "ä", b"\x00"),
        ]
        with store.transaction():
            store.append(rows)
        assert _all(store, RangeSet([(1, SEQ_STOP)])) == [
            Row(row.seq, user, *row[3:8]) for row, user in zip(rows, ("ann", "bob", "cem"), strict=True)
        ]

    def test_a_batch_that_fails_leaves_nothing(self, store: RecordStore) -> None:
        """Neither its rows, nor the head, nor what was taken."""

        def fail() -> None:
            with store.transaction():
                store.append([_new(1)])
                store.advance({1: Head(1, 1_001)})
                store.remember([(_KEY, _message(1))], {_KEY: RangeSet([(1, 2)])})
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert _all(store, RangeSet([(1, 10)])) == []
        assert store.logs_of(1)["room"].head == 0
        assert store.numbers([_KEY]) == {_KEY: EMPTY}
        assert store.taken(_KEY, [1]) == {}

    def test_a_number_is_given_once(self, store: RecordStore) -> None:
        """A second record of the same seq fails the batch."""
        with store.transaction():
            store.append([_new(1)])
        with pytest.raises(Unavailable), store.transaction():
            store.append([_new(2), _new(1, b"other")])
        assert [row.body for row in _all(store, RangeSet([(1, 10)]))] == [b"body"]

    def test_a_full_log_is_an_error_and_not_another_channel(self, store: RecordStore) -> None:
        """The batch leaves nothing, and trying again would not help."""
        over = _new(LOG_STOP)
        with pytest.raises(UsageError, match=str(LOG_STOP)) as caught, store.transaction():
            store.append([_new(LOG_STOP - 1), over])
        assert (caught.value.code, bool(caught.value.hint)) == ("log_full", True)
        with pytest.raises(UsageError) as caught, store.transaction():
            store.advance({1: Head(over.seq, over.time)})
        assert caught.value.code == "log_full"
        assert _all(store, RangeSet([(1, SEQ_STOP)])) == []
        assert store.logs_of(1)["room"].head == 0

    @pytest.mark.parametrize("newest_first", [True, False])
    def test_seqs_beyond_a_log_are_not_those_of_the_next_channel(
        self, store: RecordStore, *, newest_first: bool
    ) -> None:
        """Neither in a run nor one by one, nor in the last channel, behind which keys end."""
        last = CHANNEL_STOP - 1
        with store.transaction():
            for channel_id in (1, 2, last):
                store.append([_new(seq)._replace(channel_id=channel_id) for seq in (1, 2, LOG_STOP - 1)])
        everything = RangeSet([(0, SEQ_STOP)])
        singles = RangeSet.of((1, LOG_STOP - 1, LOG_STOP + 1, LOG_STOP + 2, SEQ_STOP - 1))
        for channel_id in (1, last):
            for seqs, expected in ((everything, [1, 2, LOG_STOP - 1]), (singles, [1, LOG_STOP - 1])):
                rows = store.rows(
                    channel_id, seqs, records_max=99, bytes_max=10**6, newest_first=newest_first
                )
                assert [row.seq for row in rows] == expected[:: -1 if newest_first else 1]

    def test_the_first_row_comes_whatever_its_size(self, store: RecordStore) -> None:
        """Or a large record would block a channel for ever."""
        with store.transaction():
            store.append([_new(1, b"x" * 100), _new(2, b"y")])
        rows = store.rows(1, RangeSet([(1, 3)]), records_max=9, bytes_max=10, newest_first=False)
        assert [row.seq for row in rows] == [1]
        assert store.rows(1, RangeSet([(1, 3)]), records_max=0, bytes_max=10, newest_first=False) == []

    def test_two_hundred_holes_take_two_statements(self, store: RecordStore, database: Database) -> None:
        """One for the records, one for the author's name, which is then known."""
        with store.transaction():
            store.append([_new(seq) for seq in range(1, 2_001)])
        holes = RangeSet.of(range(5, 2_000, 10))
        with _counting(database) as statements:
            assert [row.seq for row in _all(store, holes)] == list(holes)
        assert len(statements) == 2
        with _counting(database) as statements:
            _all(store, holes, newest_first=True)
        assert len(statements) == 1

    def test_reading_20_of_100000_takes_the_same_steps_as_of_1000(
        self, store: RecordStore, database: Database
    ) -> None:
        """SQLite's own count of instructions: not one more, where 100 times as much is stored."""
        sizes = (1_000, 100_000)
        with store.transaction():
            for channel_id, size in enumerate(sizes, start=1):
                store.append([_new(seq)._replace(channel_id=channel_id) for seq in range(1, size + 1)])
        _all(store, RangeSet([(1, 2)]))  # from now on the author's name is known
        steps: dict[str, set[int]] = {"newest": set(), "scattered": set()}
        for channel_id, size in enumerate(sizes, start=1):
            wanted = {
                "newest": RangeSet([(size - 19, size + 1)]),
                "scattered": RangeSet.of(range(7, size, size // 20)),
            }
            for name, seqs in wanted.items():
                with _stepping(database) as counted:
                    rows = store.rows(channel_id, seqs, records_max=999, bytes_max=10**6, newest_first=True)
                assert [row.seq for row in rows] == list(seqs)[::-1]
                assert len(rows) == 20
                steps[name].add(counted.total())
        assert {name: len(counts) for name, counts in steps.items()} == {"newest": 1, "scattered": 1}

    def test_a_reader_takes_from_the_disk_what_it_returns_and_one_more(
        self, store: RecordStore, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However long the run, and however large the bodies behind the limit."""
        with store.transaction():
            store.append([_new(seq, b"x" * 100) for seq in range(1, 2_001)])
        stepped: list[int] = []
        real = database.stepped

        def noting(sql: str, params: tuple[object, ...]) -> Iterator[Fields]:
            for fields in real(sql, params):
                stepped.append(fields[0])
                yield fields

        monkeypatch.setattr(database, "stepped", noting)
        for seqs in (RangeSet([(1, 2_001)]), RangeSet.of(range(1, 2_001, 2))):
            for limit in ({"records_max": 5, "bytes_max": 10**6}, {"records_max": 999, "bytes_max": 599}):
                stepped.clear()
                rows = store.rows(1, seqs, **limit, newest_first=True)
                assert [row.seq for row in rows] == list(seqs)[:-6:-1]
                assert len(stepped) <= len(rows) + 1


_BODIES = st.lists(st.binary(max_size=12), min_size=1, max_size=120)
_SEQS = st.lists(
    st.tuples(st.integers(1, 140), st.sampled_from((1, 1, 1, 2, 20, 70))).map(lambda run: (run[0], sum(run))),
    max_size=40,
).map(RangeSet)


@given(
    bodies=_BODIES,
    seqs=_SEQS,
    floor=st.integers(1, 30),
    records_max=st.integers(0, 60),
    bytes_max=st.integers(0, 400),
    newest_first=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_rows_are_those_of_a_plain_list(
    *, bodies: list[bytes], seqs: RangeSet, floor: int, records_max: int, bytes_max: int, newest_first: bool
) -> None:
    """In the order asked for, up to the limits, whatever is missing from log or request."""
    stored = {seq: body for seq, body in enumerate(bodies, start=1) if seq >= floor}
    expected: list[tuple[int, bytes]] = []
    for seq in sorted(seqs, reverse=newest_first):
        if seq not in stored:
            continue
        over = sum(len(body) for _, body in expected) + len(stored[seq]) > bytes_max
        if len(expected) >= records_max or (expected and over):
            break
        expected.append((seq, stored[seq]))
    with open_database(":memory:") as database:
        Registry(database).add_user("ann")
        store = RecordStore(database)
        with store.transaction():
            store.append([_new(seq, body) for seq, body in stored.items()])
            store.append([_new(seq, b"another channel")._replace(channel_id=2) for seq in range(1, 200)])
        rows = store.rows(1, seqs, records_max=records_max, bytes_max=bytes_max, newest_first=newest_first)
    assert [(row.seq, row.body) for row in rows] == expected


class TestOutboxes:
    """What is remembered of messages taken."""

    def test_numbers_and_messages_come_back(self, store: RecordStore) -> None:
        """By outbox; a new outbox has none, and a plain client's has no id."""
        plain = OutboxKey("a1", b"")
        numbers = RangeSet([(1, 4), (9, 10)])
        with store.transaction():
            store.remember([(_KEY, _message(1)), (_KEY, _message(9))], {_KEY: numbers, plain: EMPTY})
        assert store.numbers([_KEY, plain, OutboxKey("b1", _KEY.outbox)]) == {
            _KEY: numbers,
            plain: EMPTY,
            OutboxKey("b1", _KEY.outbox): EMPTY,
        }
        assert store.taken(_KEY, [1, 2, 9]) == {1: _message(1), 9: _message(9)}
        assert store.taken(plain, [1, 9]) == {}

    def test_numbers_are_replaced_by_the_next_batch(self, store: RecordStore) -> None:
        """The caller gives the whole set each time."""
        for stop in (2, 3):
            with store.transaction():
                store.remember([(_KEY, _message(stop - 1))], {_KEY: RangeSet([(1, stop)])})
        assert store.numbers([_KEY]) == {_KEY: RangeSet([(1, 3)])}

    def test_an_outbox_full_of_holes_is_read_back(self, store: RecordStore) -> None:
        """Every second number of a window is more runs than a peer may send in one set."""
        numbers = RangeSet.of(range(2, MESSAGE_WINDOW, 2))
        with store.transaction():
            store.remember([], {_KEY: numbers})
        assert store.numbers([_KEY]) == {_KEY: numbers}

    def test_hundreds_of_messages_are_asked_for_at_once(self, store: RecordStore) -> None:
        """More than one statement's list holds."""
        with store.transaction():
            store.remember([(_KEY, _message(n)) for n in range(1, 601)], {_KEY: RangeSet([(1, 601)])})
        assert list(store.taken(_KEY, range(1, 700))) == list(range(1, 601))

    def test_what_lies_below_the_window_is_forgotten_now_and_then(self, store: RecordStore) -> None:
        """When a multiple of FORGET_EVERY is taken; other outboxes and the window itself are left alone."""
        other = OutboxKey("a1", b"\x09\x09\x09\x09")
        due = MESSAGE_WINDOW + 4 * FORGET_EVERY
        with store.transaction():
            store.remember([(_KEY, _message(n)) for n in range(1, due)], {_KEY: RangeSet([(1, due)])})
            store.remember([(other, _message(1))], {other: RangeSet([(1, 2)])})
        assert min(store.taken(_KEY, range(1, due))) == due - 1 - MESSAGE_WINDOW
        with store.transaction():
            store.remember([], {_KEY: RangeSet([(1, due + 500)])})
        assert min(store.taken(_KEY, range(1, due))) == due - 1 - MESSAGE_WINDOW
        with store.transaction():
            store.remember([(_KEY, _message(due))], {_KEY: RangeSet([(1, due + 1)])})
        kept = store.taken(_KEY, range(1, due + 1))
        assert min(kept) == due - MESSAGE_WINDOW
        assert len(kept) == MESSAGE_WINDOW + 1
        assert store.taken(other, [1]) == {1: _message(1)}

    def test_a_hole_keeps_everything_above_it(self, store: RecordStore) -> None:
        """The window hangs below the highest contiguous number, not below the highest."""
        taken = [_message(n) for n in (1, FORGET_EVERY, MESSAGE_WINDOW + FORGET_EVERY)]
        with store.transaction():
            store.remember([(_KEY, each) for each in taken], {_KEY: RangeSet.of(each.n for each in taken)})
        assert list(store.taken(_KEY, [each.n for each in taken])) == [each.n for each in taken]


@contextmanager
def _stepping(database: Database) -> Iterator[Counter[str]]:
    """Count the instructions that SQLite's virtual machine runs."""
    counted: Counter[str] = Counter()
    database.peewee.handle.set_progress_handler(lambda: counted.update(("step",)), 1)
    try:
        yield counted
    finally:
        database.peewee.handle.set_progress_handler(None, 1)


@contextmanager
def _counting(database: Database) -> Iterator[list[str]]:
    """Collect the SQL that is run."""
    statements: list[str] = []
    database.peewee.handle.set_trace_callback(statements.append)
    try:
        yield statements
    finally:
        database.peewee.handle.set_trace_callback(None)


class TestRevisions:
    """Edits and deletes, and what goes with them."""

    def test_they_are_found_among_others(self, store: RecordStore) -> None:
        """By range and by single seqs; never those of another log."""
        rows = [_new(seq)._replace(kind={3: 1, 5: 2, 8: 16, 9: 2}.get(seq, 0)) for seq in range(1, 12)]
        with store.transaction():
            store.append([*rows, _new(5)._replace(channel_id=2, kind=1)])
        found = store.revisions(1, RangeSet([(1, 12)]), records_max=9, bytes_max=999)
        assert [(row.seq, row.kind, row.author, row.body) for row in found] == [
            (3, 1, "ann", b"body"),
            (5, 2, "ann", b"body"),
            (9, 2, "ann", b"body"),
        ]
        for few in ({"records_max": 2, "bytes_max": 999}, {"records_max": 9, "bytes_max": 5}):
            assert [row.seq for row in store.revisions(1, RangeSet([(1, 12)]), **few)] == [3, 5]
        scattered = RangeSet([(1, 2), (3, 4), (6, 7), (9, 10), (11, 12)])
        assert [row.seq for row in store.revisions(1, scattered, records_max=9, bytes_max=999)] == [3, 9]
        assert store.revisions(1, RangeSet([(6, 9)]), records_max=9, bytes_max=999) == []

    def test_what_is_erased_is_gone_and_nothing_else(self, store: RecordStore) -> None:
        with store.transaction():
            store.append([_new(seq) for seq in range(1, 12)] + [_new(3)._replace(channel_id=2)])
        with store.transaction():
            store.erase(1, RangeSet([(3, 5), (9, 10), (40, 2**50)]))
        assert [row.seq for row in _all(store, RangeSet([(1, 50)]))] == [1, 2, 5, 6, 7, 8, 10, 11]
        assert [
            row.seq
            for row in store.rows(2, RangeSet([(1, 9)]), records_max=9, bytes_max=99, newest_first=False)
        ] == [3]

    def test_how_many_a_log_has_had_is_counted(self, store: RecordStore) -> None:
        assert store.logs_of(1)["room"].revisions == 0
        for head in (Head(3, 5, 2), Head(4, 6), Head(6, 7, 1)):
            with store.transaction():
                store.advance({1: head})
        log = store.logs_of(1)["room"]
        assert (log.head, log.time, log.revisions) == (6, 7, 3)
