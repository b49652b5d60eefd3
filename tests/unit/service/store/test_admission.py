"""Who may connect, asked by several threads while an operator changes things."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tidelog_service.store import admission as door
from tidelog_service.store.admission import Admission
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.registry import Registry


@pytest.fixture
def admission(database: Database, registry: Registry) -> Iterator[Admission]:  # noqa: ARG001 - fills the database
    """The door of the fixture's database."""
    made = Admission(database)
    yield made
    made.close()


def test_the_right_secret_is_admitted_and_no_other(admission: Admission) -> None:
    """Also after one was admitted, and never for a device that does not exist."""
    for _ in range(2):
        assert admission.admits("a1", "secret of a1")
        assert not admission.admits("a1", "secret of b1")
        assert not admission.admits("a1", "")
        assert not admission.admits("zz", "secret of a1")
        assert not admission.admits("a1", "\ud800")


def test_a_revoked_device_is_refused_at_the_next_try(admission: Admission, registry: Registry) -> None:
    """Though it was admitted a moment ago."""
    assert admission.admits("a1", "secret of a1")
    registry.revoke_device("a1")
    assert not admission.admits("a1", "secret of a1")
    assert admission.admits("a2", "secret of a2")


def test_a_storm_of_reconnects_costs_one_slow_check_each(
    admission: Admission, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the generation changes; a wrong secret is checked in full every time."""
    checked: list[str] = []

    def matches(stored: str, secret: str) -> bool:
        checked.append(secret)
        return real(stored, secret)

    real = door.is_hash_of
    monkeypatch.setattr(door, "is_hash_of", matches)
    assert all(admission.admits("a1", "secret of a1") for _ in range(50))
    assert checked == ["secret of a1"]
    registry.add_user("dan")
    assert all(admission.admits("a1", "secret of a1") for _ in range(50))
    assert not any(admission.admits("a1", "guess") for _ in range(3))
    assert checked == ["secret of a1", "secret of a1", "guess", "guess", "guess"]


def test_an_unknown_device_costs_as_much_as_a_wrong_secret(
    admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both run the slow hash once, so time does not tell which ids exist."""
    calls: list[str] = []

    def refuse(_secret: str, stored: str) -> bool:
        calls.append(stored)
        return False

    monkeypatch.setattr(door, "is_hash_of", refuse)
    assert not admission.admits("zz", "guess")
    assert not admission.admits("a1", "guess")
    assert len(calls) == 2


def test_a_revocation_during_the_slow_check_is_not_forgotten(
    admission: Admission, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was admitted under the old generation is not kept under the new one."""
    real = door.is_hash_of

    def revoke_meanwhile(stored: str, secret: str) -> bool:
        monkeypatch.setattr(door, "is_hash_of", real)
        registry.revoke_device("a1")
        assert not admission.admits("a1", "secret of a1")
        return real(stored, secret)

    monkeypatch.setattr(door, "is_hash_of", revoke_meanwhile)
    admission.admits("a1", "secret of a1")
    assert not admission.admits("a1", "secret of a1")


def test_many_threads_ask_at_once_even_while_a_batch_is_stored(
    admission: Admission, database: Database
) -> None:
    """The door reads through its own connection: a transaction of another thread does not hold it up."""
    devices = ["a1", "a2", "b1", "zz"] * 10
    with database.transaction(), ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda each: admission.admits(each, f"secret of {each}"), devices))
    assert answers == [device != "zz" for device in devices]


def test_a_database_in_memory_admits_too() -> None:
    """There the door shares the one connection, and closing the door leaves it open."""
    with open_database(":memory:") as database:
        registry = Registry(database)
        registry.add_user("ann")
        secret = registry.add_device("ann", "a1")
        assert registry.admits("a1", secret)
        registry.close()
        assert [each.name for each in registry.users()] == ["ann"]
