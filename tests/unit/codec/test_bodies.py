from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.codec import bodies
from tidelog.wire.errors import ProtocolError

BODIES = st.lists(st.one_of(st.binary(max_size=20), st.text("\0\1\2\3a").map(str.encode)), max_size=12)


@given(BODIES)
def test_bodies_are_cut_as_they_were_joined(listed: list[bytes]) -> None:
    text = bodies.joined(listed)
    assert list(bodies.split(text, len(listed))) == listed
    assert len(text) == sum(map(bodies.size, listed))


@given(st.text("\0\1\2\3a", max_size=12).map(str.encode), st.integers(0, 5))
def test_what_can_be_cut_is_joined_the_same(text: bytes, count: int) -> None:
    try:
        listed = bodies.split(text, count)
    except ProtocolError:
        return
    assert bodies.joined(listed) == text


def test_the_two_bytes_are_stuffed() -> None:
    assert bodies.joined([b"a\0b\1\2", b""]) == b"a\1\2b\1\3\2\0\0"


@pytest.mark.parametrize(
    ("text", "count"),
    [(b"a\0", 0), (b"a\0", 2), (b"a", 0), (b"a\0b", 1), (b"\1\0", 1), (b"\1\4\0", 1), (b"\1\1\2\0", 1)],
)
def test_malformed_texts_are_refused(text: bytes, count: int) -> None:
    with pytest.raises(ProtocolError):
        bodies.split(text, count)
