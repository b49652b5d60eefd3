"""Trained dictionaries."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, BlobField, BooleanField, Database, Model


class Dictionary(Model):
    """See `models`."""

    id = BigIntegerField(primary_key=True)
    created = BigIntegerField()
    data = BlobField()
    active = BooleanField()

    class Meta:
        """Peewee's options."""

        table_name = "dictionary"


TABLES = (Dictionary,)


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Make the table."""
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES, safe=False)
