"""Large bodies, apart from the records that they belong to."""

from __future__ import annotations

from typing import Final

from peewee import (
    SQL,
    AutoField,
    BigAutoField,
    BigIntegerField,
    BlobField,
    Model,
    TextField,
)

ON_THE_WAY: Final = "record IS NULL"
"""Tells large bodies that are no record's yet, as `REVISION` tells edits and deletes."""


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
