"""Ingest rules: what they make of topics, which of them takes one, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidelog.wire.errors import UsageError
from tidelog.wire.topics import is_channel, is_user
from tidelog_service.engine.rules import RULES_MAX, IngestRule, IngestRules, checked_filter
from tidelog_service.engine.topic_filters import matches

NAMES = st.text(alphabet="ab1 ü", min_size=1, max_size=4)


def rule(topic: str = "sensors/+/+", **keys: Any) -> IngestRule:
    return IngestRule.parse(topic=topic, **({"channel": "{1}/{2}"} | keys if "+/+" in topic else keys))


def refused(topic: str = "sensors/+/+", **keys: Any) -> UsageError:
    with pytest.raises(UsageError) as caught:
        IngestRule.parse(topic=topic, **keys)
    assert caught.value.code in ("ingest_rule", "user_name")
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("topic_filter", "channel", "author", "topic", "place"),
    [
        ("sensors/+/+", "{1}/{2}", "ingest", "sensors/a/temp", ("a/temp", "ingest")),
        ("sensors/+/+", "all", "{1}", "sensors/a/temp", ("all", "a")),
        ("sensors/+/+", "{2}-of-{1}", "s-{2}", "sensors/a/temp", ("temp-of-a", "s-temp")),
        ("sensors/#", "tree/{1}", "ingest", "sensors/a/temp", ("tree/a/temp", "ingest")),
        ("sensors/#", "{topic}", "ingest", "sensors/a/temp", ("sensors/a/temp", "ingest")),
        ("sensors/+/x/#", "{1}/{2}", "ingest", "sensors/a/x", ("a/", "ingest")),
        ("boiler/temp", "boiler", "boiler", "boiler/temp", ("boiler", "boiler")),
        ("/sensors/+", "{1}", "ingest", "/sensors/a", ("a", "ingest")),
    ],
)
def test_a_topic_becomes_a_channel_and_an_author(
    topic_filter: str, channel: str, author: str, topic: str, place: tuple[str, str]
) -> None:
    made = IngestRule.parse(topic=topic_filter, channel=channel, author=author)
    assert matches(topic_filter, topic)
    assert made.place(topic) == place


@given(names=st.lists(NAMES, min_size=2, max_size=2))
@example(names=["{2}", "{1}"])
def test_what_stands_in_a_topic_is_never_read_as_a_template(names: list[str]) -> None:
    place = rule(author="{2}").place("/".join(["sensors", *names]))
    assert place == ("/".join(names), names[1])


@given(
    levels=st.lists(st.sampled_from(["a", "+"]), max_size=4),
    rest=st.integers(0, 1),
    template=st.lists(st.sampled_from(["{1}", "{2}", "{topic}", "/", "x"]), min_size=1, max_size=4).map(
        "".join
    ),
    names=st.lists(NAMES, min_size=6, max_size=6),
)
def test_a_rule_that_was_taken_finds_a_place_for_whatever_its_filter_selects(
    levels: list[str],
    rest: int,
    template: str,
    names: list[str],
) -> None:
    topic_filter = "/".join(["s", *levels, *["#"][:rest]])
    try:
        made = IngestRule.parse(topic=topic_filter, channel=template)
    except UsageError:
        return
    topic = "/".join(["s", *(names[at] if level == "+" else level for at, level in enumerate(levels))])
    topic += f"/{names[5]}" if rest else ""
    assert matches(topic_filter, topic)
    place = made.place(topic)
    assert is_channel(place.channel) or len(place.channel.encode()) > 64
    assert is_user(place.author)


@pytest.mark.parametrize(
    "topic",
    ["", "/", "#", "+/x", "tl1/#", "tl1/+/msg", "$SYS/#", "$share/g/x", "a/#/b", "a+", "a/%u", "a\nb", " a"],
)
def test_a_filter_that_is_none_or_reaches_into_other_trees_is_refused(topic: str) -> None:
    refused(topic)
    with pytest.raises(UsageError):
        checked_filter(topic)


@pytest.mark.parametrize(
    ("keys", "part"),
    [
        ({"channel": "{3}"}, "{3}"),
        ({"channel": "{0}"}, "{0}"),
        ({"channel": "{}"}, "{}"),
        ({"channel": "{-1}"}, "{-1}"),
        ({"channel": "{name}"}, "{name}"),
        ({"channel": "{1}/{2"}, "brace"),
        ({"channel": "{1}}"}, "brace"),
        ({"channel": ""}, "no name"),
        ({"channel": "a/b/{1}/{2}"}, "no name"),
        ({"channel": "$x/{1}"}, "no name"),
        ({"author": "{topic}"}, "no name"),
        ({"author": "a/{1}"}, "no name"),
        ({"members": ["a/b"]}, "a/b"),
        ({"content_type": "ü"}, "content type"),
        ({"retained": True}, "key"),
        ({"publishers": "everybody"}, "everybody"),
        ({"publishers": "{3}"}, "{3}"),
        ({"publishers": "x-{1}"}, "x-{1}"),
        ({"publishers": "{topic}"}, "{topic}"),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(keys: dict[str, Any], part: str) -> None:
    assert part in str(refused(**keys))


def test_the_rest_of_a_topic_is_no_publisher() -> None:
    assert "{1}" in str(refused("sensors/#", publishers="{1}"))


def test_devices_may_publish_where_a_rule_says_so() -> None:
    assert rule().pattern == "sensors/+/+"
    assert rule(publishers="none").pattern == ""
    assert rule(publishers="{1}").pattern == "sensors/%u/+"
    rules = IngestRules([rule(publishers="{2}"), rule("tree/#", publishers="none"), rule("boiler/+")])
    assert rules.patterns == ("sensors/+/%u", "boiler/+")


def test_of_rules_that_select_a_topic_the_first_takes_it_and_that_is_said() -> None:
    narrow, wide, other = rule("s/+/temp"), rule("s/#"), rule("t/a")
    rules = IngestRules([narrow, wide, other])
    assert rules.find("s/a/temp") is narrow
    assert rules.find("s/a/hum") is wide
    assert rules.find("t/a") is other
    assert rules.find("t/b") is rules.find("u") is None
    (note,) = rules.notes()
    assert note == "of ingest rules 's/+/temp' and 's/#' the first takes what both select"
    (note,) = IngestRules([wide, narrow]).notes()
    assert "'s/#' and 's/+/temp' the second never matches" in note
    (note,) = IngestRules([narrow, rule("s/a/+")]).notes()
    assert "twice" in note
    assert list(IngestRules([narrow, other]).notes()) == []


def test_nothing_is_subscribed_to_twice() -> None:
    assert IngestRules([rule("s/+/temp"), rule("s/#"), rule("t/a"), rule("t/a")]).filters == ("s/#", "t/a")


def test_there_is_a_limit_to_rules() -> None:
    assert IngestRules([rule(f"s/{n}") for n in range(RULES_MAX)])
    with pytest.raises(UsageError):
        IngestRules([rule(f"s/{n}") for n in range(RULES_MAX + 1)])
