"""A table for what each device's traffic takes; it stands by itself and refers to no other."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, CompositeKey, Database, IntegerField, Model, TextField


class Traffic(Model):
    """See `models`."""

    day = IntegerField()
    device = TextField()
    kind = TextField()
    packets = BigIntegerField()
    bytes_up = BigIntegerField()
    bytes_down = BigIntegerField()
    bytes_plain = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "traffic"
        primary_key = CompositeKey("day", "device", "kind")
        without_rowid = True


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Make the table."""
    with db.bind_ctx([Traffic]):
        db.create_tables([Traffic], safe=False)
