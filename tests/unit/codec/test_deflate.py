from __future__ import annotations

import zlib
from random import Random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.codec.deflate import WINDOW_BYTES, Deflate
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX

CODEC = Deflate()


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_what_is_compressed_is_expanded(text: bytes, context: bytes) -> None:
    assert CODEC.expand(CODEC.compress(text, context), len(text), context) == text


def test_what_the_context_has_costs_next_to_nothing() -> None:
    body = bytes(range(2, 202)) + b"\0"
    assert len(CODEC.compress(body, body)) < 10
    assert len(CODEC.compress(body, b"")) > 200


def test_only_the_end_of_a_long_context_counts() -> None:
    context = bytes(range(256)) * 200
    data = CODEC.compress(b"text\0", context)
    assert data == CODEC.compress(b"text\0", b"else" + context[-WINDOW_BYTES:])


def test_a_bomb_is_not_expanded() -> None:
    bomb = CODEC.compress(bytes(50_000_000), b"")
    before = process_time()
    for size in (0, 1, 1000):
        with pytest.raises(ProtocolError, match="does not make"):
            CODEC.expand(bomb, size, b"")
    assert process_time() - before < 0.2


def test_up_to_a_size_anything_is_expanded_and_more_is_refused() -> None:
    data = CODEC.compress(b"text\0" * 20, b"text")
    assert CODEC.expand_up_to(data, 100, b"text") == CODEC.expand_up_to(data, 999, b"text") == b"text\0" * 20
    before = process_time()
    for wrong, size_max in ((data, 99), (CODEC.compress(bytes(50_000_000), b"text"), 1_000)):
        with pytest.raises(ProtocolError) as caught:
            CODEC.expand_up_to(wrong, size_max, b"text")
        assert caught.value.wire_code is Code.LIMIT
    assert process_time() - before < 0.5
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(ProtocolError):
            CODEC.expand_up_to(wrong, 100, b"text")


@pytest.mark.parametrize("wrong", [-1, 1])
def test_another_size_is_refused(wrong: int) -> None:
    with pytest.raises(ProtocolError):
        CODEC.expand(CODEC.compress(b"text\0", b""), 5 + wrong, b"")


def test_a_size_over_the_limit_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        CODEC.expand(b"", PAGE_BODIES_BYTES_MAX + 1, b"")
    assert caught.value.wire_code is Code.LIMIT


def test_cut_short_or_followed_by_more_it_is_refused() -> None:
    data = CODEC.compress(b"some text that is long enough\0", b"")
    for stop in range(len(data)):
        with pytest.raises(ProtocolError):
            CODEC.expand(data[:stop], 30, b"")
    with pytest.raises(ProtocolError):
        CODEC.expand(data + b"\0", 30, b"")


@given(st.binary(max_size=60), st.integers(0, 100), st.binary(max_size=40))
def test_any_bytes_are_a_text_of_the_size_or_refused(data: bytes, size: int, context: bytes) -> None:
    try:
        assert len(CODEC.expand(data, size, context)) == size
    except ProtocolError:
        return


def test_other_implementations_read_it() -> None:
    """Raw deflate of 32 KiB of window, as in RFC 1951."""
    assert (
        zlib.decompressobj(-15, b"hello there\0").decompress(CODEC.compress(b"hello\0", b"hello there\0"))
        == b"hello\0"
    )


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_what_is_made_shorter_is_lengthened(text: bytes, context: bytes) -> None:
    data = CODEC.shortest(text, context)
    assert CODEC.lengthened(data, len(text), context) == text
    assert CODEC.lengthened(data, len(text) + 100, context) == text


def test_zeros_at_the_end_are_left_out() -> None:
    assert CODEC.compress(b"text\0", b"text\0")[-1] == 0
    assert len(CODEC.shortest(b"text\0", b"text\0")) == len(CODEC.compress(b"text\0", b"text\0")) - 1


def test_of_many_zeros_at_the_end_eight_are_left_out() -> None:
    """A stored block ends as its text does."""
    text = bytes(Random(1).randbytes(300)) + bytes(12)
    assert len(CODEC.compress(text, b"")) > len(text)
    assert len(CODEC.shortest(text, b"")) == len(CODEC.compress(text, b"")) - 8
    assert CODEC.lengthened(CODEC.shortest(text, b""), 312, b"") == text


def test_a_text_that_is_longer_than_allowed_is_not_made() -> None:
    bomb = CODEC.shortest(bytes(50_000_000), b"")
    before = process_time()
    for most in (0, 1, 65_537):
        with pytest.raises(ProtocolError) as caught:
            CODEC.lengthened(bomb, most, b"")
        assert caught.value.wire_code is Code.LIMIT
    assert process_time() - before < 0.2


def test_what_goes_on_after_its_end_or_is_damaged_is_refused() -> None:
    """Cut short it may be another text: zeros are an end mark. The check of a page tells."""
    whole = CODEC.compress(b"some text that is long enough\0", b"")
    assert CODEC.lengthened(whole, 100, b"") == b"some text that is long enough\0"
    for data in (whole + b"x", whole + b"\0", b"\xff\xff"):
        with pytest.raises(ProtocolError):
            CODEC.lengthened(data, 100, b"")
