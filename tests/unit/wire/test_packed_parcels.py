from __future__ import annotations

from dataclasses import replace

import cbor2
import pytest
from hypothesis import given

from tidelog.wire import packed, runs, varint
from tidelog.wire.errors import Code
from tidelog.wire.limits import (
    BATCH_MESSAGES_MAX,
    MESSAGE_NUMBER_STOP,
    PARCEL_HOLES_MAX,
    SEQ_STOP,
)
from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.ranges import RangeSet
from unit.wire.payloads import refusal
from unit.wire.strategies import parcels

BASIS = Basis(channel="room1", last=10_000, check=b"crc!")
ONE = Parcel(
    outbox=b"abcd",
    numbers=(7,),
    channels=("room1",),
    sents=(600_000,),
    kinds=(0,),
    content_types=("",),
    basis=BASIS,
    deflated=b"text",
)


def size(parcel: Parcel) -> int:
    return len(packed.encode(parcel)) - len(parcel.deflated)


def holed(*seqs: tuple[int, int]) -> Parcel:
    return replace(ONE, basis=replace(BASIS, holes=RangeSet(seqs)))


@given(parcels())
def test_what_is_written_is_read(parcel: Parcel) -> None:
    assert packed.decode(packed.encode(parcel)) == parcel


def test_one_message_costs_22_bytes_beside_its_body() -> None:
    """13 of them name outbox, number and channel; 4 are the check."""
    assert size(ONE) == 1 + 4 + 1 + 1 + 6 + 2 + 4 + 3


def test_a_further_message_costs_its_time() -> None:
    """Where the numbers have no gaps and all is for one channel; up to eight share the byte of the head."""
    eight = replace(
        ONE,
        numbers=tuple(range(7, 15)),
        channels=("room1",) * 8,
        kinds=(0,) * 8,
        content_types=("",) * 8,
        sents=tuple(range(600_000, 608_000, 1_000)),
    )
    assert size(eight) == size(ONE) + 7 * 2


def test_the_channel_of_the_context_is_told_once() -> None:
    elsewhere = replace(ONE, basis=replace(BASIS, channel="room2"))
    assert size(elsewhere) > size(ONE) + 6
    assert packed.decode(packed.encode(elsewhere)) == elsewhere
    assert size(replace(ONE, basis=None)) == size(ONE) - 6


@pytest.mark.parametrize(
    ("holes", "bytes_more"),
    [
        ([(9_990, 9_991)], 3),
        ([(1, 9_901)], 4),
        ([(1, 9_901), (9_950, 9_951), (9_960, 9_961)], 8),
    ],
)
def test_holes_are_cheap_near_the_newest_record(holes: list[tuple[int, int]], bytes_more: int) -> None:
    parcel = holed(*holes)
    assert size(parcel) <= size(ONE) + bytes_more
    assert packed.decode(packed.encode(parcel)) == parcel


def test_holes_below_the_first_record_are_none() -> None:
    told = runs.encode(RangeSet([(5, 6), (20_000, 20_001)]))
    payload = body(flags=3, basis=varint.encode([10, len(told)]) + told + b"crc!")
    read = packed.decode(payload)
    assert isinstance(read, Parcel)
    assert read.basis == Basis(channel="room1", last=10, holes=RangeSet([(6, 7)]), check=b"crc!")


def body(
    *,
    count: int = 1,
    flags: int = 0,
    numbers: bytes = b"\x07",
    labels: bytes = b"room1",
    basis: bytes = b"",
    sents: bytes = b"\x00",
) -> bytes:
    """A parcel put together by hand."""
    head = varint.encode([(count - 1) << 4 | flags])
    return b"\x25abcd" + head + numbers + varint.encode([len(labels)]) + labels + basis + sents


def labels(*items: object) -> bytes:
    return cbor2.dumps(list(items))


def test_the_smallest_parcel_is_read() -> None:
    """What the refused ones are made of."""
    read = packed.decode(body())
    assert read == replace(ONE, sents=(0,), basis=None, deflated=b"")
    read = packed.decode(body(flags=9, labels=labels("room1"), basis=b"\x0acrc!"))
    assert read == replace(ONE, sents=(0,), basis=replace(BASIS, last=10), deflated=b"")


