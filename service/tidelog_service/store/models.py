"""The tables (Peewee), as the newest migration leaves them.

Times are Unix milliseconds. The models are bound to no database: queries are compiled against the one that
is open, see `tidelog_service.store.database.Database.compile`.

Record, taken and outbox have no foreign keys: their rows come by the thousand from code that has just read
the rows that they name.
"""

from __future__ import annotations

from typing import Final

from peewee import (
    SQL,
    AutoField,
    BigAutoField,
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

from tidelog.wire.enrolling import Role as Role  # noqa: PLC0414 - the store's word for it too

REVISION: Final = "kind IN (1, 2)"
"""Tells edits and deletes in the index's own words: with placeholders SQLite would not use it."""

NO_MESSAGE: Final = "kind <> 0"
"""The same for all but plain messages."""


ON_THE_WAY: Final = "record IS NULL"
"""The same for large bodies that are no record's yet."""


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


class Founding(Model):
    """Which user made a channel by a device; ``terms``: see `tidelog_service.engine.enrolling.terms`."""

    channel = ForeignKeyField(Channel, primary_key=True, on_delete="CASCADE")
    user = ForeignKeyField(User)
    terms = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "founding"


# What is news of a channel's marks is found without looking at its other members.
Member.add_index(Member.index(Member.channel, Member.marks, name="member_marks"))


class Record(Model):
    """An entry of a log; ``id`` is channel and seq (see `keys`), ``lag`` is ``time - sent``.

    One integer key, where (channel, seq) ``WITHOUT ROWID`` was the other choice. Bytes in the file beside the
    body, integer key against composite key, in one log and in 20 logs written by turns (`bench/keys.py`: bare
    sqlite3, pages of 4 KiB, 20 MB of bodies or 100,000)::

        body      one log       20 by turns
            60    28     37     38     35
           300    43     73     57     67
         1,100   270  3,582    272  3,569
         2,500 1,611  2,182  1,611  2,175
        30,000   732  3,365    788  3,383

    Reading 20 scattered records of a million takes about 0.85 times as long. A table without a rowid is an
    index tree, where a row of more than a quarter of a page continues on pages of its own.

    PostgreSQL is to have the same key: one set of statements, and 8 bytes in its index instead of 16.

    The rest of a row is small as well: ``kind`` 0 and an empty ``content_type`` cost nothing, and the
    author's clock is kept as its lag behind the service's, 0 to 3 bytes instead of 6.

    ``sum`` and ``bytes`` are what all records before it in its log came to, as in `Channel`: see `tallies`.
    """

    # Ids are given, never made: the field stands for the type, which is INTEGER on SQLite (that is the rowid
    # itself; with BIGINT it would be an index beside it) and eight bytes on PostgreSQL.
    id = BigAutoField()
    author_id = IntegerField()
    time = BigIntegerField()
    lag = BigIntegerField()
    kind = SmallIntegerField()
    content_type = TextField()
    body = BlobField()
    sum = BigIntegerField(constraints=[SQL("DEFAULT 0")])
    bytes = BigIntegerField(constraints=[SQL("DEFAULT 0")])

    class Meta:
        """Peewee's options."""

        table_name = "record"


# Few records are edits or deletes, and pages must find them without reading the others.
Record.add_index(Record.index(Record.id, where=SQL(REVISION), name="record_revision"))
# What filters ask for. SQLite's indexes end in the rowid, here the id: 14 bytes a record, 22 with it named.
Record.add_index(Record.index(Record.author_id, name="record_author"))
Record.add_index(Record.index(Record.id, Record.kind, where=SQL(NO_MESSAGE), name="record_kind"))


class Erased(Model):
    """A gap that edits and deletes have left in a log, as long as it goes.

    ``id`` is the key of its first seq, ``stop`` the one after its last. What the records came to that were
    there: the upper and the lower 32 bits of their fingerprints' sum, so that a database can add up any
    number of gaps, and their bodies.
    """

    id = BigAutoField()
    stop = BigIntegerField()
    high = BigIntegerField()
    low = BigIntegerField()
    bytes = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "erased"


class Taken(Model):
    """What is remembered of a message that was taken from a device's outbox."""

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
    """The message numbers taken from an outbox, as `tidelog.wire.runs` writes them."""

    device = TextField()
    outbox = BlobField()
    numbers = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "outbox"
        primary_key = CompositeKey("device", "outbox")
        without_rowid = True


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


class Generation(Model):
    """One row, raised by every change to users, devices, channels, members or dictionaries.

    It is what caches are checked by.
    """

    id = IntegerField(primary_key=True)
    n = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "generation"


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


class RuleMade(Model):
    """A channel (``kind`` 0) or an author (1) that an ingest rule made, ``rule`` its topic filter."""

    kind = SmallIntegerField()
    id = IntegerField()
    rule = TextField()

    class Meta:
        """Peewee's options."""

        table_name = "rule_made"
        primary_key = CompositeKey("kind", "id")
        without_rowid = True


RuleMade.add_index(RuleMade.index(RuleMade.rule, RuleMade.kind, name="rule_made_rule"))


class RuleKey(Model):
    """The key of a message that an ingest rule took; ``id`` as the record's, so old ones go as one range."""

    id = BigAutoField()
    digest = BlobField(index=True)

    class Meta:
        """Peewee's options."""

        table_name = "rule_key"


class RuleCount(Model):
    """What became of messages under an ingest rule on a day; see `tidelog_service.engine.gathering.Outcome`.

    ``topic`` and ``time``: of the last of them.
    """

    day = IntegerField()
    rule = TextField()
    outcome = TextField()
    messages = BigIntegerField()
    topic = TextField()
    time = BigIntegerField()

    class Meta:
        """Peewee's options."""

        table_name = "rule_count"
        primary_key = CompositeKey("day", "rule", "outcome")
        without_rowid = True


class RuleFilter(Model):
    """A topic filter that the service's session at the broker may be subscribed to for an ingest rule."""

    topic = TextField(primary_key=True)

    class Meta:
        """Peewee's options."""

        table_name = "rule_filter"


class Sighting(Model):
    """When a device was last heard of, 0 for never, and what its status said, null for nothing."""

    device = TextField(primary_key=True)
    time = BigIntegerField()
    presence = SmallIntegerField(null=True)

    class Meta:
        """Peewee's options."""

        table_name = "sighting"


class Body(Model):
    """A large body: on its way up from ``device``, or that of the record with the key ``record``.

    ``record`` is below 0 where that is no more, and the bytes are to go. ``got``: bytes from the beginning
    that are there; ``used``: when that last changed.
    """

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


# A device's own, those that nobody came back to, and a record's. SQLite would take an index of all records'
# bodies for those of none, which are many.
_ON_THE_WAY = SQL(ON_THE_WAY)
Body.add_index(Body.index(Body.device, Body.digest, unique=True, where=_ON_THE_WAY, name="body_upload"))
Body.add_index(Body.index(Body.used, where=_ON_THE_WAY, name="body_used"))
Body.add_index(Body.index(Body.record, unique=True, where=SQL("record IS NOT NULL"), name="body_record"))


class Piece(Model):
    """Bytes of a large body as a chunk brought them; ``id`` has the offset in its lower 32 bits.

    Apart from the records, which syncs read: a page of those is never spread out by a file in between.
    """

    id = BigAutoField()
    data = BlobField()

    class Meta:
        """Peewee's options."""

        table_name = "piece"


MODELS: Final[tuple[type[Model], ...]] = (
    User,
    Device,
    Channel,
    Member,
    Founding,
    Record,
    Erased,
    Taken,
    Outbox,
    Token,
    Generation,
    Dictionary,
    Traffic,
    Clock,
    RuleMade,
    RuleKey,
    RuleCount,
    RuleFilter,
    Sighting,
    Body,
    Piece,
)
"""Every table, those that others refer to first."""
