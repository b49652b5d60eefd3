"""The first tables."""

from __future__ import annotations

from typing import Any

from peewee import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BlobField,
    CompositeKey,
    Database,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)


class User(Model):
    """See `models`."""

    id = AutoField()
    name = TextField(unique=True)
    created = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "user"


class Device(Model):
    """See `models`."""

    id = TextField(primary_key=True)
    user = ForeignKeyField(User)
    secret = TextField()
    created = BigIntegerField()
    revoked = BigIntegerField(null=True)

    class Meta:
        """Peewee's options."""

        table_name = "device"


class Channel(Model):
    """See `models`."""

    id = AutoField()
    name = TextField(unique=True)
    epoch = BigIntegerField()
    head = BigIntegerField()
    floor = BigIntegerField()
    time = BigIntegerField()
    created = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "channel"


class Member(Model):
    """See `models`."""

    channel = ForeignKeyField(Channel, index=False)
    user = ForeignKeyField(User)
    role = SmallIntegerField()
    joined = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "member"
        primary_key = CompositeKey("channel", "user")


class Record(Model):
    """See `models`."""

    id = BigAutoField()
    author_id = IntegerField()
    time = BigIntegerField()
    lag = BigIntegerField()
    kind = SmallIntegerField()
    content_type = TextField()
    body = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "record"


class Taken(Model):
    """See `models`."""

    device = TextField()
    outbox = BlobField()
    n = BigIntegerField()
    channel_id = IntegerField()
    seq = BigIntegerField()
    time = BigIntegerField()
    digest = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "taken"
        primary_key = CompositeKey("device", "outbox", "n")
        without_rowid = True


class Outbox(Model):
    """See `models`."""

    device = TextField()
    outbox = BlobField()
    numbers = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "outbox"
        primary_key = CompositeKey("device", "outbox")
        without_rowid = True


class Generation(Model):
    """See `models`."""

    id = IntegerField(primary_key=True)
    n = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "generation"


TABLES = (User, Device, Channel, Member, Record, Taken, Outbox, Generation)


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Make every table, and the counter's row."""
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES, safe=False)
        Generation.insert(id=1, n=1).execute()
