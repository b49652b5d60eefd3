"""The packed encoding as a whole; each message has a file of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tidelog.wire import packed
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code
from tidelog.wire.frames import Delta, Fault, Message, Messages, Type
from tidelog.wire.limits import BODY_BYTES_MAX, PACKET_BYTES_MAX, VERSION
from unit.wire.payloads import payload_of, refusal
from unit.wire.strategies import FRAMES, PACKED_FRAMES


def plain(size: int) -> Message:
    return Message(n=0, channel="a", body=bytes(size))


@given(PACKED_FRAMES)
def test_what_is_written_is_read_back(frame: Frame) -> None:
    assert packed.decode(packed.encode(frame)) == frame


@given(FRAMES)
@settings(max_examples=50)
def test_every_prefix_is_refused(frame: Frame) -> None:
    payload = packed.encode(frame)
    for stop in range(len(payload)):
        assert refusal(payload[:stop]).wire_code is Code.MALFORMED


@given(FRAMES)
def test_a_byte_after_the_end_is_refused(frame: Frame) -> None:
    assert refusal(packed.encode(frame) + b"\x00").wire_code is Code.MALFORMED


def test_an_empty_answer_takes_three_bytes() -> None:
    assert packed.encode(Delta(rid=1, more=False)) == bytes.fromhex("328101")


@pytest.mark.parametrize("version", [0, 2, 3, 4, 5, 6, 7])
def test_another_version_is_answered_with_the_highest_that_is_spoken(version: int) -> None:
    error = refusal(bytes([version << 5 | Type.SYNC, 0x81, 0x01]))
    assert (error.wire_code, error.highest_version) == (Code.VERSION, VERSION)


@pytest.mark.parametrize("kind", sorted(set(range(32)) - set(Type)))
def test_an_unknown_type_is_unsupported(kind: int) -> None:
    assert refusal(payload_of(kind, 1)).wire_code is Code.UNSUPPORTED


def test_no_first_byte_is_an_opening_brace() -> None:
    assert 0x7B & 0x1F not in set(Type)


def test_a_payload_larger_than_a_packet_is_refused_before_it_is_read() -> None:
    assert refusal(bytes(PACKET_BYTES_MAX + 1)).wire_code is Code.LIMIT


def test_a_payload_of_exactly_a_packet_is_read() -> None:
    frame = Messages(outbox=b"", messages=tuple(plain(size) for size in (BODY_BYTES_MAX, 32_753)))
    payload = packed.encode(frame)
    assert len(payload) == PACKET_BYTES_MAX
    assert packed.decode(payload) == frame


def test_further_items_of_the_outer_array_are_left_to_later_revisions() -> None:
    fault = Fault(code=Code.BUSY, rid=3, text="later", version=1)
    assert packed.decode(payload_of(Type.FAULT, 9, 3, "later", 1, [1, [b"new"]], True)) == fault


def test_defaults_at_the_end_may_be_written_out() -> None:
    assert packed.decode(payload_of(Type.FAULT, 9, 0, "", 0)) == Fault(code=Code.BUSY)


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([], Code.MALFORMED),
        (["busy"], Code.MALFORMED),
        ([True], Code.MALFORMED),
        ([99], Code.UNSUPPORTED),
        ([0], Code.UNSUPPORTED),
        ([1, 65_536], Code.LIMIT),
        ([1, -1], Code.MALFORMED),
        ([1, 0, b"text"], Code.MALFORMED),
        ([1, 0, "x" * 513], Code.LIMIT),
        ([1, 0, "", 8], Code.LIMIT),
    ],
)
def test_a_fault_is_checked_field_by_field(items: list[object], code: Code) -> None:
    assert refusal(payload_of(Type.FAULT, *items)).wire_code is code
