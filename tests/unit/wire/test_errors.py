from __future__ import annotations

import pytest

from tidelog.wire import errors
from tidelog.wire.errors import Code, Denied, ProtocolError, TidelogError, Unavailable, UsageError

BRANCHES = {
    Code.MALFORMED: ProtocolError,
    Code.VERSION: ProtocolError,
    Code.LIMIT: UsageError,
    Code.NO_CHANNEL: Denied,
    Code.DENIED: Denied,
    Code.CONFLICT: UsageError,
    Code.WINDOW: UsageError,
    Code.UNSUPPORTED: UsageError,
    Code.BUSY: Unavailable,
    Code.INTERNAL: Unavailable,
    Code.CONTEXT: ProtocolError,
    Code.TOKEN: Unavailable,
    Code.NO_RECORD: UsageError,
    Code.NO_USER: UsageError,
    Code.BLOB: ProtocolError,
}


@pytest.mark.parametrize("code", Code)
def test_a_code_from_the_wire_becomes_an_error_of_one_branch_with_a_hint(code: Code) -> None:
    error = errors.error_for(code, "what happened")
    assert type(error) is BRANCHES[code]
    assert (str(error), error.code, error.hint) == ("what happened", code.word, errors.hint_for(code))
    assert error.hint


def test_without_a_text_the_word_stands_for_it() -> None:
    assert str(errors.error_for(Code.BUSY, "")) == "busy"


def test_words_are_distinct_and_lower_case() -> None:
    words = [code.word for code in Code]
    assert len(set(words)) == len(words)
    assert all(word == word.lower() for word in words)


def test_each_branch_has_a_code_of_its_own() -> None:
    codes = [branch("x").code for branch in (UsageError, ProtocolError, Unavailable, Denied)]
    assert codes == ["usage", "malformed", "unavailable", "denied"]
    assert all(issubclass(branch, TidelogError) for branch in BRANCHES.values())


def test_an_error_may_bring_code_and_hint() -> None:
    error = UsageError("what", code="disk_full", hint="free some")
    assert (error.code, error.hint) == ("disk_full", "free some")


def test_a_violation_brings_what_answers_it() -> None:
    error = ProtocolError("what", wire_code=Code.VERSION, highest_version=1)
    assert (error.code, error.wire_code, error.highest_version) == ("version", Code.VERSION, 1)
