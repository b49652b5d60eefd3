"""Which records an application asks for: what is checked before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tidelog.choice import Choice, chosen
from tidelog.codec.page import Rule
from tidelog.wire.errors import UsageError
from tidelog.wire.queries import Filter
from tidelog.wire.topics import is_pattern


def test_without_a_filter_there_is_none() -> None:
    assert chosen() == Choice(channels=None, rule=Rule(), filter=None)
    assert chosen(channels=["room"], newest=5, order="oldest") == Choice(
        channels=("room",), rule=Rule(newest=5, oldest_first=True), filter=None
    )


def test_with_a_filter_it_says_how_many_of_the_newest() -> None:
    choice = chosen(newest=5, authors=["ann"], kinds=[16])
    assert choice.filter == Filter(newest=5, authors=("ann",), kinds=(16,))
    assert choice.rule == Rule()


def test_times_are_aware_or_seconds() -> None:
    moment = datetime(2026, 3, 1, 8, 30, tzinfo=timezone(timedelta(hours=1)))
    choice = chosen(since=moment, until=1_772_350_200.5)
    assert choice.filter == Filter(since=1_772_350_200_000, until=1_772_350_200_500)
    assert moment.astimezone(UTC).hour == 7


def test_patterns_and_peers_are_a_filter_of_all_channels() -> None:
    assert chosen(channels=["ship/+", "room"]).filter == Filter(patterns=("ship/+", "room"))
    choice = chosen(channels=["room"], peers=["bob"])
    assert choice.channels is None
    assert choice.filter == Filter(patterns=("room", "dm/bob/+", "dm/+/bob"))
    assert chosen(peers="bob").filter == Filter(patterns=("dm/bob/+", "dm/+/bob"))
    assert chosen(channels="room").channels == ("room",)


@pytest.mark.parametrize(
    "arguments",
    [
        {"since": datetime(2026, 3, 1)},  # noqa: DTZ001 - that is what is wrong with it
        {"since": 0},
        {"until": -5.0},
        {"authors": ["a/b"]},
        {"authors": []},
        {"authors": [f"user{n}" for n in range(65)]},
        {"kinds": [256]},
        {"kinds": [-1]},
        {"channels": ["a/+b"]},
        {"channels": ["a/#/b", "+"]},
        {"channels": ["a/b/c/+"]},
        {"peers": [""]},
        {"newest": 0, "authors": ["ann"]},
        {"order": "size"},
        {"max_body": 1_000},
    ],
)
def test_what_is_wrong_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        chosen(**arguments)


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("#", ["a", "a/b", "a/b/c"], []),
        ("a/#", ["a", "a/b", "a/b/c"], ["b", "ab"]),
        ("+", ["a"], ["a/b"]),
        ("a/+/c", ["a/b/c"], ["a/b", "a/b/d", "a/c"]),
        ("a/b", ["a/b"], ["a", "a/b/c"]),
    ],
)
def test_patterns_match_as_in_mqtt(pattern: str, names: list[str], others: list[str]) -> None:
    assert is_pattern(pattern)
    assert all(Filter(patterns=(pattern,)).admits(name) for name in names)
    assert not any(Filter(patterns=(pattern,)).admits(name) for name in others)
