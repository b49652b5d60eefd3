"""What a device goes on building on after a page that did not come out."""

from __future__ import annotations

import pytest

from tidelog.replica.steps import Effects
from tidelog.replica.tokens import Token
from tidelog.replica.trust import Trust
from tidelog.wire.standings import Standings


@pytest.fixture
def trust() -> Trust:
    return Trust([Token(scope, b"name", Standings()) for scope in (b"a", b"b", b"c")])


def test_a_page_that_does_not_come_out_costs_the_tokens_of_its_scopes_alone(trust: Trust) -> None:
    effects = Effects()
    trust.shake((b"a", b"c", b"unknown"), effects)
    assert effects.forgotten == [b"a", b"c"]
    assert [trust.tokens.get(scope) is not None for scope in (b"a", b"b", b"c")] == [False, True, False]


def test_once_may_be_chance_and_twice_is_not_until_the_next_connection(trust: Trust) -> None:
    trust.shake((), Effects())
    assert trust.primed
    trust.shake((), Effects())
    assert not trust.primed
    trust.restart()
    assert trust.primed


def test_a_token_is_forgotten_once(trust: Trust) -> None:
    effects = Effects()
    assert trust.forget(b"a", effects)
    assert not trust.forget(b"a", effects)
    assert effects.forgotten == [b"a"]
