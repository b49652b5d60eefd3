"""Trained dictionaries in the database."""

from __future__ import annotations

import pytest

from tidelog.codec.dictionaries import trained
from tidelog.wire.errors import UsageError
from tidelog_service.store.database import Database
from tidelog_service.store.dictionaries import KEPT_MAX, DictionaryInfo, DictionaryStore
from tidelog_service.store.enrolment import generation

ONE, TWO = trained(b"one\0"), trained(b"two\0")


@pytest.fixture
def dictionaries(database: Database) -> DictionaryStore:
    return DictionaryStore(database, now_ms=lambda: 5_000)


def test_there_is_none_at_first(dictionaries: DictionaryStore) -> None:
    assert (dictionaries.active(), dictionaries.dictionary(ONE.id), dictionaries.listed()) == (0, None, [])


def test_the_last_one_is_active_and_those_before_it_stay(dictionaries: DictionaryStore) -> None:
    dictionaries.add(ONE)
    assert dictionaries.active() == ONE.id
    dictionaries.add(TWO)
    assert dictionaries.active() == TWO.id
    assert (dictionaries.dictionary(ONE.id), dictionaries.dictionary(TWO.id)) == (ONE, TWO)
    assert dictionaries.listed() == [
        DictionaryInfo(id=TWO.id, created=5_001, size=4, active=True),
        DictionaryInfo(id=ONE.id, created=5_000, size=4, active=False),
    ]


def test_one_that_is_there_already_becomes_the_active_one(dictionaries: DictionaryStore) -> None:
    for one in (ONE, TWO, ONE):
        dictionaries.add(one)
    assert [info.id for info in dictionaries.listed()] == [ONE.id, TWO.id]
    assert dictionaries.active() == ONE.id


def test_the_oldest_go_when_there_are_too_many(dictionaries: DictionaryStore) -> None:
    made = [trained(bytes([at])) for at in range(KEPT_MAX + 2)]
    for one in made:
        dictionaries.add(one)
    assert [info.id for info in dictionaries.listed()] == [one.id for one in made[:1:-1]]


def test_a_dropped_one_is_gone_and_none_takes_its_place(dictionaries: DictionaryStore) -> None:
    dictionaries.add(ONE)
    dictionaries.add(TWO)
    assert dictionaries.dictionary(TWO.id) == TWO
    dictionaries.drop(TWO.id)
    assert (dictionaries.active(), dictionaries.dictionary(TWO.id)) == (0, None)
    assert [info.id for info in dictionaries.listed()] == [ONE.id]


def test_what_is_not_there_is_not_dropped(dictionaries: DictionaryStore, database: Database) -> None:
    before = generation(database)
    with pytest.raises(UsageError) as caught:
        dictionaries.drop(300)
    assert caught.value.code == "no_dictionary"
    assert generation(database) == before


def test_a_running_service_sees_what_another_process_does(
    dictionaries: DictionaryStore, database: Database
) -> None:
    dictionaries.add(ONE)
    assert (dictionaries.active(), dictionaries.dictionary(ONE.id)) == (ONE.id, ONE)
    with database.another() as other:
        DictionaryStore(other).add(TWO)
        assert (dictionaries.active(), dictionaries.dictionary(TWO.id)) == (TWO.id, TWO)
        DictionaryStore(other).drop(ONE.id)
    assert dictionaries.dictionary(ONE.id) is None


def test_it_is_read_once(dictionaries: DictionaryStore) -> None:
    dictionaries.add(ONE)
    assert dictionaries.dictionary(ONE.id) is dictionaries.dictionary(ONE.id)
