"""What is kept of logs, and how much there is."""

from __future__ import annotations

from typing import Any

from peewee import Database

_COLUMNS = (
    '"keep_days" INTEGER',
    '"keep_records" INTEGER',
    '"keep_bytes" INTEGER',
    '"body_bytes" INTEGER NOT NULL DEFAULT 0',
    '"swept" INTEGER NOT NULL DEFAULT 1',
    '"renewed" INTEGER',
)

# Once, over all records: lengths are read from the heads of rows, not from the pages of large bodies.
_WEIGH = """UPDATE "channel" SET "body_bytes" = (
    SELECT coalesce(sum(length("body")), 0) FROM "record"
    WHERE "record"."id" >= "channel"."id" << 40 AND "record"."id" < ("channel"."id" + 1) << 40)"""


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Add the columns."""
    run: Any = db.execute_sql
    for column in _COLUMNS:
        run(f'ALTER TABLE "channel" ADD COLUMN {column}')
    run(_WEIGH)
