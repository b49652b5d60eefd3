from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from tidelog.wire import packed
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.frames import Delta, Part, Push, Record, SyncRequest, Type
from tidelog.wire.limits import PAGE_RECORDS_MAX, STATEMENTS_MAX
from tidelog.wire.ranges import EVERYTHING, RangeSet
from tidelog.wire.statements import Statement
from unit.wire.payloads import payload_of, refusal
from unit.wire.strategies import PAGE_REQUESTS

NOW = 1_760_001_373_811
COLUMNS = [b"\x05", b"\x02", "ann"]


def record(seq: int, body: bytes = b"hi") -> Record:
    return Record(seq=seq, author="ann", time=NOW + seq, sent=NOW + seq, body=body, size=len(body))


def part(channel: str, *seqs: int, epoch: int = 70_000) -> Part:
    return Part(channel=channel, epoch=epoch, head=max(seqs), records=tuple(record(seq) for seq in seqs))


def test_forty_channels_pay_for_columns_and_epoch_once() -> None:
    parts = tuple(part(f"c{at:02}", 1000, 1001) for at in range(40))
    size = len(packed.encode(Delta(rid=1, more=False, parts=parts)))
    bodies, names = 40 * 2 * 2, 40 * 4
    assert size - bodies - names <= 40 * (5 + 2 * 2.5) + 30


def test_a_repeated_epoch_is_told_once_and_a_changed_one_again() -> None:
    parts = (part("a", 1), part("b", 1), part("c", 1, epoch=0), part("d", 1, epoch=0))
    frame = Delta(rid=1, more=False, parts=parts)
    assert packed.decode(packed.encode(frame)) == frame
    assert packed.encode(frame).count((70_000).to_bytes(4, "big")) == 1


def test_a_request_of_everything_takes_a_few_bytes() -> None:
    assert len(packed.encode(SyncRequest(rid=7, live=True))) == 5
    assert packed.decode(payload_of(Type.SYNC, 7)) == SyncRequest(rid=7)


def test_a_request_for_plain_pushes_says_so_in_a_bit() -> None:
    frame = SyncRequest(rid=7, live=True, plain=True)
    assert packed.encode(frame) == payload_of(Type.SYNC, 7, [], 4 | 64)
    assert packed.decode(packed.encode(frame)) == frame


def test_wanting_nothing_is_not_wanting_everything() -> None:
    for want in (None, RangeSet(), EVERYTHING):
        frame = SyncRequest(rid=1, statements=(Statement(channel="a", want=want),))
        assert packed.decode(packed.encode(frame)) == frame


@given(PAGE_REQUESTS)
def test_a_request_for_pages_is_read_back(frame: SyncRequest) -> None:
    assert packed.decode(packed.encode(frame)) == frame


@pytest.mark.parametrize(
    ("changed", "flags"),
    [
        ({"everywhere": False}, 1),
        ({"oldest_first": True}, 2),
        ({"live": True}, 4),
        ({"by_channel": True}, 8),
        ({"pages": True}, 16),
        ({"keep": True}, 32),
        ({"plain": True}, 64),
        ({"seconds": True}, 128),
    ],
)
def test_each_flag_of_a_request_is_one_bit(changed: dict[str, bool], flags: int) -> None:
    frame = SyncRequest(rid=1, **changed)  # type: ignore[arg-type]  # of any field
    assert packed.encode(frame) == payload_of(Type.SYNC, 1, [], flags)
    assert packed.decode(payload_of(Type.SYNC, 1, [], flags)) == frame


def test_fields_for_pages_follow_those_of_a_delta() -> None:
    frame = SyncRequest(
        rid=1, codecs=(1, 2), pages=True, context_bytes=64 << 10, newest=100, room=512, dictionary=1
    )
    payload = payload_of(Type.SYNC, 1, [], 16, 6, 16_384, 5, 1, 100, 512)
    assert packed.encode(frame) == payload
    assert packed.decode(payload) == frame


