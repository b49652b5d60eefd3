"""What a device remembers tokens of, and for how long."""

from __future__ import annotations

import pytest

from tidelog.replica.tokens import TOKENS_MAX, Token, Tokens, scope_of
from tidelog.wire.standings import Standings


def token(scope: bytes, name: bytes = b"\1\2\3\4") -> Token:
    return Token(scope, name, Standings())


def test_a_token_is_found_by_its_scope_and_replaced_by_the_next() -> None:
    tokens = Tokens([token(b"a")])
    assert tokens.put(token(b"a", b"next")) == []
    found = tokens.get(b"a")
    assert found is not None
    assert found.token == b"next"
    assert tokens.get(b"b") is None


def test_a_forgotten_token_is_gone_and_forgotten_once() -> None:
    tokens = Tokens([token(b"a")])
    assert tokens.forget(b"a")
    assert not tokens.forget(b"a")
    assert tokens.get(b"a") is None


def test_of_too_many_the_one_put_longest_ago_goes() -> None:
    """What the store has counts by its order: the last used last."""
    scopes = [b"%d" % n for n in range(TOKENS_MAX)]
    tokens = Tokens(map(token, scopes))
    tokens.put(token(scopes[0]))
    assert tokens.put(token(b"new")) == [scopes[1]]
    assert tokens.get(scopes[0]) is not None
    assert tokens.get(scopes[1]) is None


@pytest.mark.parametrize(
    "other",
    [
        scope_of(("a",), rule=(0,), ability=((1,),)),
        scope_of((), rule=(0,), ability=((1,),)),
        scope_of(None, rule=(1,), ability=((1,),)),
        scope_of(None, rule=(0,), ability=((1, 2),)),
    ],
)
def test_another_question_is_another_scope(other: bytes) -> None:
    assert other != scope_of(None, rule=(0,), ability=((1,),))
    assert scope_of(("a", "b"), rule=(0,), ability=()) != scope_of(("b", "a"), rule=(0,), ability=())


def test_a_token_of_all_records_of_channels_is_found_whatever_else_it_was_asked_for_with() -> None:
    scopes = [
        scope_of(None, rule=(0, 0, 0, 0), ability=((1, 2), 16_384)),
        scope_of(("a", "b"), rule=(0, 1, 0, 0), ability=((), 256)),
        scope_of(("c",), rule=(20, 0, 0, 0), ability=((), 256)),
    ]
    tokens = Tokens(map(token, scopes))
    everything, named = tokens.of(None), tokens.of(("a", "b"))
    assert everything is not None
    assert named is not None
    assert (everything.scope, named.scope) == (scopes[0], scopes[1])
    # Not those of the newest records only, nor of other channels.
    assert tokens.of(("c",)) is None
    assert tokens.of(("b", "a")) is None
