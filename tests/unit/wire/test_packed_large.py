from __future__ import annotations

import pytest

from tidelog.wire import packed
from tidelog.wire.errors import Code
from tidelog.wire.frames import Type
from tidelog.wire.large import Ask, Chunk, Portion, Upload
from tidelog.wire.limits import LARGE_BYTES_MAX, PACKET_BYTES_MAX, PAGE_BYTES_MAX
from unit.wire.payloads import payload_of, refusal

DIGEST = bytes(range(32))


def test_to_ask_for_a_body_takes_20_bytes() -> None:
    assert len(packed.encode(Ask(rid=4660, channel="room1", epoch=2**31, seq=101))) == 18
    assert len(packed.encode(Ask(rid=4660, channel="room1", epoch=2**31, seq=101, offset=16_000))) == 21


def test_how_far_an_upload_has_come_takes_ten_at_most() -> None:
    assert len(packed.encode(Upload(rid=65_535, offset=LARGE_BYTES_MAX))) == 10
    assert packed.encode(Upload(rid=4660)) == bytes.fromhex("3d 81 191234")


@pytest.mark.parametrize(
    "frame",
    [
        Portion(rid=1, size=LARGE_BYTES_MAX, offset=2**20, data=bytes(PAGE_BYTES_MAX)),
        Chunk(rid=1, digest=DIGEST, size=LARGE_BYTES_MAX, offset=2**20, data=bytes(PAGE_BYTES_MAX)),
    ],
)
def test_the_largest_piece_fits_a_packet(frame: Portion | Chunk) -> None:
    assert len(packed.encode(frame)) < PACKET_BYTES_MAX
    assert packed.decode(packed.encode(frame)) == frame


def test_what_is_left_out_is_at_its_default() -> None:
    assert packed.decode(payload_of(Type.ASK, 7, "a", 1, 2)) == Ask(rid=7, channel="a", epoch=1, seq=2)
    assert packed.decode(payload_of(Type.CHUNK, 7, DIGEST, 9)) == Chunk(rid=7, digest=DIGEST, size=9)
    assert packed.decode(payload_of(Type.PORTION, 7, 0)) == Portion(rid=7, size=0)
    assert packed.decode(payload_of(Type.UPLOAD, 7)) == Upload(rid=7)


def test_later_revisions_may_add_fields() -> None:
    assert packed.decode(payload_of(Type.UPLOAD, 7, 0, "new")) == Upload(rid=7)
    assert packed.decode(payload_of(Type.PORTION, 7, 0, 0, b"", b"", "new")) == Portion(rid=7, size=0)
    assert packed.decode(payload_of(Type.CHUNK, 7, DIGEST, 9, 0, b"", 1)).data == b""  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "items", "code"),
    [
        (Type.ASK, [7, "a", 1], Code.MALFORMED),
        (Type.ASK, [7, "a//b", 1, 1], Code.MALFORMED),
        (Type.ASK, [7, "a", 1, 0], Code.MALFORMED),
        (Type.ASK, [7, "a", 2**32, 1], Code.LIMIT),
        (Type.ASK, [7, "a", 1, 1, LARGE_BYTES_MAX + 1], Code.LIMIT),
        (Type.ASK, [7, "a", 1, 1, 0, 255], Code.LIMIT),
        (Type.CHUNK, [7, DIGEST], Code.MALFORMED),
        (Type.CHUNK, [7, DIGEST[1:], 9], Code.MALFORMED),
        (Type.CHUNK, [7, "d" * 32, 9], Code.MALFORMED),
        (Type.CHUNK, [7, DIGEST, LARGE_BYTES_MAX + 1], Code.LIMIT),
        (Type.CHUNK, [7, DIGEST, 9, 1, b"abc"], Code.MALFORMED),
        (Type.CHUNK, [7, DIGEST, 9, 0, b"abc"], Code.MALFORMED),
        (Type.CHUNK, [7, DIGEST, 2, 0, b"abc"], Code.MALFORMED),
        (Type.PORTION, [7], Code.MALFORMED),
        (Type.PORTION, [7, 4, 0, "abcd"], Code.MALFORMED),
        (Type.PORTION, [7, 4, 1, b"abcd"], Code.MALFORMED),
        (Type.PORTION, [7, 4, 0], Code.MALFORMED),
        (Type.UPLOAD, [], Code.MALFORMED),
        (Type.UPLOAD, [7, LARGE_BYTES_MAX + 1], Code.LIMIT),
    ],
)
def test_fields_are_checked_one_by_one(kind: Type, items: list[object], code: Code) -> None:
    assert refusal(payload_of(kind, *items)).wire_code is code
