"""Users, their devices, channels, and who is a member of which."""

from __future__ import annotations

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)

from tidelog.wire.enrolling import Role


class User(Model):
    """A user: the author of records, the owner of devices."""

    id = AutoField()
    name = TextField(unique=True)
    created = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "user"


class Device(Model):
    """A terminal of a user; ``secret`` is a hash (see `credentials`), ``revoked`` the time or null."""

    id = TextField(primary_key=True)
    user = ForeignKeyField(User)
    secret = TextField()
    created = BigIntegerField()
    revoked = BigIntegerField(null=True)

    class Meta:
        """Peewee's options."""

        table_name = "device"


class Channel(Model):
    """A log: its incarnation, and where it stands."""

    id = AutoField()
    name = TextField(unique=True)
    epoch = BigIntegerField()
    head = BigIntegerField(default=0)
    floor = BigIntegerField(default=1)
    time = BigIntegerField(default=0)
    created = BigIntegerField()
    revisions = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    # Whether a member sees the log from joining to leaving, instead of all of it while a member.
    windowed = BooleanField(default=False, constraints=[SQL("DEFAULT 0")])
    # Whether members hear how far others have come; and how often one of them did.
    receipts = BooleanField(default=False, constraints=[SQL("DEFAULT 0")])
    marks = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    # What retention keeps at most: 0 for no bound, null for what the configuration says.
    keep_days = IntegerField(null=True)
    keep_records = BigIntegerField(null=True)
    keep_bytes = BigIntegerField(null=True)
    # Of the records in the store: their bodies' bytes. Below `swept` there are none any more.
    body_bytes = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    swept = BigIntegerField(default=1, constraints=[SQL("DEFAULT 1")])
    # When the log was last given another epoch, as it was or may have been set back; null for never.
    renewed = BigIntegerField(null=True)
    # What all records ever stored came to: of fingerprints, as a signed number of 64 bits, and of bodies.
    sum = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    bytes = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])

    class Meta:
        """Peewee's options."""

        table_name = "channel"


class Member(Model):
    """A user in a channel, or one who was: ``last`` is the highest seq that may be read, null for no end.

    ``read`` and ``delivered`` are marks in the epoch ``marked``; ``marks`` is what the channel's was with the
    last of them.
    """

    # The primary key serves the searches by channel; an index of its own would be paid for twice.
    channel = ForeignKeyField(Channel, index=False)
    user = ForeignKeyField(User)
    role = SmallIntegerField(default=Role.WRITER)
    joined = BigIntegerField()
    first = BigIntegerField(default=1, constraints=[SQL("DEFAULT 1")])
    last = BigIntegerField(null=True)
    read = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    delivered = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    marked = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    marks = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])

    class Meta:
        """Peewee's options."""

        table_name = "member"
        primary_key = CompositeKey("channel", "user")


# What is news of a channel's marks is found without looking at its other members.
Member.add_index(Member.index(Member.channel, Member.marks, name="member_marks"))


class Founding(Model):
    """Which user made a channel by a device; ``terms``: see `tidelog_service.engine.enrolling.terms`."""

    channel = ForeignKeyField(Channel, primary_key=True, on_delete="CASCADE")
    user = ForeignKeyField(User)
    terms = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "founding"


class Generation(Model):
    """One row, raised by every change to users, devices, channels, members or dictionaries.

    It is what caches are checked by.
    """

    id = IntegerField(primary_key=True)
    n = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "generation"
