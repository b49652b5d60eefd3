from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.digest import answer_digest, message_digest
from tidelog.wire.frames import Message
from tidelog.wire.limits import ANSWER_DIGEST_BYTES, MESSAGE_DIGEST_BYTES

MESSAGE = Message(n=1, channel="room", body=b"hello", sent=500)


@pytest.mark.parametrize(
    ("field", "other"),
    [("kind", 16), ("sent", 501), ("content_type", "a/b"), ("channel", "x"), ("body", b"x")],
)
def test_whatever_differs_makes_another_message(field: str, other: object) -> None:
    assert message_digest(MESSAGE) != message_digest(replace(MESSAGE, **{field: other}))


def test_the_number_is_not_part_of_the_message() -> None:
    """A message that is numbered anew stays the same."""
    assert message_digest(MESSAGE) == message_digest(replace(MESSAGE, n=2))
    assert len(message_digest(MESSAGE)) == MESSAGE_DIGEST_BYTES


def test_an_answer_carries_its_beginning_and_nothing_without_a_number() -> None:
    assert answer_digest(MESSAGE) == message_digest(MESSAGE)[:ANSWER_DIGEST_BYTES]
    assert len(answer_digest(MESSAGE)) == 2
    assert answer_digest(replace(MESSAGE, n=0)) == b""


LETTERS = "a /1\0b"
CUT = st.lists(st.integers(0, len(LETTERS)), min_size=2, max_size=2).map(sorted)


@given(CUT, CUT)
def test_no_two_messages_are_hashed_as_the_same_bytes(one: list[int], other: list[int]) -> None:
    """The same letters, cut into content type, channel and body at any two places."""
    first, second = (
        Message(n=1, content_type=LETTERS[:i], channel=LETTERS[i:j], body=LETTERS[j:].encode())
        for i, j in (one, other)
    )
    assert (message_digest(first) == message_digest(second)) == (one == other)
