"""The tokens that a device has: each names an account that the service keeps too (SPEC.md, "Tokens").

A token is a shortcut, never the truth: what the device has is told by how it differs from the account, and
where the service does not know the token, in full.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cbor2

from tidelog.wire.standings import Standings

TOKENS_MAX: Final = 8
"""Scopes that a device remembers tokens of; the service keeps twice as many."""


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """A token and what it stands for.

    Attributes:
        scope: what it was asked for, see `scope_of`.
        token: its bytes.
        account: what the service keeps for it; not to be changed.
        dictionary: id of the one that the request named to which it was given; 0 for none.
    """

    scope: bytes
    token: bytes
    account: Standings
    dictionary: int = 0


def scope_of(
    channels: tuple[str, ...] | None, *, rule: tuple[int, ...], ability: tuple[object, ...]
) -> bytes:
    """What a token is for: channels (``None`` for all), how they are gone through, what the device can do."""
    return cbor2.dumps([channels, rule, ability])


class Tokens:
    """Tokens by scope, the last used last.

    Args:
        tokens: as the store has them.
    """

    __slots__ = ("_by_scope",)

    def __init__(self, tokens: Iterable[Token]) -> None:
        """See the class."""
        self._by_scope = {token.scope: token for token in tokens}

    def get(self, scope: bytes) -> Token | None:
        """The token of a scope."""
        return self._by_scope.get(scope)

    def of(self, channels: tuple[str, ...] | None) -> Token | None:
        """The last used token of all records of these channels, whatever else it was asked for with."""
        asked = None if channels is None else list(channels)
        for scope in reversed(self._by_scope):
            named, (newest, *_), _ability = cbor2.loads(scope)
            if named == asked and not newest:
                return self._by_scope[scope]
        return None

    def put(self, token: Token) -> list[bytes]:
        """Keep a token.

        Returns:
            the scopes whose tokens are too many now, and forgotten.
        """
        self._by_scope.pop(token.scope, None)
        self._by_scope[token.scope] = token
        old = list(self._by_scope)[:-TOKENS_MAX]
        for scope in old:
            del self._by_scope[scope]
        return old

    def forget(self, scope: bytes) -> bool:
        """Forget the token of a scope; whether there was one."""
        return self._by_scope.pop(scope, None) is not None
