"""Tables of the channels that devices made and of devices' clocks; no other table knows of them."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, BlobField, Database, ForeignKeyField, Model, TextField


class Channel(Model):
    """What is referred to, and no more of it."""

    id = AutoField()

    class Meta:
        """Peewee's options."""

        table_name = "channel"


class User(Model):
    """What is referred to, and no more of it."""

    id = AutoField()

    class Meta:
        """Peewee's options."""

        table_name = "user"


class Founding(Model):
    """See `models`."""

    channel = ForeignKeyField(Channel, primary_key=True, on_delete="CASCADE")
    user = ForeignKeyField(User)
    terms = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "founding"


class Clock(Model):
    """See `models`."""

    device = TextField(primary_key=True)
    skew = BigIntegerField()
    measured = BigIntegerField()
    state = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "clock"
        without_rowid = True


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Make the tables."""
    with db.bind_ctx([Founding, Clock, Channel, User]):
        db.create_tables([Founding, Clock], safe=False)
