"""Tables for ingest rules, and for when devices were seen; they refer to no others."""

from __future__ import annotations

from typing import Any

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    CompositeKey,
    Database,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)


class RuleMade(Model):
    """See `models`."""

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
    """See `models`."""

    id = BigAutoField()
    digest = BlobField(index=True)

    class Meta:
        """Peewee's options."""

        table_name = "rule_key"


class RuleCount(Model):
    """See `models`."""

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
    """See `models`."""

    topic = TextField(primary_key=True)

    class Meta:
        """Peewee's options."""

        table_name = "rule_filter"


class Sighting(Model):
    """See `models`."""

    device = TextField(primary_key=True)
    time = BigIntegerField()
    presence = SmallIntegerField(null=True)

    class Meta:
        """Peewee's options."""

        table_name = "sighting"


TABLES = (RuleMade, RuleKey, RuleCount, RuleFilter, Sighting)


def up(migrator: Any, db: Database) -> None:  # noqa: ANN401, ARG001 - the runner's signature; it has no stubs
    """Make the tables."""
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES, safe=False)
