"""The table of dictionaries; what all stores promise of them is in test_contract."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tidelog.codec.dictionaries import trained
from tidelog.replica.ports import Changes
from tidelog.store import dictionaries, schema


def test_what_is_put_is_read_until_it_is_outworn() -> None:
    one, two = trained(b"one"), trained(b"two")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.upgrade(connection)
        dictionaries.apply(connection, Changes(dictionaries=(two, one, two)))
        assert dictionaries.ids(connection) == (two.id, one.id)
        dictionaries.apply(connection, Changes(outworn=(two.id,)))
        assert (dictionaries.read(connection, one.id), dictionaries.read(connection, two.id)) == (one, None)


def test_a_file_of_before_gets_the_table() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.upgrade(connection, steps=schema.STEPS[:1])
        schema.upgrade(connection)
        assert dictionaries.ids(connection) == ()
