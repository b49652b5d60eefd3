"""Hashes of secrets."""

from __future__ import annotations

import pytest

from tidelog_service.engine.secrets import is_hash_of, mosquitto_hash

# Written by mosquitto_passwd 2.0.11 for the secret "hello".
WRITTEN_BY_MOSQUITTO = (
    "$7$101$T2qxlz5nk1uSTcYU$GROD+6fvDR5xPlsKvvFSxAP4Wy9ArlUkoDvO6Pccj7kRfy/1PheQ6l2XI1FDIa6pzSdMkMT5ci92iP7I"
    "Wty4IA=="
)


def test_it_is_the_hash_that_mosquitto_passwd_writes() -> None:
    salt = bytes.fromhex("4f6ab1973e67935b924dc614")
    assert mosquitto_hash("hello", salt=salt) == WRITTEN_BY_MOSQUITTO


def test_a_secret_fits_its_hash_and_no_other() -> None:
    assert is_hash_of(WRITTEN_BY_MOSQUITTO, "hello")
    assert not is_hash_of(WRITTEN_BY_MOSQUITTO, "hellO")
    assert not is_hash_of(WRITTEN_BY_MOSQUITTO, "")


def test_each_hash_has_a_salt_of_its_own() -> None:
    first, second = mosquitto_hash("same"), mosquitto_hash("same")
    assert first != second
    assert is_hash_of(first, "same")
    assert is_hash_of(second, "same")


def test_a_secret_that_is_not_unicode_is_hashed_too() -> None:
    assert is_hash_of(mosquitto_hash("\ud800"), "\ud800")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "hello",
        "$6$101$aaaa$bbbb",
        "$7$$aaaa$bbbb",
        "$7$101$a$b",
        "$7$0$T2qx$T2qx",
        "$7$99999999$T2qx$T2qx",
    ],
)
def test_a_malformed_or_costly_hash_fits_nothing(stored: str) -> None:
    assert not is_hash_of(stored, "hello")
