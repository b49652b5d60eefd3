"""A table of the channels that devices made; it stands by itself beside those of channels and users."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BlobField, Database, ForeignKeyField, Model


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

    channel = ForeignKeyField(Channel, primary_key=True)
    user = ForeignKeyField(User)
    terms = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "founding"


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Make the table."""
    with db.bind_ctx([Founding, Channel, User]):
        db.create_tables([Founding], safe=False)
