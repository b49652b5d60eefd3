"""What tokens stand for."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, BlobField, CompositeKey, Database, Model, TextField


class Token(Model):
    """See `models`."""

    device = TextField()
    token = BlobField()
    used = BigIntegerField()
    account = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "token"
        primary_key = CompositeKey("device", "token")


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Make the table."""
    with db.bind_ctx((Token,)):
        db.create_tables((Token,), safe=False)
