"""The records of logs, and from which messages they came.

Record, taken and outbox have no foreign keys: their rows come by the thousand from code that has just read
the rows that they name.
"""

from __future__ import annotations

from typing import Final

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BlobField,
    CompositeKey,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)

REVISION: Final = "kind IN (1, 2)"
"""Tells edits and deletes in the index's own words: with placeholders SQLite would not use it."""

NO_MESSAGE: Final = "kind <> 0"
"""The same for all but plain messages."""


class Record(Model):
    """An entry of a log; ``id`` is channel and seq (see `keys`), ``lag`` is ``time - sent``.

    One integer key, where (channel, seq) ``WITHOUT ROWID`` was the other choice. Bytes in the file beside the
    body, integer key against composite key, in one log and in 20 logs written by turns (`bench/keys.py`: bare
    sqlite3, pages of 4 KiB, 20 MB of bodies or 100,000)::

        body      one log       20 by turns
            60    28     37     38     35
           300    43     73     57     67
         1,100   270  3,582    272  3,569
         2,500 1,611  2,182  1,611  2,175
        30,000   732  3,365    788  3,383

    Reading 20 scattered records of a million takes about 0.85 times as long. A table without a rowid is an
    index tree, where a row of more than a quarter of a page continues on pages of its own.

    PostgreSQL is to have the same key: one set of statements, and 8 bytes in its index instead of 16.

    The rest of a row is small as well: ``kind`` 0 and an empty ``content_type`` cost nothing, and the
    author's clock is kept as its lag behind the service's, 0 to 3 bytes instead of 6.

    ``sum`` and ``bytes`` are what all records before it in its log came to, as in `Channel`: see `tallies`.
    """

    # Ids are given, never made: the field stands for the type, which is INTEGER on SQLite (that is the rowid
    # itself; with BIGINT it would be an index beside it) and eight bytes on PostgreSQL.
    id = BigAutoField()
    author_id = IntegerField()
    time = BigIntegerField()
    lag = BigIntegerField()
    kind = SmallIntegerField()
    content_type = TextField()
    body = BlobField()
    sum = BigIntegerField(constraints=[SQL("DEFAULT 0")])
    bytes = BigIntegerField(constraints=[SQL("DEFAULT 0")])

    class Meta:
        """Peewee's options."""

        table_name = "record"


# Few records are edits or deletes, and pages must find them without reading the others.
Record.add_index(Record.index(Record.id, where=SQL(REVISION), name="record_revision"))
# What filters ask for. SQLite's indexes end in the rowid, here the id: 14 bytes a record, 22 with it named.
Record.add_index(Record.index(Record.author_id, name="record_author"))
Record.add_index(Record.index(Record.id, Record.kind, where=SQL(NO_MESSAGE), name="record_kind"))


class Erased(Model):
    """A gap that edits and deletes have left in a log, as long as it goes.

    ``id`` is the key of its first seq, ``stop`` the one after its last. What the records came to that were
    there: the upper and the lower 32 bits of their fingerprints' sum, so that a database can add up any
    number of gaps, and their bodies.
    """

    id = BigAutoField()
    stop = BigIntegerField()
    high = BigIntegerField()
    low = BigIntegerField()
    bytes = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "erased"


class Taken(Model):
    """What is remembered of a message that was taken from a device's outbox."""

    device = TextField()
    outbox = BlobField()
    n = BigIntegerField()
    channel_id = IntegerField()
    seq = BigIntegerField()
    time = BigIntegerField()
    digest = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "taken"
        primary_key = CompositeKey("device", "outbox", "n")
        without_rowid = True


class Outbox(Model):
    """The message numbers taken from an outbox, as `tidelog.wire.runs` writes them."""

    device = TextField()
    outbox = BlobField()
    numbers = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "outbox"
        primary_key = CompositeKey("device", "outbox")
        without_rowid = True
