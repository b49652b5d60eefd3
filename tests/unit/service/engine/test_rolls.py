"""Which channels the operator lets whom make."""

from __future__ import annotations

import pytest

from tidelog_service.engine.rolls import ANYBODY, NOBODY, Policy


@pytest.mark.parametrize(
    ("create", "channel", "allowed"),
    [
        (NOBODY, "ann/boat", False),
        (NOBODY, "nobody", False),
        (ANYBODY, "boat", True),
        (ANYBODY, "a/b/c", True),
        ("{user}/*", "ann/boat", True),
        ("{user}/*", "bob/boat", False),
        ("{user}/*", "ann", False),
        ("{user}/*", "ann/boat/log", False),
        ("{user}/*, clubs/*", "clubs/sailing", True),
        ("{user}/*, clubs/*", "ann/boat", True),
        ("{user}/*, clubs/*", "clubs", False),
        ("{user}-*", "ann-boat", True),
        ("{user}-*", "ann-/boat", False),
        ("team.*", "teamXboat", False),
        ("*", "boat", True),
        ("*", "ann/boat", False),
    ],
)
def test_a_pattern_fits_or_does_not(create: str, channel: str, *, allowed: bool) -> None:
    assert Policy(create=create).may_create(channel, "ann") is allowed


@pytest.mark.parametrize("create", [ANYBODY, "*/*/*", "dm/{user}/*"])
def test_nobody_takes_the_name_of_a_conversation(create: str) -> None:
    """Ann and Bob would write to it, and whoever made it would read."""
    assert not Policy(create=create).may_create("dm/ann/bob", "eve")


def test_a_name_of_a_user_is_no_pattern() -> None:
    assert not Policy(create="{user}/*").may_create("bob/boat", "*")
    assert not Policy(create="{user}/*").may_create("bob/boat", ".*")
