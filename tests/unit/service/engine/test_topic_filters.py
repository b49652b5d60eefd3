"""Topic filters: matching, what wildcards stand for, and how they lie to each other (MQTT 3.1.1, 4.7)."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidelog_service.engine.topic_filters import (
    captured,
    covers,
    is_filter,
    is_topic,
    matches,
    overlap,
    widest,
    wildcards,
)

LEVELS = st.one_of(st.sampled_from(["tl1", "msg", "$SYS", "", "x"]), st.text(alphabet="ab+#/$ ", max_size=3))
TOPICS = st.lists(LEVELS, min_size=1, max_size=6).map("/".join).filter(is_topic)
FILTERS = st.one_of(
    st.lists(st.one_of(LEVELS, st.sampled_from(["+", "#", "$share"])), min_size=1, max_size=6).map("/".join),
    st.text(max_size=12),
)
SMALL = (
    st.lists(st.sampled_from(["a", "b", "+"]), max_size=3)
    .flatmap(lambda upper: st.sampled_from([upper, [*upper, "#"]]))
    .map(lambda levels: "/".join(["s", *levels]))
)
"""Filters of a tree that is small enough for two of them to meet."""

EVERY = [
    "/".join(["s", *levels.split()])
    for levels in [
        "",
        *"abc",
        *(f"{x} {y}" for x in "abc" for y in "abc"),
        *(f"{x} {y} {z}" for x in "abc" for y in "abc" for z in "abc"),
        *(f"{x} {y} {z} c" for x in "abc" for y in "abc" for z in "abc"),
    ]
]
"""Topics enough to tell any two of them apart: `c` is a name that no filter has."""


@pytest.mark.parametrize(
    ("topic_filter", "topic", "selected"),
    [
        # The examples of section 4.7.1.2 and 4.7.1.3.
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "a/b", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("/finance", "/finance", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("+/tennis/#", "sport/tennis/x", True),
        # Section 4.7.2.
        ("#", "$SYS/uptime", False),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", True),
        # Section 4.7.3: case, spaces and a slash at the end count.
        ("ACCOUNTS", "Accounts", False),
        ("a/b", "a/b/", False),
        ("a b", "a b", True),
        ("$share/group/a", "a", False),
    ],
)
def test_matching_follows_the_examples_of_the_standard(topic_filter: str, topic: str, selected: bool) -> None:  # noqa: FBT001 - a case's result
    assert matches(topic_filter, topic) is selected


@pytest.mark.parametrize("name", ["", "a\x00b", "sport/tennis#", "a/#/x", "sport+", "+a/b", "#/#", "a/##"])
def test_what_is_no_filter_is_refused(name: str) -> None:
    assert not is_filter(name)


@pytest.mark.parametrize("name", ["a", "/", "+", "#", "+/+/#", "/#", "a b/ü"])
def test_valid_filters(name: str) -> None:
    assert is_filter(name)


@pytest.mark.parametrize("name", ["", "a\x00b", "a/+", "#", "a+b", "x" * 65_536])
def test_what_is_no_topic_is_refused(name: str) -> None:
    assert not is_topic(name)


@given(topic=TOPICS)
def test_a_topic_is_a_filter_that_matches_itself_only(topic: str) -> None:
    assert is_filter(topic)
    assert matches(topic, topic)
    assert not matches(topic, topic + "/more")


def dumb(topic_filter: str, topic: str) -> bool:
    """The same by regular expression: `#` takes its own slash with it."""
    if topic[0] == "$" and topic_filter[0] in "+#":
        return False
    parts = ["[^/]*" if each == "+" else re.escape(each) for each in topic_filter.split("/")]
    pattern = "/".join(parts)
    if topic_filter == "#":
        pattern = ".*"
    elif topic_filter.endswith("/#"):
        pattern = "/".join(parts[:-1]) + "(/.*)?"
    return re.fullmatch(pattern, topic, re.DOTALL) is not None


@given(topic_filter=FILTERS.filter(is_filter), topic=TOPICS)
@example(topic_filter="/#", topic="/")
@example(topic_filter="+/#", topic="a")
def test_matching_agrees_with_a_dumb_version(topic_filter: str, topic: str) -> None:
    assert matches(topic_filter, topic) is dumb(topic_filter, topic)


@given(levels=st.lists(st.tuples(st.sampled_from(["a", "+"]), st.sampled_from(["x", "", "y z"])), max_size=4))
@example(levels=[])
def test_wildcards_stand_for_the_levels_of_the_topic(levels: list[tuple[str, str]]) -> None:
    topic_filter = "/".join(["s", *(level for level, _ in levels)])
    topic = "/".join(["s", *(name if level == "+" else level for level, name in levels)])
    names = [name for level, name in levels if level == "+"]
    assert wildcards(topic_filter) == len(names)
    assert captured(topic_filter, topic) == tuple(names)
    assert captured(topic_filter + "/#", topic) == (*names, "")
    assert captured(topic_filter + "/#", topic + "/more/of it") == (*names, "more/of it")


@given(wide=SMALL, narrow=SMALL)
@example(wide="s/#", narrow="s")
@example(wide="s/+/#", narrow="s/#")
def test_a_filter_covers_another_one_where_it_selects_all_that_the_other_does(wide: str, narrow: str) -> None:
    selected = [topic for topic in EVERY if matches(narrow, topic)]
    assert covers(wide, narrow) is all(matches(wide, topic) for topic in selected)


@given(one=SMALL, other=SMALL)
@example(one="s/a", other="s/a/#")
@example(one="s/+/b", other="s/a/+")
def test_filters_overlap_where_a_topic_is_selected_by_both(one: str, other: str) -> None:
    both = any(matches(one, topic) and matches(other, topic) for topic in EVERY)
    assert overlap(one, other) is overlap(other, one) is both


@given(filters=st.lists(SMALL, max_size=5))
def test_the_widest_filters_select_the_same_topics_and_cover_none_of_each_other(filters: list[str]) -> None:
    kept = widest(filters)
    for topic in EVERY:
        assert any(matches(each, topic) for each in kept) is any(matches(each, topic) for each in filters)
    assert not any(covers(a, b) for a in kept for b in kept if a != b)