SCATTERED = runs.encode(RangeSet.of([1, 3]))
MANY_HOLES = runs.encode(RangeSet([(n, n + 1) for n in range(2, 2 * PARCEL_HOLES_MAX + 4, 2)]))


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (body(numbers=b"\x00"), Code.MALFORMED),
        (body(numbers=varint.encode([MESSAGE_NUMBER_STOP])), Code.LIMIT),
        (body(count=2, numbers=varint.encode([MESSAGE_NUMBER_STOP - 1])), Code.LIMIT),
        (body(count=BATCH_MESSAGES_MAX + 1, sents=bytes(2_000)), Code.LIMIT),
        (b"\x25abcd" + varint.encode([2**55]) + bytes(100), Code.LIMIT),
        (body(flags=4, numbers=b"\x00"), Code.MALFORMED),
        (body(flags=4, numbers=b"\x02\x00\x02"), Code.MALFORMED),
        (body(count=2, flags=4, numbers=b"\x02\x00\x00"), Code.LIMIT),
        (body(count=2, flags=4, numbers=varint.encode([len(SCATTERED) + 200]) + SCATTERED), Code.MALFORMED),
        (body(labels=b""), Code.MALFORMED),
        (body(labels=b"a//b"), Code.MALFORMED),
        (body(labels=b"\xff"), Code.MALFORMED),
        (body(labels=b"x" * 65), Code.MALFORMED),
        (body(flags=8, labels=b"room1"), Code.MALFORMED),
        (body(flags=8, labels=labels()), Code.MALFORMED),
        (body(flags=8, labels=labels([])), Code.MALFORMED),
        (body(flags=8, labels=labels(["a", "a"])), Code.MALFORMED),
        (body(flags=8, labels=labels(["a", "b", "c"])), Code.LIMIT),
        (body(flags=8, labels=labels(["a", "b"], b"\x02")), Code.MALFORMED),
        (body(flags=8, labels=labels("a", b"\x01")), Code.MALFORMED),
        (body(flags=8, labels=labels(7)), Code.MALFORMED),
        (body(flags=8, labels=labels("a", b"", b"\x80\x04")), Code.LIMIT),
        (body(flags=8, labels=labels("a", b"", b"", "text/\n")), Code.MALFORMED),
        (body(flags=8, labels=labels("a", b"", b"", "a/b", b"", 0)), Code.MALFORMED),
        (body(flags=2), Code.MALFORMED),
        (body(flags=1, basis=b"\x00crc!"), Code.MALFORMED),
        (body(flags=1, basis=varint.encode([SEQ_STOP]) + b"crc!"), Code.LIMIT),
        (body(flags=1, basis=b"\x0acr", sents=b""), Code.MALFORMED),
        (body(flags=3, basis=b"\x0a\x01\x00crc!"), Code.MALFORMED),
        (body(flags=3, basis=varint.encode([200, len(MANY_HOLES)]) + MANY_HOLES + b"crc!"), Code.LIMIT),
        (body(sents=b""), Code.MALFORMED),
        (body(sents=b"\x80"), Code.MALFORMED),
        (body(count=3, sents=b"\x00\x00"), Code.MALFORMED),
        (b"\x25abc", Code.MALFORMED),
        (b"\x25abcd", Code.MALFORMED),
    ],
)
def test_parcels_are_checked_field_by_field(payload: bytes, code: Code) -> None:
    assert refusal(payload).wire_code is code


def test_cut_short_before_the_bodies_it_is_malformed() -> None:
    payload = packed.encode(replace(holed((9_990, 9_991)), deflated=b""))
    for stop in range(1, len(payload)):
        assert refusal(payload[:stop]).wire_code is Code.MALFORMED


def test_the_largest_parcel_is_read() -> None:
    count = BATCH_MESSAGES_MAX
    parcel = replace(
        ONE,
        numbers=tuple(range(1, 2 * count, 2)),
        channels=tuple(f"room{n}" for n in range(count)),
        sents=(0,) * count,
        kinds=(16,) * count,
        content_types=("a/b",) * count,
        basis=replace(BASIS, channel="elsewhere"),
    )
    assert packed.decode(packed.encode(parcel)) == parcel
