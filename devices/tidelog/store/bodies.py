"""Large bodies in a device's file: their bytes by digest, as long as a record or a message speaks of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from tidelog.replica.ports import BodyPart, OutboxEntry
from tidelog.store.rows import RecordRow
from tidelog.wire.stubs import stub_of

PIECE_BYTES: Final = 65_536
"""A row: what is read at a time for a chunk, and what SQLite moves when one is deleted."""

_OUTBOX: Final = 0
"""The channel of those that a message of the outbox speaks of; its number stands for the seq."""

_OFFSET_BITS: Final = 32
"""The lower bits of a piece's key hold its offset, those above the body's id."""

_REFER: Final = "REPLACE INTO stubs VALUES (?, ?, ?, ?)"
_REFERRED: Final = "SELECT digest FROM stubs WHERE channel_id = ? AND epoch = ? AND seq >= ? AND seq < ?"
_RELEASE: Final = "DELETE FROM stubs WHERE channel_id = ? AND epoch = ? AND seq >= ? AND seq < ?"
_BEGIN: Final = "INSERT INTO bodies (digest, size, got) VALUES (?, ?, 0) ON CONFLICT (digest) DO NOTHING"
_FIND: Final = "SELECT id, got FROM bodies WHERE digest = ?"
_CLEAR: Final = "DELETE FROM pieces WHERE id >= ? AND id < ?"
_PIECES: Final = """SELECT id, data FROM pieces
    WHERE id >= (SELECT max(id) FROM pieces WHERE id >= ? AND id <= ?) AND id < ? ORDER BY id"""

Key = tuple[int, int, int, int]
"""``channel_id, epoch, start, stop``: a range of seqs."""


def got(connection: sqlite3.Connection, digest: bytes) -> int:
    """Bytes of a body that are there, from its beginning."""
    row = connection.execute(_FIND, (digest,)).fetchone()
    return int(row[1]) if row else 0


def part(connection: sqlite3.Connection, digest: bytes, start: int, stop: int) -> bytes:
    """The bytes of a body from ``start`` up to ``stop``, or to where they end."""
    row = connection.execute(_FIND, (digest,)).fetchone()
    if row is None or start >= stop:
        return b""
    key, end = _key(row[0], start), _key(row[0], stop)
    found = connection.execute(_PIECES, (_key(row[0], 0), key, end))
    return b"".join(data[max(0, key - at) : end - at] for at, data in found)


class Bodies:
    """What one transaction does to large bodies.

    Args:
        connection: in the transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """See the class."""
        self._connection = connection
        self._loose: set[bytes] = set()

    def settle(self, ns: Iterable[int]) -> None:
        """Messages left the outbox."""
        self.release((_OUTBOX, 0, n, n + 1) for n in ns)

    def queue(self, entries: Iterable[OutboxEntry]) -> None:
        """Messages are in the outbox."""
        for entry in entries:
            self.settle([entry.n])
            self._refer(_OUTBOX, 0, entry.n, entry.kind, entry.body)

    def release(self, keys: Iterable[Key]) -> None:
        """Records are gone, or about to be replaced."""
        for key in keys:
            digests = [digest for (digest,) in self._connection.execute(_REFERRED, key)]
            if digests:
                self._loose.update(digests)
                self._connection.execute(_RELEASE, key)

    def put(self, rows: Iterable[RecordRow]) -> None:
        """Records are there."""
        for channel_id, epoch, seq, _, _, _, kind, _, body, _ in rows:
            self._refer(channel_id, epoch, seq, kind, body)

    def keep(self, parts: Iterable[BodyPart]) -> None:
        """Add to bodies what follows on; one that is all there takes the place of less."""
        for one in parts:
            self._connection.execute(_BEGIN, (one.digest, one.size))
            body_id, there = self._connection.execute(_FIND, (one.digest,)).fetchone()
            self._loose.add(one.digest)
            if there < len(one.data) == one.size:
                self._connection.execute(_CLEAR, (_key(body_id, 0), _key(body_id + 1, 0)))
                there = 0
            if there == one.offset:
                self._connection.executemany("INSERT INTO pieces VALUES (?, ?)", _pieces(body_id, one))
                self._connection.execute(
                    "UPDATE bodies SET got = ? WHERE id = ?", (there + len(one.data), body_id)
                )

    def finish(self, spoilt: Iterable[bytes]) -> None:
        """Delete bodies that are not what they should be, and those that nothing speaks of any more."""
        wrong = set(spoilt)
        for digest in self._loose | wrong:
            used = self._connection.execute("SELECT 1 FROM stubs WHERE digest = ? LIMIT 1", (digest,))
            row = self._connection.execute(_FIND, (digest,)).fetchone()
            if row and (digest in wrong or used.fetchone() is None):
                keys = (_key(row[0], 0), _key(row[0] + 1, 0))
                self._connection.execute(_CLEAR, keys)
                self._connection.execute("DELETE FROM bodies WHERE id = ?", row[:1])

    def _refer(self, channel_id: int, epoch: int, seq: int, kind: int, body: bytes) -> None:
        stub = stub_of(kind, body)
        if stub is not None:
            self._connection.execute(_REFER, (channel_id, epoch, seq, stub.digest))


def _key(body_id: int, offset: int) -> int:
    return (body_id << _OFFSET_BITS) + offset


def _pieces(body_id: int, part: BodyPart) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(part.data), PIECE_BYTES):
        yield _key(body_id, part.offset + at), part.data[at : at + PIECE_BYTES]
