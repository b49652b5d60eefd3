"""Patterns of channels: which there are, and what they match."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidelog.wire.queries import Filter
from tidelog.wire.topics import is_channel, is_pattern
from tidelog_service.engine import topic_filters

LEVELS = st.sampled_from(["a", "b", "a.b", "a+b", "(", "|", "$x", "é"])
NAMES = st.lists(LEVELS, min_size=1, max_size=3).map("/".join).filter(is_channel)
PATTERNS = (
    st.lists(st.one_of(LEVELS, st.sampled_from(["+", "#"])), min_size=1, max_size=4)
    .map("/".join)
    .filter(is_pattern)
)


@example(pattern="#", name="a")
@example(pattern="a/#", name="a")
@example(pattern="+/#", name="a")
@example(pattern="a.b", name="a+b")
@given(pattern=PATTERNS, name=NAMES)
def test_a_pattern_matches_as_the_standard_has_it(pattern: str, name: str) -> None:
    # On a topic of its own a name that begins with "$" is one like others.
    assert Filter(patterns=(pattern,)).admits(name) == topic_filters.matches(f"x/{pattern}", f"x/{name}")


@given(patterns=st.lists(PATTERNS, max_size=5, unique=True).map(tuple), name=NAMES)
def test_one_of_several_patterns_is_enough(patterns: tuple[str, ...], name: str) -> None:
    assert Filter(patterns=patterns).admits(name) == (
        not patterns or any(Filter(patterns=(one,)).admits(name) for one in patterns)
    )


@pytest.mark.parametrize(
    "text", ["", "#/#", "a/#/#", "#/a", "a#", "+a", "a//b", "/".join("#" * 100_000), "/".join("+" * 100_000)]
)
def test_what_is_no_pattern(text: str) -> None:
    assert not is_pattern(text)
