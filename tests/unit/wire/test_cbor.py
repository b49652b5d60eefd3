"""What passes the walk over the heads is exactly the part of CBOR that frames use."""

from __future__ import annotations

import datetime as dt
import re
from time import process_time

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelog.wire import cbor
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import ITEMS_MAX, NESTING_MAX, PACKET_BYTES_MAX

LEAVES = st.one_of(
    st.integers(-(2**64), 2**64 - 1), st.binary(max_size=300), st.text(max_size=90), st.booleans(), st.none()
)
ARRAYS = st.lists(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=5), max_leaves=12), max_size=30)


def refusal(data: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        cbor.loads(data, start=0)
    return caught.value


def depth(value: object) -> int:
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(ARRAYS.filter(lambda items: depth(items) <= NESTING_MAX))
def test_what_is_written_is_read_back(items: list[cbor.Value]) -> None:
    assert cbor.loads(b"!" + cbor.dumps(items), start=1) == items


@given(st.integers(0, 64).flatmap(lambda bits: st.integers(0, 2**bits - 1)))
def test_a_head_takes_what_a_number_does(number: int) -> None:
    assert cbor.head_bytes(number) == len(cbor2.dumps(number))


@given(ARRAYS.filter(lambda items: depth(items) <= NESTING_MAX))
@settings(max_examples=50)
def test_every_prefix_and_every_suffix_is_refused(items: list[cbor.Value]) -> None:
    data = cbor.dumps(items)
    for stop in range(len(data)):
        assert "cut short" in str(refusal(data[:stop]))
    assert "after the end" in str(refusal(data + b"\x00"))


@pytest.mark.parametrize(
    ("item", "named"),
    [
        (1.5, "float"),
        (float("nan"), "float"),
        ({}, "map"),
        ({"a": 1}, "map"),
        (cbor2.undefined, "simple"),
        (cbor2.CBORSimpleValue(99), "simple"),
        (re.compile("(a+)+"), "tag"),
        (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "tag"),
        (2**64, "tag"),
        (cbor2.CBORTag(28, []), "tag"),
    ],
)
def test_other_items_are_refused_before_they_are_built(item: object, named: str) -> None:
    assert named in str(refusal(cbor2.dumps([1, [item]])))


@pytest.mark.parametrize("data", ["819fff", "815f4101ff", "817f6161ff", "81bfff", "9fff", "81ff"])
def test_indefinite_lengths_are_refused(data: str) -> None:
    assert "indefinite" in str(refusal(bytes.fromhex(data)))


@pytest.mark.parametrize("head", ["1c", "3d", "5e", "7c", "9d", "fc"])
def test_reserved_heads_are_refused(head: str) -> None:
    assert refusal(bytes.fromhex(f"81{head}{'00' * 16}")).wire_code is Code.MALFORMED


@pytest.mark.parametrize("data", ["01", "4161", "6161", "f6", "a0"])
def test_a_frame_is_one_array(data: str) -> None:
    assert refusal(bytes.fromhex(data)).wire_code is Code.MALFORMED


@pytest.mark.parametrize("text", ["ff", "c080", "eda080", "f4908080"])
def test_text_that_is_not_utf8_is_refused(text: str) -> None:
    octets = bytes.fromhex(text)
    assert "CBOR" in str(refusal(b"\x81" + bytes([0x60 | len(octets)]) + octets))


def test_nesting_is_bounded() -> None:
    assert cbor.loads(b"\x81" * (NESTING_MAX - 1) + b"\x80", start=0)
    assert "nested" in str(refusal(b"\x81" * NESTING_MAX + b"\x80"))


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x81" * PACKET_BYTES_MAX,
        b"\x9b" + b"\xff" * 8,
        b"\x9a\xff\xff\xff\xff" * 7,
        b"\x9a\x7f\xff\xff\xff" + b"\x01" * 60_000,
        b"\x82\x99\x40\x00" + b"\x80" * 0x4000 + b"\x99\x40\x00" + b"\x80" * 0x4000,
        b"\x81\x5b" + b"\xff" * 8,
        b"\x81\x7b\x7f" + b"\xff" * 7,
        b"\x81" + b"\xd9\x01\x00" * 20_000 + b"\x80",
        b"\x9b" + bytes(4) + b"\x10\x00\x00\x00",
    ],
)
def test_bombs_cost_nothing(bomb: bytes) -> None:
    before = process_time()
    assert refusal(bomb).wire_code in (Code.MALFORMED, Code.LIMIT)
    assert process_time() - before < 0.05


def test_the_number_of_items_is_bounded() -> None:
    items = [0] * (ITEMS_MAX - 1)
    assert cbor.loads(cbor.dumps([*items]), start=0) == items
    assert refusal(cbor.dumps([*items, 0])).wire_code is Code.LIMIT


@given(st.binary(max_size=60))
def test_random_bytes_raise_only_protocol_errors(data: bytes) -> None:
    try:
        items = cbor.loads(data, start=0)
    except ProtocolError:
        return
    assert items == cbor2.loads(data)
