"""Records of epochs that are over, in the device's file; see `tidelog.replica.stranded`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict

from tidelog.replica.ports import COPIES_MAX, Copy, Record
from tidelog.store import rows

_NUMBER = """UPDATE records SET n = ?
    WHERE channel_id = (SELECT id FROM channels WHERE name = ?) AND epoch = ? AND seq = ?"""
_EARLIER = """SELECT name, counts.epoch FROM counts JOIN channels ON channels.id = counts.channel_id
    LEFT JOIN holdings ON holdings.channel_id = counts.channel_id
    WHERE records > 0 AND counts.epoch IS NOT holdings.epoch ORDER BY name, counts.epoch"""
_OTHERS = """SELECT channel_id, epoch, records FROM counts
    WHERE channel_id = (SELECT id FROM channels WHERE name = ?) AND epoch <> ? AND records > 0"""
_FOUND = """SELECT epoch, seq, n FROM records WHERE channel_id = :channel AND epoch = :epoch
    AND author = :author AND sent = :sent AND kind = :kind AND content_type = :content_type"""
_HERE = f"""{_FOUND} AND seq = :seq AND length(body) + left_out = length(:body) + :left_out
    AND substr(body, 1, length(:body)) = substr(:body, 1, length(body))"""
_ANYWHERE = f"""{_FOUND} AND body = :body AND left_out = :left_out ORDER BY seq LIMIT 1"""
_WRITTEN = """SELECT epoch, n, seq, author, time, sent, kind, content_type, body FROM records
    WHERE channel_id = ? AND epoch = ? AND time >= ? AND n > ? AND kind NOT IN (1, 2) AND left_out = 0
    ORDER BY n LIMIT ?"""


def number(connection: sqlite3.Connection, written: Iterable[tuple[str, int, int, int]]) -> None:
    """Note under which numbers the device sent records; see `Changes.written`."""
    connection.executemany(_NUMBER, [(n, channel, epoch, seq) for channel, epoch, seq, n in written])


def earlier(connection: sqlite3.Connection) -> tuple[tuple[str, int], ...]:
    """See `Snapshot.earlier`."""
    return tuple(connection.execute(_EARLIER).fetchall())


def copies(connection: sqlite3.Connection, record: Record, epoch: int) -> list[Copy]:
    """See `Shelf.copies`; a look at one key in each other epoch, where there are any."""
    found: list[Copy] = []
    for channel_id, other, count in connection.execute(_OTHERS, (record.channel, epoch)).fetchall():
        said = {**asdict(record), "channel": channel_id, "epoch": other}
        row = connection.execute(_HERE, said).fetchone()
        if row is None and count <= COPIES_MAX:
            row = connection.execute(_ANYWHERE, said).fetchone()
        if row is not None:
            found.append(Copy(*row))
    return found


def own_earlier(
    connection: sqlite3.Connection, channel: str, epoch: int, bounds: tuple[int, int, int]
) -> list[tuple[Copy, Record]]:
    """See `Shelf.own_earlier`.

    Args:
        connection: to the file.
        channel: the channel's name.
        epoch: not of this one.
        bounds: ``since``, ``above`` and ``limit`` of the port.
    """
    *_, limit = bounds
    found: list[tuple[Copy, Record]] = []
    for channel_id, other, _ in connection.execute(_OTHERS, (channel, epoch)).fetchall():
        for of, n, *row in connection.execute(_WRITTEN, (channel_id, other, *bounds)):
            record = rows.record(channel, (row[0], row[1], row[2], row[3], row[4], row[5], row[6], 0))
            found.append((Copy(of, record.seq, n), record))
    return sorted(found, key=lambda one: (one[0].n, one[0]))[:limit]
