"""From where to where members may read."""

from __future__ import annotations

from typing import Any

from peewee import Database


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Add the columns."""
    run: Any = db.execute_sql
    run('ALTER TABLE "channel" ADD COLUMN "windowed" INTEGER NOT NULL DEFAULT 0')
    run('ALTER TABLE "member" ADD COLUMN "first" INTEGER NOT NULL DEFAULT 1')
    run('ALTER TABLE "member" ADD COLUMN "last" INTEGER')
