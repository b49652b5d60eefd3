"""The keys of an ingest rule, each a ``[[ingest]]`` table; see `tidelog_service.engine.rules`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tidelog.wire.errors import UsageError
from tidelog_service.engine.rules import IngestRule, IngestRules


class RuleError(ValueError):
    """A rule that makes no sense, on its way through pydantic.

    Attributes:
        hint: what to do about it.
    """

    def __init__(self, error: UsageError) -> None:
        """Args: error: what was wrong."""
        super().__init__(str(error))
        self.hint = error.hint


class RuleSection(BaseModel):
    """An ingest rule: messages on topics of a fleet's own become records. The first that fits wins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: Annotated[
        str, Field(description="Topic filter: '+' stands for one level, '#' at the end for all further ones.")
    ]
    channel: Annotated[
        str,
        Field(description="Where to: {1}, {2}, ... are what the wildcards stand for, {topic} all of it."),
    ] = "{topic}"
    author: Annotated[
        str, Field(description="By whom: a name, or a template; let only those publish who may speak for it.")
    ] = "ingest"
    members: Annotated[
        tuple[str, ...], Field(description="Users who may read a channel that the rule makes.")
    ] = ()
    key: Annotated[
        str,
        Field(
            description="What tells a message that comes again, to store it once: a field of its JSON, a "
            "JSON pointer ('/head/id'), or 'digest', the whole of it; empty stores each."
        ),
    ] = ""
    key_window: Annotated[
        int,
        Field(
            description="For how many records of a channel keys are remembered.",
            ge=1,
            le=1_000_000,
            json_schema_extra={"unit": "records"},
        ),
    ] = 10_000
    content_type: Annotated[str, Field(description="Media type of the records.")] = ""
    retained: Annotated[
        bool,
        Field(description="Take what the broker kept from before the service subscribed; needs a key."),
    ] = False
    publishers: Annotated[
        str,
        Field(
            description="Who may publish there, by the access rules that the service makes: 'devices' (all), "
            "'none', or the '+' that has to be the publisher's own id, as '{1}'."
        ),
    ] = "devices"
    create_max: Annotated[
        int,
        Field(
            description="Channels that the rule may make, and authors; 0 for none: those that there are.",
            ge=0,
            le=100_000,
        ),
    ] = 1_000

    @model_validator(mode="after")
    def _makes_sense(self) -> RuleSection:
        try:
            self.rule()
        except UsageError as error:
            raise RuleError(error) from error
        return self

    def rule(self) -> IngestRule:
        """The rule that it declares."""
        return IngestRule.parse(**self.model_dump())


def rules_of(sections: tuple[RuleSection, ...]) -> IngestRules:
    """The rules in their order."""
    return IngestRules([section.rule() for section in sections])
