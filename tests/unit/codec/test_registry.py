from __future__ import annotations

import pytest

from tidelog import codec
from tidelog.codec import ppmd, registry
from tidelog.codec.deflate import Deflate
from tidelog.codec.plain import Plain
from tidelog.codec.ppmd import Ppmd, memory_bytes
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.limits import CODEC_STOP
from tidelog.wire.packed_pages import CODECS_STOP
from tidelog.wire.page_frames import Model

TEXT = b"the tide is high\0" * 4
HELD = b"the tide is low\0"


def test_every_codec_has_an_id_that_a_page_can_name_and_a_name_of_its_own() -> None:
    codecs = (Plain, Deflate, Ppmd)
    assert [codec.by_name(one.name) for one in codecs] == [one.id for one in codecs]
    assert len({one.id for one in codecs}) == len({one.name for one in codecs}) == len(codecs)
    assert all(0 <= one.id < CODECS_STOP <= CODEC_STOP for one in codecs)


def test_an_unknown_name_is_the_callers_mistake_and_says_what_there_is() -> None:
    with pytest.raises(UsageError) as caught:
        codec.by_name("zip")
    assert caught.value.code == "codec"
    assert "none, deflate, ppmd" in caught.value.hint


def test_none_is_implied_and_not_offered() -> None:
    assert codec.offered() == (Deflate.id, Ppmd.id)


def test_without_pyppmd_it_is_neither_offered_nor_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppmd, "available", lambda: False)
    assert codec.offered() == (Deflate.id,)
    with pytest.raises(UsageError) as named:
        codec.by_name("ppmd")
    assert "tidelog[ppmd]" in named.value.hint
    with pytest.raises(ProtocolError) as caught:
        codec.expand(Ppmd.id, b"x", 5, b"", Model())
    assert caught.value.wire_code is Code.UNSUPPORTED


@pytest.mark.parametrize("context", [b"", HELD])
def test_what_a_codec_made_is_expanded_by_its_id(context: bytes) -> None:
    model = Model(4096, memory_bytes(len(TEXT + context)), 4)
    assert codec.expand(CODEC_NONE, TEXT, len(TEXT), context, model) == TEXT
    assert codec.expand(Deflate.id, Deflate().compress(TEXT, context), len(TEXT), context, model) == TEXT
    assert codec.expand(Ppmd.id, Ppmd(4).compress(TEXT, context), len(TEXT), context, model) == TEXT


def test_the_order_and_memory_of_ppmd_are_those_of_the_page() -> None:
    text = b"".join(b"%d tides and %d moons\0" % (n * n % 977, n) for n in range(500))
    data = Ppmd(8).compress(text, HELD, 2 << 20)
    assert codec.expand(Ppmd.id, data, len(text), HELD, Model(4096, 2 << 20, 8)) == text
    try:
        other = codec.expand(Ppmd.id, data, len(text), HELD, Model(4096, 2 << 20, 6))
    except ProtocolError:
        return
    assert other != text


@pytest.mark.parametrize("number", [3, 31])
def test_an_unknown_codec_is_unsupported(number: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        registry.expand(number, b"", 0, b"", Model())
    assert caught.value.wire_code is Code.UNSUPPORTED
