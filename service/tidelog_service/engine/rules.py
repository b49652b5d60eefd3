"""Ingest rules: which topics of an existing tree go to which channel, and by whom; no I/O.

A topic is not a proof of who wrote there. What a rule reads from it is believed because the operator wrote
the rule, and let those publish there who may speak for it (`IngestRule.publishers`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NamedTuple

from tidelog.wire import fields
from tidelog.wire.errors import ProtocolError, UsageError
from tidelog.wire.topics import PREFIX, checked_user, is_channel, is_user
from tidelog_service.engine.topic_filters import (
    ONE,
    REST,
    captured,
    covers,
    is_filter,
    matches,
    overlap,
    widest,
    wildcards,
)

RULES_MAX: Final = 100
"""Each message is held against the rules under its topic's first level."""

KEY_DIGEST: Final = "digest"
"""As a rule's key: the whole payload is what tells messages apart."""

DEVICES: Final = "devices"
NOBODY: Final = "none"

OWN: Final = "%u"
"""In a pattern: the level that has to be the publisher's own id, as Mosquitto writes it."""

_WHOLE: Final = "topic"
_NAMED: Final = re.compile(r"\{([^{}]*)\}")
_SAMPLE: Final = "x"


class Place(NamedTuple):
    """Where a message belongs, as its rule says; neither name is checked yet."""

    channel: str
    author: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for what wildcards stand for: ``{1}``, ``{2}``, ..., or ``{topic}`` for all of it.

    Attributes:
        text: as it was written.
        parts: literal texts and places by turns; a place is the number of a wildcard, 0 for the topic.
    """

    text: str
    parts: tuple[str | int, ...]

    @classmethod
    def parse(cls, text: str, topic_filter: str) -> Template:
        """Read a template.

        Args:
            text: the template.
            topic_filter: whose wildcards it may name.

        Raises:
            UsageError: it names a wildcard that is not there, or has a brace of another kind
                (``ingest_rule``).
        """
        count = wildcards(topic_filter)
        pieces = _NAMED.split(text)
        if any("{" in literal or "}" in literal for literal in pieces[::2]):
            raise _wrong(f"a brace in {text!r} that stands for nothing", "write {1}, {2}, ... or {topic}")
        parts = [_place(piece, text, count) if at % 2 else piece for at, piece in enumerate(pieces)]
        return cls(text, tuple(part for part in parts if part != ""))

    def render(self, topic: str, names: Sequence[str]) -> str:
        """The text for a topic and what the wildcards stand for in it."""
        return "".join(
            part if isinstance(part, str) else names[part - 1] if part else topic for part in self.parts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRule:
    """What becomes of messages on some topics; see `parse` for what each field is.

    Attributes:
        topic: the filter; names the rule.
        channel: where to.
        author: by whom.
        members: who may read a channel that the rule makes.
        key: what tells a message that comes again; empty for nothing.
        key_window: over how many records of a channel keys are remembered.
        content_type: of the records.
        retained: whether what the broker kept is taken.
        publishers: which devices may publish there.
        create_max: channels that it may make, and authors.
    """

    topic: str
    channel: Template
    author: Template
    members: tuple[str, ...]
    key: str
    key_window: int
    content_type: str
    retained: bool
    publishers: str
    create_max: int

    @classmethod
    def parse(  # noqa: PLR0913 - the keys of a rule, all named
        cls,
        *,
        topic: str,
        channel: str = "{topic}",
        author: str = "ingest",
        members: Sequence[str] = (),
        key: str = "",
        key_window: int = 10_000,
        content_type: str = "",
        retained: bool = False,
        publishers: str = DEVICES,
        create_max: int = 1_000,
    ) -> IngestRule:
        """Check a rule as an operator wrote it.

        Args:
            topic: a topic filter; its first level is a name.
            channel: a template, see `Template`.
            author: a template.
            members: names of users.
            key: a field of a JSON payload, a JSON pointer (RFC 6901) with its slash, or ``digest``.
            key_window: at least 1.
            content_type: printable ASCII.
            retained: needs a key: the broker gives them again at each subscription.
            publishers: ``devices``, ``none``, or ``{n}``: the device whose id stands there.
            create_max: 0 for none.

        Raises:
            UsageError: it makes no sense (``ingest_rule``).
        """
        checked_filter(topic)
        rule = cls(
            topic=topic,
            channel=_sampled("channel", Template.parse(channel, topic), topic, is_channel),
            author=_sampled("author", Template.parse(author, topic), topic, is_user),
            members=tuple(dict.fromkeys(map(checked_user, members))),
            key=key,
            key_window=key_window,
            content_type=_checked_content_type(content_type),
            retained=retained,
            publishers=publishers,
            create_max=create_max,
        )
        if retained and not key:
            raise _wrong(
                "retained messages without a key",
                "the broker gives them again at each subscription: key = 'digest' stores each once",
            )
        _ = rule.pattern  # for its errors
        return rule

    @property
    def pattern(self) -> str:
        """What devices may publish to: the filter, with `OWN` where their own id has to stand; or empty.

        Raises:
            UsageError: ``publishers`` names no single level of the topic (``ingest_rule``).
        """
        if self.publishers in (DEVICES, NOBODY):
            return self.topic if self.publishers == DEVICES else ""
        levels = self.topic.split("/")
        at = [index for index, level in enumerate(levels) if level in (ONE, REST)]
        named = Template.parse(self.publishers, self.topic).parts
        match named:
            case (int(number),) if number and levels[at[number - 1]] == ONE:
                levels[at[number - 1]] = OWN
                return "/".join(levels)
        raise _wrong(
            f"publishers = {self.publishers!r}",
            "'devices', 'none', or the '+' that has to be the publisher's own id, as '{1}'",
        )

    def place(self, topic: str) -> Place:
        """Where a message on a topic belongs, which the rule's filter selects."""
        names = captured(self.topic, topic)
        return Place(self.channel.render(topic, names), self.author.render(topic, names))


