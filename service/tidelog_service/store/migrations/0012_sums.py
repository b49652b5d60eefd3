"""Sums of fingerprints and bodies, so that a range of a log can be compared without reading it."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import Any, Final

from peewee import Database

_SEQ_BITS: Final = 40
_STOP: Final = 2**64
_BATCH: Final = 2_000
"""Rows read, and written, at a time."""

_NUMBERS: Final = Struct(">QB")
_DELETE: Final = 2
_ROWS: Final = (
    'SELECT r."id", r."kind", u."name", r."content_type", r."body" FROM "record" r '
    'LEFT JOIN "user" u ON u."id" = r."author_id" WHERE r."id" >= ? AND r."id" < ? ORDER BY r."id" LIMIT ?'
)


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Add the columns and the table, then go through each log once, some records at a time."""
    run: Any = db.execute_sql
    for table in ("channel", "record"):
        for column in ("sum", "bytes"):
            run(f'ALTER TABLE "{table}" ADD COLUMN "{column}" INTEGER NOT NULL DEFAULT 0')
    run(
        'CREATE TABLE "erased" ("id" INTEGER NOT NULL PRIMARY KEY, "stop" INTEGER NOT NULL, '
        '"high" INTEGER NOT NULL, "low" INTEGER NOT NULL, "bytes" INTEGER NOT NULL)'
    )
    for channel_id, name, head in run('SELECT "id", "name", "head" FROM "channel"').fetchall():
        _fill(run, channel_id, name, head)


def _fill(run: Any, channel_id: int, name: str, head: int) -> None:  # noqa: ANN401 - as above
    """Give each record the sums of those before it; what was erased counts as nothing, and as a gap."""
    total = size = 0
    after = key = channel_id << _SEQ_BITS
    end = key + (1 << _SEQ_BITS)
    first = True
    while rows := run(_ROWS, (key, end, _BATCH)).fetchall():
        for row_id, kind, author, media, body in rows:
            if row_id > after and not first:
                run('INSERT INTO "erased" VALUES (?, ?, 0, 0, 0)', (after, row_id))
            run('UPDATE "record" SET "sum" = ?, "bytes" = ? WHERE "id" = ?', (_signed(total), size, row_id))
            seq = row_id & (1 << _SEQ_BITS) - 1
            total = (total + _fingerprint(name, seq, kind, author or "", media, bytes(body))) % _STOP
            size += len(body)
            first, after = False, row_id + 1
        key = rows[-1][0] + 1
    stop = (channel_id << _SEQ_BITS) + head + 1
    if not first and stop > after:
        run('INSERT INTO "erased" VALUES (?, ?, 0, 0, 0)', (after, stop))
    run('UPDATE "channel" SET "sum" = ?, "bytes" = ? WHERE "id" = ?', (_signed(total), size, channel_id))


def _fingerprint(channel: str, seq: int, kind: int, author: str, media: str, body: bytes) -> int:
    """As `tidelog.wire.fingerprints` had it when this was written."""
    if kind == _DELETE:
        return 0
    texts = [text.encode() for text in (channel, author, media)]
    told = bytes(map(len, texts)) + b"".join(texts) + _NUMBERS.pack(seq, kind) + body
    return int.from_bytes(blake2b(told, digest_size=8).digest())


def _signed(total: int) -> int:
    return total if total < _STOP >> 1 else total - _STOP
