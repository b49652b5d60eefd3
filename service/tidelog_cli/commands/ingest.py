"""``tidelog ingest``: the rules that make records of an existing topic tree, and what became of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tidelog.wire.errors import UsageError
from tidelog.wire.limits import BODY_BYTES_MAX
from tidelog.wire.topics import is_channel, is_user
from tidelog_cli import options
from tidelog_cli.deployment import opened_database
from tidelog_cli.terminal import counted, local_time, note, print_json, print_line, print_rows
from tidelog_service.config import load
from tidelog_service.engine.accounts import DAY_MS
from tidelog_service.engine.bookkeeping import DAYS_KEPT
from tidelog_service.engine.gathering import HINTS, Outcome
from tidelog_service.engine.idempotence import key_value
from tidelog_service.engine.rules import KEY_DIGEST, IngestRule, IngestRules
from tidelog_service.engine.topic_filters import is_topic, matches
from tidelog_service.store.gathered import GatheredStore, RuleSum

app = typer.Typer(
    help="Show ingest rules, what they took, and try them.", no_args_is_help=True, add_completion=False
)

_VALUE_SHOWN: Final = 60
_REFUSED: Final = frozenset(HINTS) - {Outcome.UNKEYED, Outcome.NO_MEMBER}
"""What was not stored."""


@app.command("list")
def list_rules(
    *,
    config: options.Config = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=DAYS_KEPT, help="Count the last N days.")
    ] = 30,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """List the configuration's ingest rules with what they took, and what they could not store and why.

    Works beside a running service. Rules that are gone are listed as long as they are counted.
    """
    rules = load(config).rules
    first_day = time.time_ns() // 1_000_000 // DAY_MS - days + 1
    with opened_database(data, create=False) as database:
        shelf = GatheredStore(database)
        sums = shelf.sums(first_day)
        named = {rule.topic: rule for rule in rules.rules}
        topics = [*named, *sorted(sums.keys() - named.keys())]
        rows = [
            _row(topic, named.get(topic), sums.get(topic, {}), shelf.made(topic).channels) for topic in topics
        ]
    columns = ["topic", "channel", "author", "channels", "stored", "duplicate", "retained", "refused"]
    print_rows(columns, rows, as_json=as_json)
    if not as_json:
        _print_troubles(sums)
    for sentence in rules.notes():
        note(sentence)


def _row(
    topic: str, rule: IngestRule | None, sums: Mapping[Outcome, RuleSum], channels: int
) -> dict[str, object]:
    def messages(outcome: Outcome) -> int:
        return sums[outcome].messages if outcome in sums else 0

    return {
        "topic": topic,
        "channel": rule.channel.text if rule else None,
        "author": rule.author.text if rule else None,
        "channels": channels,
        "stored": messages(Outcome.STORED),
        "duplicate": messages(Outcome.DUPLICATE),
        "retained": messages(Outcome.RETAINED),
        "refused": sum(map(messages, _REFUSED)),
        "outcomes": {
            outcome.value: {"messages": told.messages, "topic": told.topic, "time": told.time}
            for outcome, told in sums.items()
        },
    }


def _print_troubles(sums: Mapping[str, Mapping[Outcome, RuleSum]]) -> None:
    for topic, outcomes in sums.items():
        for outcome, told in outcomes.items():
            if outcome in HINTS:
                what = (
                    f"{counted(told.messages, 'message')} {f'under {topic!r}' if topic else 'under no rule'}"
                )
                last = f"the last on {told.topic!r} at {local_time(told.time)}"
                note(f"{what}: {outcome.replace('_', ' ')}, {last}; {HINTS[outcome]}")


@app.command("test")
def try_rules(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="A topic that a device publishes to.")],
    payload: Annotated[
        str | None,
        typer.Argument(metavar="PAYLOAD", help="What it publishes; `-` reads standard input."),
    ] = None,
    *,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Say what the configuration's rules make of a message; nothing is stored.

    Whether the channel may be made, or the author may write there, depends on what there is; see `tidelog
    ingest list`.
    """
    rules = load(config).rules
    if not is_topic(topic):
        raise UsageError(f"not a topic: {topic!r}", code="topic", hint="a topic has no wildcards")
    rule = rules.find(topic)
    if rule is None:
        filters = ", ".join(repr(each.topic) for each in rules.rules) or "none; see `tidelog config example`"
        raise UsageError(f"no ingest rule takes {topic!r}", code="ingest_no_rule", hint=f"rules: {filters}")
    raw = sys.stdin.buffer.read() if payload == "-" else None if payload is None else payload.encode()
    told = _tried(rules, rule, topic) | (_key(rule, raw) if rule.key and raw is not None else {})
    _check(rule, told, raw)
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        shown = ", ".join(map(repr, value)) or "none" if isinstance(value, list) else value
        print_line(f"{name.replace('_', ' '):<13}{shown}")


def _tried(rules: IngestRules, rule: IngestRule, topic: str) -> dict[str, Any]:
    place = rule.place(topic)
    number = rules.rules.index(rule) + 1
    later = [each.topic for each in rules.rules[number:] if matches(each.topic, topic)]
    return {
        "rule": number,
        "topic": rule.topic,
        "channel": place.channel,
        "author": place.author,
        "members": list(rule.members),
        "passed_over": later,
    }


def _key(rule: IngestRule, payload: bytes) -> dict[str, Any]:
    value = key_value(rule.key, payload)
    if value is None:
        note(f"the payload has no {rule.key!r}: it would be stored, and again when it comes again")
        return {"key": None}
    if rule.key == KEY_DIGEST:
        return {"key": f"all of its {counted(len(value), 'byte')}"}
    return {"key": value.decode()[:_VALUE_SHOWN]}


def _check(rule: IngestRule, told: Mapping[str, Any], payload: bytes | None) -> None:
    outcome = None
    if not is_channel(told["channel"]):
        outcome = Outcome.CHANNEL_NAME
    elif not is_user(told["author"]):
        outcome = Outcome.AUTHOR_NAME
    elif payload is not None and len(payload) > BODY_BYTES_MAX:
        outcome = Outcome.LIMIT
    if outcome is not None:
        what = f"rule {rule.topic!r} takes it for channel {told['channel']!r} and author {told['author']!r}"
        raise UsageError(what, code=f"ingest_{outcome}", hint=HINTS[outcome])
