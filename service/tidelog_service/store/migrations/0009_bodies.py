"""Large bodies and their pieces."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigAutoField, BigIntegerField, BlobField, Database, Model, TextField


class Body(Model):
    """See `models`."""

    id = AutoField()
    device = TextField()
    digest = BlobField()
    size = BigIntegerField()
    got = BigIntegerField()
    used = BigIntegerField()
    record = BigIntegerField(null=True)

    class Meta:
        """Peewee's options."""

        table_name = "body"


class Piece(Model):
    """See `models`."""

    id = BigAutoField()
    data = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "piece"


TABLES = (Body, Piece)


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Make the tables."""
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES, safe=False)
    run: Any = db.execute_sql
    run('CREATE UNIQUE INDEX "body_upload" ON "body" ("device", "digest") WHERE record IS NULL')
    run('CREATE INDEX "body_used" ON "body" ("used") WHERE record IS NULL')
    run('CREATE UNIQUE INDEX "body_record" ON "body" ("record") WHERE record IS NOT NULL')