class IngestRules:
    """Rules in their order: of those that select a topic the first one takes it.

    Args:
        rules: at most `RULES_MAX`.

    Attributes:
        rules: the same.
        filters: what the service subscribes to; no topic is selected by two of them needlessly.
        patterns: what devices may publish to, see `IngestRule.pattern`.

    Raises:
        UsageError: there are too many (``ingest_rule``).
    """

    def __init__(self, rules: Sequence[IngestRule] = ()) -> None:
        """See the class."""
        if len(rules) > RULES_MAX:
            raise _wrong(f"{len(rules)} ingest rules", f"at most {RULES_MAX}: wildcards save most of them")
        self.rules = tuple(rules)
        self.filters = widest(rule.topic for rule in rules)
        self.patterns = tuple(dict.fromkeys(rule.pattern for rule in rules if rule.pattern))
        self._by_root: dict[str, list[IngestRule]] = defaultdict(list)
        for rule in rules:
            self._by_root[_root(rule.topic)].append(rule)

    def find(self, topic: str) -> IngestRule | None:
        """The rule that takes a topic; ``None`` where none does."""
        return next(
            (rule for rule in self._by_root.get(_root(topic), ()) if matches(rule.topic, topic)), None
        )

    def notes(self) -> Iterator[str]:
        """What an operator should know of rules that meet, a sentence each."""
        for first, later in combinations(self.rules, 2):
            both = f"{first.topic!r} and {later.topic!r}"
            if covers(first.topic, later.topic):
                yield f"of ingest rules {both} the second never matches: the first takes all of it"
            elif covers(later.topic, first.topic):
                yield f"of ingest rules {both} the first takes what both select"
            elif overlap(first.topic, later.topic):
                yield (
                    f"of ingest rules {both} the first takes what both select; some brokers deliver "
                    "that twice, and only a key stores it once"
                )


def checked_filter(topic_filter: str) -> str:
    """A filter that an ingest rule may have: it selects nothing of Tidelog's own tree or the broker's.

    Raises:
        UsageError: it is not one (``ingest_rule``).
    """
    if not is_filter(topic_filter) or not topic_filter.isprintable() or topic_filter != topic_filter.strip():
        raise _wrong(
            f"not a topic filter: {topic_filter!r}",
            "'+' stands for one whole level, '#' for all levels from there on, at the end only",
        )
    first = _root(topic_filter)
    if first in (PREFIX, ONE, REST) or first.startswith("$") or topic_filter == "/" or "%" in topic_filter:
        raise _wrong(
            f"no ingest rule may have {topic_filter!r}",
            f"its first level must be a name, other than {PREFIX!r} and '$...', and '%' is not allowed",
        )
    return topic_filter


def _root(topic: str) -> str:
    return topic.partition("/")[0]


def _place(name: str, text: str, count: int) -> int:
    if name == _WHOLE:
        return 0
    if name.isascii() and name.isdigit() and 1 <= int(name) <= count:
        return int(name)
    raise _wrong(
        f"{{{name}}} in {text!r} stands for nothing",
        f"{{1}} is the first of the topic's wildcards (it has {count}), {{topic}} the whole topic",
    )


def _sampled(what: str, template: Template, topic_filter: str, is_name: Callable[[str], bool]) -> Template:
    """A template that gives a valid name where all its wildcards stand for a short word.

    Raises:
        UsageError: it never will.
    """
    levels = [_SAMPLE if level in (ONE, REST) else level for level in topic_filter.split("/")]
    topic = "/".join(levels)
    name = template.render(topic, captured(topic_filter, topic))
    if is_name(name):
        return template
    names = "3 levels divided by '/'" if what == "channel" else "one level"
    raise _wrong(
        f"{what} = {template.text!r} makes {name!r} of {topic!r}, which is no name",
        f"a name has up to 64 bytes and {names}; none of them is empty or starts with '$'",
    )


def _checked_content_type(text: str) -> str:
    try:
        return fields.content_type(text)
    except ProtocolError as error:
        raise _wrong(str(error), "printable ASCII, at most 64 bytes") from error


def _wrong(message: str, hint: str) -> UsageError:
    return UsageError(message, code="ingest_rule", hint=hint)
