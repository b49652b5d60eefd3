from __future__ import annotations

import pytest

from tidelog.codec.plain import Plain
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import CODEC_NONE


def test_the_text_goes_as_it_is_whatever_the_context() -> None:
    assert Plain.id == CODEC_NONE
    for context in (b"", b"held"):
        assert Plain().expand(b"abc", 3, context) == b"abc"


@pytest.mark.parametrize("size", [0, 2, 4])
def test_another_size_is_refused(size: int) -> None:
    with pytest.raises(ProtocolError, match=f"a text of 3 bytes where the page says {size}"):
        Plain().expand(b"abc", size, b"")
