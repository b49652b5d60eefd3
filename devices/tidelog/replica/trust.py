"""What a device and the service may build on: the tokens, and whether contexts have come out right.

Both are shortcuts. Where one leads astray, everything is asked for in full, which is never wrong (SPEC.md,
"Tokens", "Context").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tidelog.replica.asking import Question
from tidelog.replica.pages import Opened
from tidelog.replica.requests import Open
from tidelog.replica.steps import Effects
from tidelog.replica.tokens import Token, Tokens
from tidelog.wire.page_frames import Page, Resync

_DISTRUSTS_MAX: Final = 2
"""Pages that do not come out, since the last connection, before the device asks for none that build on what
it holds: each costs a request and a page in vain."""


class Trust:
    """Which tokens stand, and whether pages may build on what the device holds.

    Args:
        tokens: as the store has them.

    Attributes:
        tokens: those that stand; kept and forgotten here alone.
    """

    def __init__(self, tokens: Iterable[Token]) -> None:
        """See the class."""
        self.tokens = Tokens(tokens)
        self._distrusts = 0

    @property
    def primed(self) -> bool:
        """Whether pages may build on what the device holds; once may be chance, twice is not."""
        return self._distrusts < _DISTRUSTS_MAX

    def restart(self) -> None:
        """A new connection: what did not come out may have been mended."""
        self._distrusts = 0

    def shake(self, scopes: Iterable[bytes], effects: Effects) -> None:
        """A page did not come out: no token of these scopes stands for what the device holds."""
        for scope in scopes:
            self.forget(scope, effects)
        self._distrusts += 1

    def keep(self, answered: Open, page: Page, opened: Opened, effects: Effects) -> None:
        """Keep the token that a page gave or confirmed, for the account that the page leaves."""
        question = answered.question
        if page.gone and answered.job.channels is not None:
            # What a token of named channels stands for lacks those that are gone, for ever.
            self.forget(question.scope, effects)
            return
        name = question.request.token if isinstance(question.request, Resync) else page.token
        if name and question.scope and not self._stands(name, question, opened):
            token = Token(question.scope, name, opened.account, question.dictionary)
            effects.forgotten += self.tokens.put(token)
            effects.tokens.append(token)

    def forget(self, scope: bytes, effects: Effects) -> bool:
        """Forget the token of a scope; whether there was one."""
        there = self.tokens.forget(scope)
        if there:
            effects.forgotten.append(scope)
        return there

    def _stands(self, name: bytes, question: Question, opened: Opened) -> bool:
        """Whether the token is kept already, for the same account."""
        known = self.tokens.get(question.scope)
        return known is not None and known.token == name and known.account.digest == opened.account.digest
