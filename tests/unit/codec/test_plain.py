from __future__ import annotations

import pytest

from tidelog.codec.plain import Plain
from tidelog.wire.errors import ProtocolError


def test_bodies_are_joined_as_they_are() -> None:
    assert Plain().compress([b"ab", b"", b"c"], b"held") == b"abc"
    assert Plain().expand(b"abc", 3, b"held") == b"abc"


@pytest.mark.parametrize("size", [0, 2, 4])
def test_another_size_is_refused(size: int) -> None:
    with pytest.raises(ProtocolError, match="sizes say"):
        Plain().expand(b"abc", size, b"")
