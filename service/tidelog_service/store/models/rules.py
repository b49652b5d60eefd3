"""What ingest rules have made and taken."""

from __future__ import annotations

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    CompositeKey,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)


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
