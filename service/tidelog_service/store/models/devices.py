"""What is known of devices between their requests, and the dictionaries that they are given."""

from __future__ import annotations

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)


class Token(Model):
    """What a device's token stands for, as `tidelog_service.engine.tokens` writes it.

    ``used``: when that last changed.
    """

    device = TextField()
    token = BlobField()
    used = BigIntegerField()
    # Up to some hundred kilobytes: without rowids such rows would lie on pages of their own.
    account = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "token"
        primary_key = CompositeKey("device", "token")


class Sighting(Model):
    """When a device was last heard of, 0 for never, and what its status said, null for nothing."""

    device = TextField(primary_key=True)
    time = BigIntegerField()
    presence = SmallIntegerField(null=True)

    class Meta:
        """Peewee's options."""

        table_name = "sighting"


class Clock(Model):
    """How wrong a device's clock is; see `tidelog_service.engine.clocks.KeptClock`."""

    device = TextField(primary_key=True)
    skew = BigIntegerField()
    measured = BigIntegerField()
    state = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "clock"
        without_rowid = True


class Traffic(Model):
    """What packets of one kind to and from a device took on a day; see `tidelog_service.engine.accounts`.

    The day stands first in the key: what is written belongs to today, and old days go as one range.
    """

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


class Dictionary(Model):
    """A trained dictionary; ``id`` is the CRC-32 of ``data``, and the active one is what devices are to have.

    Some tens of KB a row, and a handful of rows.
    """

    id = BigIntegerField(primary_key=True)
    created = BigIntegerField()
    data = BlobField()
    active = BooleanField()

    class Meta:
        """Peewee's options."""

        table_name = "dictionary"
