"""The tables of a device's file and the steps that bring an older file up to date.

A file's ``user_version`` says how many steps it has behind it. A step is never edited once released; a
change of the tables is a new step at the end.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from tidelog.wire.errors import UsageError

APPLICATION_ID: Final = 0x54494445
"""``TIDE`` in a SQLite file's header: tells a Tidelog store from another application's database."""

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # A store belongs to one device: its have-sets and its outbox's numbers mean nothing to another.
        """CREATE TABLE meta (
             id INTEGER PRIMARY KEY CHECK (id = 1),
             device TEXT NOT NULL,
             outbox_id BLOB NOT NULL,
             next_n INTEGER NOT NULL)""",
        "CREATE TABLE channels (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        # WITHOUT ROWID: the rows lie in the order in which they are read, and the key costs no second tree.
        """CREATE TABLE records (
             channel_id INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
             author TEXT NOT NULL, time INTEGER NOT NULL, sent INTEGER NOT NULL, kind INTEGER NOT NULL,
             content_type TEXT NOT NULL, body BLOB NOT NULL,
             PRIMARY KEY (channel_id, epoch, seq)) WITHOUT ROWID""",
        # COUNT over a channel reads every page of it (bodies included), so the counts are kept.
        """CREATE TABLE counts (
             channel_id INTEGER NOT NULL, epoch INTEGER NOT NULL, records INTEGER NOT NULL,
             PRIMARY KEY (channel_id, epoch)) WITHOUT ROWID""",
        """CREATE TABLE holdings (
             channel_id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, have BLOB NOT NULL,
             wanted BLOB NOT NULL, head INTEGER NOT NULL, floor INTEGER NOT NULL)""",
        """CREATE TABLE outbox (
             n INTEGER PRIMARY KEY, channel TEXT NOT NULL, kind INTEGER NOT NULL, sent INTEGER NOT NULL,
             content_type TEXT NOT NULL, body BLOB NOT NULL, rejected TEXT NOT NULL)""",
    ),
    (
        # What everything would cost again is told after each sync: the bodies' bytes are kept as well.
        "ALTER TABLE counts ADD COLUMN body_bytes INTEGER NOT NULL DEFAULT 0",
        # length() of a blob is read from a row's head, not from the pages that hold the rest of the body.
        """UPDATE counts SET body_bytes = (
             SELECT coalesce(sum(length(body)), 0) FROM records
             WHERE records.channel_id = counts.channel_id AND records.epoch = counts.epoch)""",
    ),
    (
        # Ids rise with use: the last used token is the last one.
        """CREATE TABLE tokens (
             id INTEGER PRIMARY KEY AUTOINCREMENT, scope BLOB NOT NULL UNIQUE, token BLOB NOT NULL,
             account BLOB NOT NULL, dictionary INTEGER NOT NULL)""",
    ),
    (
        # By n they come in the order in which they arrived.
        """CREATE TABLE dictionaries (
             n INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, data BLOB NOT NULL)""",
    ),
    (
        "ALTER TABLE holdings ADD COLUMN gone INTEGER NOT NULL DEFAULT 0",
        # Cut times cannot be made whole again: what a store once took, it takes for good.
        "ALTER TABLE meta ADD COLUMN seconds INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # The device's own user is the empty one: its name may not be known yet.
        """CREATE TABLE marks (
             channel TEXT NOT NULL, user TEXT NOT NULL, epoch INTEGER NOT NULL, read INTEGER NOT NULL,
             delivered INTEGER NOT NULL, receipts INTEGER NOT NULL, waiting INTEGER NOT NULL,
             PRIMARY KEY (channel, user)) WITHOUT ROWID""",
        "ALTER TABLE meta ADD COLUMN user TEXT NOT NULL DEFAULT ''",
        # Messages by others are counted without their bodies, which lie in the rows of the table itself.
        """CREATE INDEX records_written ON records (channel_id, epoch, seq, author, kind)
             WHERE kind = 0 OR kind >= 16""",
    ),
    (
        # Which records and messages speak of a large body; those of the outbox under channel 0.
        """CREATE TABLE stubs (
             channel_id INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, digest BLOB NOT NULL,
             PRIMARY KEY (channel_id, epoch, seq)) WITHOUT ROWID""",
        "CREATE INDEX stubs_digest ON stubs (digest)",
        """CREATE TABLE bodies (
             id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
             got INTEGER NOT NULL)""",
        # The body's id, and the offset in the lower 32 bits.
        "CREATE TABLE pieces (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    ),
    (
        # The number under which the device sent it: should the service lose it, it is sent again so.
        "ALTER TABLE records ADD COLUMN n INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE outbox ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0",
    ),
    ("ALTER TABLE records ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0",),
    (
        # A stub is a message as well.
        "DROP INDEX records_written",
        """CREATE INDEX records_written ON records (channel_id, epoch, seq, author, kind)
             WHERE kind = 0 OR kind = 3 OR kind >= 16""",
    ),
)
"""Statements of each step, run in one transaction."""


def version(connection: sqlite3.Connection) -> int:
    """How many steps the file has behind it; 0 for an empty one.

    Raises:
        UsageError: the file is another application's (code ``store_foreign``) or made by a newer Tidelog
            (code ``store_newer``).
    """
    (steps,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or application or steps):
        raise UsageError(
            "the file is a database of another application",
            code="store_foreign",
            hint="give another path for the store",
        )
    if steps > len(STEPS):
        raise UsageError(
            f"the store has schema {steps}, this software knows up to {len(STEPS)}",
            code="store_newer",
            hint="it was written by a newer tidelog: update this one",
        )
    return int(steps)


def upgrade(connection: sqlite3.Connection, *, steps: tuple[tuple[str, ...], ...] = STEPS) -> None:
    """Run the steps that the file lacks, each in a transaction of its own.

    Args:
        connection: in autocommit mode, the only writer.
        steps: all steps, the file's included.
    """
    for number in range(version(connection), len(steps)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in steps[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
