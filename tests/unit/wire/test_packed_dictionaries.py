from __future__ import annotations

import pytest

from tidelog.wire import packed
from tidelog.wire.errors import Code
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.frames import Type
from tidelog.wire.limits import PACKET_BYTES_MAX, PAGE_BYTES_MAX
from unit.wire.payloads import payload_of, refusal

ID = 0x89ABCDEF


def test_to_ask_for_a_dictionary_takes_ten_bytes_at_most() -> None:
    assert len(packed.encode(Fetch(rid=4660, dictionary=ID))) == 10
    assert len(packed.encode(Fetch(rid=4660, dictionary=ID, offset=16_000))) == 13


def test_that_there_is_none_takes_ten_too() -> None:
    assert packed.encode(Piece(rid=4660, dictionary=ID)) == bytes.fromhex("37 82 191234 1a89abcdef")


def test_the_largest_piece_fits_a_packet() -> None:
    frame = Piece(rid=4660, dictionary=ID, size=65_600, data=bytes(PAGE_BYTES_MAX))
    assert len(packed.encode(frame)) < PACKET_BYTES_MAX
    assert packed.decode(packed.encode(frame)) == frame


def test_what_is_left_out_is_at_its_default() -> None:
    assert packed.decode(payload_of(Type.FETCH, 7, ID)) == Fetch(rid=7, dictionary=ID)
    assert packed.decode(payload_of(Type.PIECE, 7, ID)) == Piece(rid=7, dictionary=ID)


def test_later_revisions_may_add_fields() -> None:
    assert packed.decode(payload_of(Type.FETCH, 7, ID, 0, 16_384, "new")) == Fetch(rid=7, dictionary=ID)
    assert packed.decode(payload_of(Type.PIECE, 7, ID, 0, 0, b"", [1])) == Piece(rid=7, dictionary=ID)


@pytest.mark.parametrize(
    ("kind", "items", "code"),
    [
        (Type.FETCH, [7], Code.MALFORMED),
        (Type.FETCH, ["7", ID], Code.MALFORMED),
        (Type.FETCH, [65_536, ID], Code.LIMIT),
        (Type.FETCH, [7, 1], Code.MALFORMED),
        (Type.FETCH, [7, 2**32], Code.LIMIT),
        (Type.FETCH, [7, ID, -1], Code.MALFORMED),
        (Type.FETCH, [7, ID, 65_601], Code.LIMIT),
        (Type.FETCH, [7, ID, 0, 255], Code.LIMIT),
        (Type.PIECE, [7], Code.MALFORMED),
        (Type.PIECE, [7, 255], Code.MALFORMED),
        (Type.PIECE, [7, ID, 65_601], Code.LIMIT),
        (Type.PIECE, [7, ID, 4, 0, "abcd"], Code.MALFORMED),
        (Type.PIECE, [7, ID, 4, 1, b"abcd"], Code.MALFORMED),
        (Type.PIECE, [7, ID, 4, 0], Code.MALFORMED),
    ],
)
def test_fields_are_checked_one_by_one(kind: Type, items: list[object], code: Code) -> None:
    assert refusal(payload_of(kind, *items)).wire_code is code
