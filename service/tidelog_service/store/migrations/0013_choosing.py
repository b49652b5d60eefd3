"""Indexes for filters: records by author, and those that are no plain messages by kind."""

from __future__ import annotations

from typing import Any

from peewee import Database


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Add the indexes."""
    run: Any = db.execute_sql
    run('CREATE INDEX "record_author" ON "record" ("author_id")')
    run('CREATE INDEX "record_kind" ON "record" ("id", "kind") WHERE kind <> 0')
