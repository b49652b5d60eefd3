"""Large bodies in the service's database: their bytes in rows of a table that no sync reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final

from peewee import SQL, Query, fn

from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.blobs import Blob, Blobs
from tidelog_service.store.database import Database
from tidelog_service.store.keys import key_of, run_of, within
from tidelog_service.store.models import ON_THE_WAY, Body, Channel, Piece

UPLOADS_MAX: Final = 4
"""Uploads kept for a device: it sends one at a time, and the others wait for it to come back to them."""

UPLOAD_MS_MAX: Final = 86_400_000
"""How long one is kept that nothing is added to: a day, for a device that is away."""

DELETED_AT_A_TIME: Final = 4
"""Bodies deleted in one transaction: that may take up to some hundred milliseconds, and others wait."""

_OFFSET_BITS: Final = 32
"""The lower bits of a piece's key hold its offset, those above the body's id."""


class BlobStore(Blobs):
    """`tidelog_service.engine.blobs.Blobs` on a database; see there for what each method promises.

    Args:
        database: open and migrated; it stays the caller's to close.
    """

    def __init__(self, database: Database) -> None:
        """See the class."""
        self._database = database
        compiled = database.compile
        self._upload = compiled(_UPLOADS.where((Body.device == "") & (Body.digest == b"")))
        self._of_record = compiled(_BLOB.where(Body.record == 0))
        of_records = Body.select(Body.id, Body.size).where((Body.record >= 0) & (Body.record < 0))
        self._of_records = compiled(of_records)
        self._disown = compiled(Body.update(record=0).where(Body.id == 0))
        self._disowned = compiled(Body.select(Body.id).where(Body.record < SQL("0")).limit(1))  # how many
        self._add = compiled(Piece.insert(id=0, data=b""))  # key, data
        self._grow = compiled(Body.update({Body.got: 0, Body.used: 0}).where(Body.id == 0))
        self._pieces = compiled(_pieces())  # key, first key, last
        # What an earlier service left over is looked for once.
        self._left_over = True

    def upload(self, device: str, digest: bytes) -> Blob | None:
        """See `Blobs.upload`."""
        found = self._database.fetch(self._upload, (device, digest))
        return Blob(*found[0]) if found else None

    def begin(self, device: str, digest: bytes, size: int, now_ms: int) -> Blob:
        """See `Blobs.begin`."""
        self._make_room(device, now_ms)
        made = Body.insert(device=device, digest=digest, size=size, got=0, used=now_ms, record=None)
        return Blob(self._database.write(made), size, 0)

    def add(self, upload: Blob, data: bytes, now_ms: int) -> Blob:
        """See `Blobs.add`."""
        got = upload.got + len(data)
        self._database.write_many(self._add, [(_key(upload.id, upload.got), data)])
        self._database.write_many(self._grow, [(got, now_ms, upload.id)])
        return upload._replace(got=got)

    def forget(self, upload: Blob) -> None:
        """See `Blobs.forget`."""
        self._delete([upload.id])

    def attach(self, upload_id: int, channel_id: int, seq: int) -> None:
        """See `Blobs.attach`."""
        self._database.write(Body.update(record=key_of(channel_id, seq)).where(Body.id == upload_id))
        size = Body.select(Body.size).where(Body.id == upload_id)
        heavier = Channel.update(body_bytes=Channel.body_bytes + size)
        self._database.write(heavier.where(Channel.id == channel_id))

    def of_record(self, channel_id: int, seq: int) -> Blob | None:
        """See `Blobs.of_record`."""
        found = self._database.fetch(self._of_record, (key_of(channel_id, seq),))
        return Blob(*found[0]) if found else None

    def pieces(self, blob_id: int, start: int, stop: int) -> Iterator[bytes]:
        """See `Blobs.pieces`."""
        key = _key(blob_id, start)
        keys = (key, _key(blob_id, 0), _key(blob_id, stop))
        with closing(self._database.stepped(self._pieces, keys)) as rows:
            for at, data in rows:
                # Of the first and the last row maybe a part only.
                yield data[max(0, key - at) : _key(blob_id, stop) - at]

    def erase(self, channel_id: int, seqs: RangeSet) -> int:
        """See `Blobs.erase`."""
        gone = 0
        for run in within(seqs).runs:
            found = self._database.fetch(self._of_records, run_of(channel_id, run))
            # They are nobody's from now on; their bytes go some at a time.
            self._database.write_many(self._disown, [(-blob_id, blob_id) for blob_id, _ in found])
            self._left_over |= bool(found)
            gone += sum(size for _, size in found)
        self.sweep()
        return gone

    def sweep(self) -> None:
        """Delete some of the bodies that are no record's any more; inside any transaction."""
        if not self._left_over:
            return
        found = self._database.fetch(self._disowned, (DELETED_AT_A_TIME,))
        self._delete(blob_id for (blob_id,) in found)
        # What was found may come back, if the transaction fails.
        self._left_over = bool(found)

    def _make_room(self, device: str, now_ms: int) -> None:
        newest_first = _ON_THEIR_WAY.where(Body.device == device).order_by(Body.used.desc())
        surplus = newest_first.limit(UPLOADS_MAX).offset(UPLOADS_MAX - 1)
        oldest_first = _ON_THEIR_WAY.where(Body.used < now_ms - UPLOAD_MS_MAX).order_by(Body.used)
        for query in (surplus, oldest_first.limit(DELETED_AT_A_TIME)):
            self._delete(blob_id for (blob_id,) in self._database.select(query))

    def _delete(self, ids: Iterable[int]) -> None:
        for blob_id in ids:
            its = (Piece.id >= _key(blob_id, 0)) & (Piece.id < _key(blob_id + 1, 0))
            self._database.write(Piece.delete().where(its))
            self._database.write(Body.delete().where(Body.id == blob_id))


_BLOB: Final = Body.select(Body.id, Body.size, Body.got)
_UPLOADS: Final = _BLOB.where(SQL(ON_THE_WAY))
_ON_THEIR_WAY: Final = Body.select(Body.id).where(SQL(ON_THE_WAY))


def _key(blob_id: int, offset: int) -> int:
    return (blob_id << _OFFSET_BITS) + offset


def _pieces() -> Query:
    """From the row that holds the first byte: the last that begins at it or before."""
    before = Piece.alias()
    first = before.select(fn.MAX(before.id)).where((before.id <= 0) & (before.id >= 0))
    return Piece.select(Piece.id, Piece.data).where((Piece.id >= first) & (Piece.id < 0)).order_by(Piece.id)
