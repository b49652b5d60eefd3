"""Marks in a device's file, and the messages above one."""

from __future__ import annotations

import sqlite3
from typing import Final

from tidelog.replica.ports import Changes, Mark

_ALL: Final = """SELECT channel, epoch, user, read, delivered, receipts, waiting FROM marks
    ORDER BY channel, user"""
_PUT: Final = """REPLACE INTO marks (channel, epoch, user, read, delivered, receipts, waiting)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
WRITTEN: Final = """SELECT count(*) FROM records
    WHERE channel_id = (SELECT id FROM channels WHERE name = ?) AND epoch = ? AND seq > ?
    AND (kind = 0 OR kind = 3 OR kind >= 16) AND author <> ?"""
"""In the index's own words: else it would not be used."""


def read(connection: sqlite3.Connection) -> tuple[Mark, ...]:
    """All marks, by channel and user."""
    return tuple(
        Mark(
            channel=channel,
            epoch=epoch,
            user=user,
            read=seq,
            delivered=delivered,
            receipts=bool(receipts),
            waiting=bool(waiting),
        )
        for channel, epoch, user, seq, delivered, receipts, waiting in connection.execute(_ALL)
    )


def apply(connection: sqlite3.Connection, changes: Changes) -> None:
    """Put what rose, and whose device it is; inside a transaction."""
    connection.executemany(
        _PUT,
        [
            (one.channel, one.epoch, one.user, one.read, one.delivered, one.receipts, one.waiting)
            for one in changes.marks
        ],
    )
    if changes.user:
        connection.execute("UPDATE meta SET user = ?", (changes.user,))


def written(connection: sqlite3.Connection, channel: str, epoch: int, *, above: int, besides: str) -> int:
    """How many messages above a seq others than a user wrote."""
    row = connection.execute(WRITTEN, (channel, epoch, above, besides)).fetchone()
    return int(row[0])
