from __future__ import annotations

import pytest

from tidelog import codec
from tidelog.wire import packed
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import CODEC_NONE, Part, Push, Record
from tidelog.wire.limits import CODEC_STOP


def push(number: int) -> Push:
    record = Record(seq=1, author="ann", time=5, sent=5, body=b"hi", size=2)
    return Push(part=Part(channel="a", epoch=9, head=1, records=(record,)), codec=number)


def test_a_codec_is_found_by_its_id() -> None:
    for number in (CODEC_NONE, *codec.offered()):
        assert codec.by_id(number).id == number
        assert 0 <= number < CODEC_STOP


def test_names_are_distinct() -> None:
    names = [codec.by_id(number).name for number in (CODEC_NONE, *codec.offered())]
    assert len(set(names)) == len(names)


def test_an_unknown_codec_is_unsupported() -> None:
    with pytest.raises(ProtocolError) as caught:
        codec.by_id(31)
    assert caught.value.wire_code is Code.UNSUPPORTED


def test_none_is_implied_and_not_offered() -> None:
    assert CODEC_NONE not in codec.offered()


@pytest.mark.parametrize("offered", [(), (31,), (CODEC_NONE,), (30, 31)])
def test_without_a_common_codec_bodies_go_as_they_are(offered: tuple[int, ...]) -> None:
    assert codec.choose(offered) == CODEC_NONE


def test_what_is_chosen_was_offered() -> None:
    assert codec.choose(codec.offered()) in (CODEC_NONE, *codec.offered())


@pytest.mark.parametrize("number", [CODEC_NONE, *codec.offered()])
def test_a_frame_is_written_and_read_with_every_codec(number: int) -> None:
    payload = packed.encode(push(number), compress=codec.compressor(number, b"held"))
    assert packed.decode(payload, expand=codec.expander(b"held")) == push(number)


def test_a_frame_in_an_unknown_codec_is_unsupported() -> None:
    payload = packed.encode(push(31), compress=b"".join)
    with pytest.raises(ProtocolError) as caught:
        packed.decode(payload, expand=codec.expander())
    assert caught.value.wire_code is Code.UNSUPPORTED
