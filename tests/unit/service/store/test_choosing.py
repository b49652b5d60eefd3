"""Which records pass a filter: what the index says is what reading every record would say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog_service.engine.ports import Chosen, NewRow
from tidelog_service.store.choosing import _query
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

USERS = ("ann", "bob", "cem")


class Kept:
    """Three hundred records in a store, some numbers without one, and the same as a list."""

    def __init__(self, database: Database) -> None:
        registry = Registry(database, now_ms=lambda: 1)
        for user in USERS:
            registry.add_user(user)
        registry.add_channel("room", list(USERS))
        self.store = RecordStore(database)
        self.rows = [
            NewRow(
                1, seq, 1 + seq * seq % 3, 1_000 + seq // 3, 0, (0, 0, 16, 1, 0, 17, 2, 3)[seq % 8], "", b"x"
            )
            for seq in range(1, 301)
            if seq % 11
        ]
        others = [NewRow(2, seq, 1, 5, 5, 16, "", b"y") for seq in range(1, 50)]
        with self.store.transaction():
            self.store.append([*self.rows, *others])

    def passing(self, seqs: RangeSet, authors: tuple[str, ...], kinds: tuple[int, ...]) -> list[int]:
        ids = {USERS.index(name) + 1 for name in authors if name in USERS}
        return [
            row.seq
            for row in self.rows
            if row.seq in seqs
            and (not authors or row.author_id in ids)
            and (not kinds or row.kind in {*kinds, 1, 2, 3})
        ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with open_database(tmp_path_factory.mktemp("choosing") / "t.db") as database:
        yield Kept(database)


EDGES = st.lists(st.integers(1, 310), max_size=40, unique=True).map(sorted)
SETS = EDGES.map(lambda edges: RangeSet(zip(edges[::2], edges[1::2], strict=False)))
AUTHORS = st.lists(st.sampled_from([*USERS, "nobody"]), max_size=3, unique=True).map(tuple)
KINDS = st.lists(st.sampled_from([0, 16, 17, 99]), max_size=3, unique=True).map(tuple)


@example(seqs=RangeSet([(1, 2), (3, 20)]), authors=(), kinds=(), count=1, newest_first=False)
@example(seqs=RangeSet([(1, 2), (3, 20)]), authors=(), kinds=(0,), count=1, newest_first=False)
@example(seqs=RangeSet([(1, 18), (19, 20)]), authors=("ann",), kinds=(0, 16), count=1, newest_first=True)
@given(
    seqs=st.one_of(SETS, st.just(RangeSet([(1, 2**50)]))),
    authors=AUTHORS,
    kinds=KINDS,
    count=st.integers(1, 320),
    newest_first=st.booleans(),
)
@example(seqs=RangeSet([(1, 4), (5, 22)]), authors=("ann",), kinds=(), count=1, newest_first=False)
@example(seqs=RangeSet([(1, 4), (5, 22)]), authors=(), kinds=(0,), count=17, newest_first=True)
@example(seqs=RangeSet([(1, 22), (30, 40)]), authors=(), kinds=(0, 16), count=7, newest_first=True)
def test_what_passes_is_what_is_so(
    kept: Kept,
    seqs: RangeSet,
    authors: tuple[str, ...],
    kinds: tuple[int, ...],
    *,
    count: int,
    newest_first: bool,
) -> None:
    found = kept.store.chosen(
        1, seqs, authors=authors, kinds=kinds, count_max=count, newest_first=newest_first
    )
    assert found.seqs.count <= count
    wanted = kept.passing(seqs, authors, kinds)
    there = RangeSet.of(row.seq for row in kept.rows)
    if authors or 0 not in kinds:
        # Where all but a few pass, numbers without a record may pass as well: nobody looks.
        assert not found.seqs - there or not (authors or kinds)
    assert list(found.seqs & there) == [seq for seq in wanted if seq not in found.rest]
    assert not found.seqs & found.rest
    assert not (found.seqs | found.rest) - seqs
    if found.rest:
        assert found.seqs.count == count
        assert (
            (found.rest.stop <= found.seqs.runs[0][0])
            if newest_first
            else (found.rest.runs[0][0] >= found.seqs.stop)
        )


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("kinds", [(0,), (0, 99), (0, 17)])
def test_what_passes_is_found_behind_any_number_of_others(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, kinds: tuple[int, ...], *, newest_first: bool
) -> None:
    """Else a page would say that there is more, and bring nothing: a device gives up after a few of these."""
    monkeypatch.setattr("tidelog_service.store.choosing._EXCLUDED_MAX", 2)
    left = RangeSet([(1, 301)])
    there = RangeSet.of(row.seq for row in kept.rows)
    found: list[int] = []
    while left:
        some = kept.store.chosen(1, left, authors=(), kinds=kinds, count_max=4, newest_first=newest_first)
        assert some.seqs or not some.rest
        found += some.seqs & there
        left = some.rest
    assert sorted(found) == kept.passing(RangeSet([(1, 301)]), (), kinds)


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_log_of_nothing_but_others_is_passed_over_by_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, newest_first: bool
) -> None:
    monkeypatch.setattr("tidelog_service.store.choosing._EXCLUDED_MAX", 50)
    with open_database(tmp_path / "t.db") as database:
        store = RecordStore(database)
        with store.transaction():
            store.append([NewRow(1, seq, 1, 5, 5, 16, "", b"y") for seq in range(1, 1_001)])
        found = store.chosen(
            1, RangeSet([(1, 1_001)]), authors=(), kinds=(0,), count_max=9, newest_first=newest_first
        )
    assert found == Chosen(EMPTY, EMPTY)


@pytest.mark.parametrize("newest_first", [True, False])
def test_records_of_an_author_that_are_of_no_such_kind_are_counted(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, *, newest_first: bool
) -> None:
    """They are looked at one by one; who asks for it is charged by that."""
    monkeypatch.setattr("tidelog_service.store.choosing._OTHERS_MAX", 10)
    found = kept.store.chosen(
        1, RangeSet([(1, 301)]), authors=USERS, kinds=(99,), count_max=999, newest_first=newest_first
    )
    assert list(found.seqs) == kept.passing(RangeSet([(1, 301)]), USERS, (99,))
    assert len(kept.rows) - 30 <= found.looked <= len(kept.rows)


def test_an_author_of_nothing_is_looked_for_once_however_many_runs(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    fetch = Database.fetch

    def counted(database: Database, sql: str, *args: object) -> object:
        asked.append(sql)
        return fetch(database, sql, *args)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Database, "fetch", counted)
    seqs = RangeSet((seq, seq + 18) for seq in range(1_000, 100_000, 20))
    kept.store.chosen(1, seqs, authors=USERS, kinds=(), count_max=9, newest_first=True)
    assert len(asked) <= 2 * len(USERS)


def test_a_range_is_cleared_of_so_many_others_at_a_time(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidelog_service.store.choosing._EXCLUDED_MAX", 10)
    found = kept.store.chosen(
        1, RangeSet([(1, 301)]), authors=(), kinds=(0,), count_max=999, newest_first=True
    )
    assert 0 < found.seqs.count < 100
    assert found.rest.runs == ((1, found.rest.stop),)
    there = RangeSet.of(row.seq for row in kept.rows)
    assert list(found.seqs & there) == [
        seq for seq in kept.passing(RangeSet([(1, 301)]), (), (0,)) if seq not in found.rest
    ]


@given(start=st.integers(1, 300), size=st.integers(0, 120), time=st.integers(990, 1_110))
def test_times_are_found_by_halves(kept: Kept, start: int, size: int, time: int) -> None:
    run = (start, start + size)
    first = kept.store.first_at(1, run, time)
    assert run[0] <= first <= run[1]
    within = [row for row in kept.rows if run[0] <= row.seq < run[1]]
    assert all((row.time >= time) == (row.seq >= first) for row in within)


def test_nobody_known_wrote_nothing(kept: Kept) -> None:
    found = kept.store.chosen(
        1, RangeSet([(1, 301)]), authors=("nobody",), kinds=(), count_max=9, newest_first=True
    )
    assert found == Chosen(EMPTY, EMPTY)


@pytest.mark.parametrize(
    ("authors", "kinds", "index"),
    [(1, 0, "record_author"), (1, 3, "record_author"), (0, 3, "record_kind")],
)
@pytest.mark.parametrize("newest_first", [True, False])
def test_ranges_are_searched_by_index(
    tmp_path: Path, authors: int, kinds: int, index: str, *, newest_first: bool
) -> None:
    """Never by reading the records one by one."""
    with open_database(tmp_path / "t.db") as database:
        sql = database.compile(_query(("run", 0, authors, kinds, newest_first)))
        plan = database.fetch(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("?"))
    assert [index in str(row) for row in plan] == [True], plan