def test_codecs_are_a_set() -> None:
    read = packed.decode(packed.encode(SyncRequest(rid=1, codecs=(5, 1, 5))))
    assert read == SyncRequest(rid=1, codecs=(1, 5))


def test_codecs_that_are_not_known_may_be_offered() -> None:
    assert packed.decode(payload_of(Type.SYNC, 1, [], 0, 1 << 31)) == SyncRequest(rid=1, codecs=(31,))


@pytest.mark.parametrize("seqs", [(2, 1), (1, 1), (0, 1)])
def test_records_that_do_not_ascend_are_not_written(seqs: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="seq"):
        packed.encode(Delta(rid=1, more=False, parts=(part("a", *seqs),)))


@pytest.mark.parametrize(
    "payload",
    [
        payload_of(Type.DELTA, 1, 3 << 1),
        payload_of(Type.PUSH, "a", b"\x00\x01", 1, [[5], [2], ["ann"]], b"hi", 3),
    ],
)
def test_bodies_in_a_codec_are_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError, match="codec 3") as caught:
        packed.decode(payload)
    assert caught.value.wire_code is Code.UNSUPPORTED


def test_a_push_tells_neither_floor_nor_head() -> None:
    told = replace(part("a", 5), floor=3, head=9)
    read = packed.decode(packed.encode(Push(part=told)))
    assert read == Push(part=part("a", 5))


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([], Code.MALFORMED),
        ([65_536], Code.LIMIT),
        ([1, 5], Code.MALFORMED),
        ([1, [[]]], Code.MALFORMED),
        ([1, ["a"]], Code.MALFORMED),
        ([1, [["a", b"", None, None, 1]]], Code.MALFORMED),
        ([1, [["a//b"]]], Code.MALFORMED),
        ([1, [["a"], ["a"]]], Code.MALFORMED),
        ([1, [["a", 5]]], Code.MALFORMED),
        ([1, [["a", b"\x00\x01\x00\x01"]]], Code.MALFORMED),
        ([1, [["a", b"\x81\x01"]]], Code.UNSUPPORTED),
        ([1, [["a", b"", 2**32]]], Code.LIMIT),
        ([1, [["a", b"", "1"]]], Code.MALFORMED),
        ([1, [["a", b"", None, 5]]], Code.MALFORMED),
        ([1, [], 256], Code.UNSUPPORTED),
        ([1, [], 65_536], Code.LIMIT),
        ([1, [], -1], Code.MALFORMED),
        ([1, [], 0, 1 << 32], Code.LIMIT),
        ([1, [], 0, 0, 255], Code.LIMIT),
        ([1, [], 0, 0, 61_441], Code.LIMIT),
        ([1, [], 0, 0, 16_384, 8], Code.LIMIT),
        ([1, [], 0, 0, 16_384, -1], Code.MALFORMED),
        ([1, [], 0, 0, 16_384, 0, 2**32], Code.LIMIT),
        ([1, [], 0, 0, 16_384, 0, [1]], Code.MALFORMED),
        ([1, [], 0, 0, 16_384, 0, 0, 2**53], Code.LIMIT),
        ([1, [], 0, 0, 16_384, 0, 0, "5"], Code.MALFORMED),
        ([1, [], 0, 0, 16_384, 0, 0, 0, 31], Code.LIMIT),
        ([1, [], 0, 0, 16_384, 0, 0, 0, 65_537], Code.LIMIT),
        ([1, [], 0, 0, 16_384, 0, 0, 0, [1]], Code.MALFORMED),
        ([1, [["a"]] * (STATEMENTS_MAX + 1)], Code.LIMIT),
        ([1, [["a", b"\x00\x01" + b"\x01\x01" * 16_384]]], Code.LIMIT),
    ],
)
def test_requests_are_checked_field_by_field(items: list[object], code: Code) -> None:
    assert refusal(payload_of(Type.SYNC, *items)).wire_code is code


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([], Code.MALFORMED),
        ([65_536], Code.LIMIT),
        ([1, 64], Code.LIMIT),
        ([1, True], Code.MALFORMED),
        ([1, 0, [["a"]] * (STATEMENTS_MAX + 1)], Code.LIMIT),
        ([1, 0, [[]]], Code.MALFORMED),
        ([1, 0, [["a"], ["a"]]], Code.MALFORMED),
        ([1, 0, [["a", b"", None, -1]]], Code.MALFORMED),
        ([1, 0, [["a", b"", None, 2**53]]], Code.LIMIT),
        ([1, 0, [["a", b"", None, 0, 0]]], Code.MALFORMED),
        ([1, 0, [["a", b"", None, 0, 1, b"\x00"]]], Code.MALFORMED),
        ([1, 0, [["a", b"", None, 0, 1, b"", 1]]], Code.MALFORMED),
        ([1, 0, [["a", b"\x00\x00"]], COLUMNS, b"hi"], Code.LIMIT),
        ([1, 0, [["a", b"\x00\x81\x40"]], COLUMNS, b"hi"], Code.LIMIT),
        ([1, 0, [["a", b"\x00\x01"]], COLUMNS, b"h"], Code.MALFORMED),
        ([1, 0, [["a", b"\x00\x01"]], COLUMNS, "hi"], Code.MALFORMED),
        ([1, 0, [["a", b"\x00\x01"]], [], b"hi"], Code.MALFORMED),
        ([1, 0, [["a", b"\x00\x01"]], 5, b"hi"], Code.MALFORMED),
        ([1, 0, [["a", b"\x00\x01"]], [*COLUMNS, b"", b"", b"", "", b"", b"", 1], b"hi"], Code.MALFORMED),
        ([1, 0, [["a"]], COLUMNS, b"hi"], Code.MALFORMED),
        ([1, 0, [["a"]], [b"", b"", "ann"]], Code.MALFORMED),
        ([1, 0, [["a"]], [], b"hi"], Code.MALFORMED),
        ([1, 2, [["a", b"\x00\x01"]], COLUMNS, b"hi"], Code.UNSUPPORTED),
        ([1, 0, [["a"]], [], b"", ["a"]], Code.MALFORMED),
        ([1, 0, [], [], b"", ["a", "a"]], Code.MALFORMED),
        ([1, 0, [], [], b"", ["+"]], Code.MALFORMED),
        ([1, 0, [], [], b"", "a"], Code.MALFORMED),
    ],
)
def test_deltas_are_checked_field_by_field(items: list[object], code: Code) -> None:
    assert refusal(payload_of(Type.DELTA, *items)).wire_code is code


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (["a", b"\x00\x01", 9, COLUMNS], Code.MALFORMED),
        (["a", b"", 9, [], b""], Code.MALFORMED),
        (["a//", b"\x00\x01", 9, COLUMNS, b"hi"], Code.MALFORMED),
        (["a", b"\x00\x01", None, COLUMNS, b"hi"], Code.MALFORMED),
        (["a", b"\x00\x01", 2**32, COLUMNS, b"hi"], Code.LIMIT),
        (["a", b"\x00\x01", 9, COLUMNS, b"hi", 1], Code.UNSUPPORTED),
        (["a", b"\x00\x01", 9, COLUMNS, b"hi", 32], Code.LIMIT),
        (["a", b"\x00\x01", 9, COLUMNS, b"hi", 0, 5], Code.MALFORMED),
    ],
)
def test_pushes_are_checked_field_by_field(items: list[object], code: Code) -> None:
    assert refusal(payload_of(Type.PUSH, *items)).wire_code is code


def test_the_largest_page_of_empty_bodies_is_read() -> None:
    records = tuple(record(seq, b"") for seq in range(1, PAGE_RECORDS_MAX + 1))
    frame = Push(part=Part(channel="a", epoch=1, head=PAGE_RECORDS_MAX, records=records))
    assert packed.decode(packed.encode(frame)) == frame
