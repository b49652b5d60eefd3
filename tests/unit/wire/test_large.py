"""The frames that carry large bodies."""

from __future__ import annotations

import pytest

from tidelog.wire.errors import ProtocolError
from tidelog.wire.large import Ask, Chunk, Portion, checked_chunk, checked_portion
from tidelog.wire.limits import PAGE_BYTES_DEFAULT


def chunk(size: int, offset: int, data: bytes) -> Chunk:
    return Chunk(rid=1, digest=bytes(32), size=size, offset=offset, data=data)


def test_an_ask_begins_at_the_beginning_with_pages_of_the_usual_size() -> None:
    ask = Ask(rid=1, channel="a", epoch=1, seq=1)
    assert (ask.offset, ask.page_bytes) == (0, PAGE_BYTES_DEFAULT)


@pytest.mark.parametrize(
    ("size", "offset", "data"),
    [(0, 0, b""), (9, 0, b""), (4, 0, b"abcd"), (3_000, 1_024, bytes(1_024)), (1_028, 1_024, b"abcd")],
)
def test_a_chunk_on_the_grain_passes(size: int, offset: int, data: bytes) -> None:
    assert checked_chunk(chunk(size, offset, data)) == chunk(size, offset, data)


@pytest.mark.parametrize(
    ("size", "offset", "data"), [(9, 0, b"abcd"), (9, 4, b""), (3, 0, b"abcd"), (2_000, 1_024, b"abcd")]
)
def test_one_off_the_grain_or_beyond_the_end_does_not(size: int, offset: int, data: bytes) -> None:
    with pytest.raises(ProtocolError):
        checked_chunk(chunk(size, offset, data))


@pytest.mark.parametrize(("size", "offset", "data"), [(3, 0, b"abcd"), (9, 10, b""), (9, 8, b"")])
def test_a_portion_beyond_the_end_or_without_progress_does_not_either(
    size: int, offset: int, data: bytes
) -> None:
    with pytest.raises(ProtocolError):
        checked_portion(Portion(rid=1, size=size, offset=offset, data=data))


def test_their_bytes_are_not_shown() -> None:
    assert "abcd" not in repr(Portion(rid=1, size=4, data=b"abcd")) + repr(chunk(4, 0, b"abcd"))
