"""Accounts on disk: they add up, are found by day and device, and go when they are old."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidelog.wire.frames import Presence
from tidelog_service.engine.accounts import Account, Entry, Key
from tidelog_service.engine.packets import Kind
from tidelog_service.engine.sightings import Sighting
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.traffic import TrafficBook


def entry(day: int, device: str, kind: Kind, *counts: int) -> Entry:
    return Key(day, device, kind), Account(*counts)


@pytest.fixture
def book(database: Database) -> TrafficBook:
    made = TrafficBook(database)
    made.add([entry(10, "b1", Kind.ANSWERS, 1, 0, 70, 900), entry(10, "a1", Kind.MESSAGES, 1, 80, 4, 0)])
    made.add([entry(11, "b1", Kind.ANSWERS, 2, 0, 30, 100), entry(11, "b1", Kind.REQUESTS, 1, 32, 0, 0)])
    return made


def test_the_sums_of_days_are_told_by_device_and_kind(book: TrafficBook) -> None:
    assert book.sums(0) == {
        "a1": {Kind.MESSAGES: Account(1, 80, 4, 0)},
        "b1": {Kind.ANSWERS: Account(3, 0, 100, 1_000), Kind.REQUESTS: Account(1, 32, 0, 0)},
    }
    assert list(book.sums(0)) == ["a1", "b1"]


def test_one_device_and_the_last_days_can_be_asked_for(book: TrafficBook) -> None:
    assert list(book.sums(0, device="a1")) == ["a1"]
    assert book.sums(11) == {
        "b1": {Kind.ANSWERS: Account(2, 0, 30, 100), Kind.REQUESTS: Account(1, 32, 0, 0)}
    }
    assert book.sums(12) == book.sums(0, device="zz") == {}


def test_what_is_added_to_a_row_adds_up_beyond_32_bits(book: TrafficBook) -> None:
    for _ in range(2):
        book.add([entry(12, "a1", Kind.STATUS, 1, 2**40, 5, 2**41)])
    assert book.sums(12) == {"a1": {Kind.STATUS: Account(2, 2**41, 10, 2**42)}}


def test_old_days_go(book: TrafficBook) -> None:
    book.drop_before(11)
    assert book.sums(0) == book.sums(11)


def test_it_is_on_disk_and_read_by_others_beside_the_writer(book: TrafficBook, path: Path) -> None:
    with open_database(path) as other:
        assert TrafficBook(other).sums(0) == book.sums(0)


def test_the_last_sighting_stands_and_a_status_until_another_one(database: Database) -> None:
    book = TrafficBook(database)
    for sighting in (Sighting(5, Presence.LIVE), Sighting(0, None), Sighting(9, None), Sighting(7, None)):
        book.add([], [("phone", sighting), ("tablet", Sighting(1, None))])
    assert database.fetch("SELECT * FROM sighting ORDER BY device") == [("phone", 9, 1), ("tablet", 1, None)]
