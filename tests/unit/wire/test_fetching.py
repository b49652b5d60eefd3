"""The frames that bring a dictionary."""

from __future__ import annotations

import pytest

from tidelog.wire.errors import ProtocolError
from tidelog.wire.fetching import Fetch, Piece, checked
from tidelog.wire.limits import PAGE_BYTES_DEFAULT


def piece(size: int, offset: int, data: bytes) -> Piece:
    return Piece(rid=1, dictionary=300, size=size, offset=offset, data=data)


def test_a_fetch_begins_at_the_beginning_with_pages_of_the_usual_size() -> None:
    assert (Fetch(rid=1, dictionary=300).offset, Fetch(rid=1, dictionary=300).page_bytes) == (
        0,
        PAGE_BYTES_DEFAULT,
    )


@pytest.mark.parametrize(
    ("size", "offset", "data"), [(0, 0, b""), (4, 0, b"abcd"), (9, 5, b"abcd"), (9, 2, b"abcd"), (9, 9, b"")]
)
def test_a_piece_within_its_whole_passes(size: int, offset: int, data: bytes) -> None:
    assert checked(piece(size, offset, data)) == piece(size, offset, data)


@pytest.mark.parametrize(
    ("size", "offset", "data"), [(3, 0, b"abcd"), (9, 6, b"abcd"), (9, 10, b""), (9, 8, b"")]
)
def test_one_beyond_it_or_without_progress_does_not(size: int, offset: int, data: bytes) -> None:
    with pytest.raises(ProtocolError):
        checked(piece(size, offset, data))


def test_its_bytes_are_not_shown() -> None:
    assert "abcd" not in repr(piece(4, 0, b"abcd"))
