"""Edits and deletes: how many a log has had, and an index that finds them."""

from __future__ import annotations

from typing import Any

from peewee import Database


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Add the column and the index."""
    run: Any = db.execute_sql
    run('ALTER TABLE "channel" ADD COLUMN "revisions" INTEGER NOT NULL DEFAULT 0')
    run('CREATE INDEX "record_revision" ON "record" ("id") WHERE kind IN (1, 2)')
