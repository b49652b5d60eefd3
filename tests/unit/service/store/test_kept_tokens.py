"""What tokens stand for, in the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidelog.wire.errors import Unavailable
from tidelog_service.engine.ports import KeptToken
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.records import TOKENS_MAX, RecordStore


def kept(n: int, *, device: str = "a1", account: bytes = b"account", fresh: bool = True) -> KeptToken:
    return KeptToken(device, n.to_bytes(4), account, fresh)


def known(store: RecordStore, *, device: str = "a1", below: int = 1_000) -> list[int]:
    return [n for n in range(below) if store.token(device, n.to_bytes(4)) is not None]


def test_a_token_stands_for_what_was_kept_last(store: RecordStore) -> None:
    assert store.token("a1", (1).to_bytes(4)) is None
    store.keep_tokens([kept(1), kept(2, account=b"")], 5)
    assert store.token("a1", (1).to_bytes(4)) == b"account"
    assert store.token("a1", (2).to_bytes(4)) == b""
    store.keep_tokens([kept(1, account=b"\0moved on", fresh=False)], 6)
    assert store.token("a1", (1).to_bytes(4)) == b"\0moved on"


def test_a_token_is_its_devices_alone(store: RecordStore) -> None:
    """Two devices may be given the same four bytes."""
    store.keep_tokens([kept(1), kept(1, device="b1", account=b"bob's")], 5)
    assert store.token("a1", (1).to_bytes(4)) == b"account"
    assert store.token("b1", (1).to_bytes(4)) == b"bob's"
    assert store.token("a2", (1).to_bytes(4)) is None


def test_of_a_devices_tokens_the_latest_few_stay(store: RecordStore) -> None:
    store.keep_tokens([kept(9, device="b1")], 0)
    for n in range(TOKENS_MAX + 5):
        store.keep_tokens([kept(n)], n)
    assert known(store) == list(range(5, TOKENS_MAX + 5))
    assert known(store, device="b1") == [9]


def test_a_token_that_is_used_stays(store: RecordStore) -> None:
    store.keep_tokens([kept(0)], 0)
    for n in range(1, 3 * TOKENS_MAX):
        store.keep_tokens([kept(n)], n)
        store.keep_tokens([kept(0, fresh=False)], n)
    assert 0 in known(store)
    assert len(known(store)) == TOKENS_MAX


def test_a_clock_that_was_set_back_does_not_make_the_new_ones_the_oldest(store: RecordStore) -> None:
    """Else a device would ask in full for as long as the clock was ahead."""
    for n in range(TOKENS_MAX):
        store.keep_tokens([kept(n)], 1_000_000 + n)
    for n in range(100, 110):
        store.keep_tokens([kept(n)], n)
        assert n in known(store)
    assert len(known(store)) == TOKENS_MAX


def test_a_batch_of_more_than_may_be_keeps_within_the_bound_the_next_time(store: RecordStore) -> None:
    store.keep_tokens([kept(n) for n in range(10)], 1)
    store.keep_tokens([kept(n) for n in range(100, 104)], 2)
    assert len(known(store)) == 14
    store.keep_tokens([kept(n) for n in range(200, 200 + TOKENS_MAX)], 3)
    assert known(store) == list(range(200, 200 + TOKENS_MAX))
    for n in range(300, 310):
        store.keep_tokens([kept(n), kept(n, device="b1")], 4)
    assert len(known(store)) == TOKENS_MAX
    assert len(known(store, device="b1")) == 10


def test_tokens_are_on_disk(store: RecordStore, database: Database, path: Path) -> None:
    store.keep_tokens([kept(1)], 5)
    database.close()
    with open_database(path) as again:
        assert RecordStore(again).token("a1", (1).to_bytes(4)) == b"account"


def test_a_database_that_fails_keeps_none_of_them(store: RecordStore, database: Database) -> None:
    database.peewee.execute_sql(
        "CREATE TRIGGER t BEFORE INSERT ON token WHEN NEW.token = x'00000002' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(Unavailable):
        store.keep_tokens([kept(1), kept(2)], 5)
    assert known(store) == []
