"""How far members have come, and which channels tell others."""

from __future__ import annotations

from typing import Any

from peewee import Database


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Add the columns, and the index that finds what is news."""
    run: Any = db.execute_sql
    run('ALTER TABLE "channel" ADD COLUMN "receipts" INTEGER NOT NULL DEFAULT 0')
    run('ALTER TABLE "channel" ADD COLUMN "marks" INTEGER NOT NULL DEFAULT 0')
    for name in ("read", "delivered", "marked", "marks"):
        run(f'ALTER TABLE "member" ADD COLUMN "{name}" INTEGER NOT NULL DEFAULT 0')
    run('CREATE INDEX "member_marks" ON "member" ("channel_id", "marks")')
