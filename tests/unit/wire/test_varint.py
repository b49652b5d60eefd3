from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import varint
from tidelog.wire.errors import ProtocolError

NUMBERS = st.lists(st.one_of(st.integers(0, 127), st.integers(0, 2**56 - 1)))


@given(NUMBERS)
def test_what_is_written_is_read_back(values: list[int]) -> None:
    assert varint.decode(varint.encode(values), count_max=len(values)) == values


@given(st.binary(max_size=40))
def test_what_can_be_read_is_written_the_same(data: bytes) -> None:
    try:
        values = varint.decode(data, count_max=40)
    except ProtocolError:
        return
    assert varint.encode(values) == data


@given(st.integers())
def test_zigzag_folds_without_loss(value: int) -> None:
    assert varint.unzigzag(varint.zigzag(value)) == value
    assert varint.zigzag(value) >= 0


def test_zigzag_keeps_small_numbers_small() -> None:
    assert [varint.zigzag(value) for value in (0, -1, 1, -2, 2)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**56 - 1, "ffffffffffffff7f")],
)
def test_seven_bits_a_byte_least_significant_first(value: int, written: str) -> None:
    assert varint.encode([value]).hex() == written


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("80", "cut short"),
        ("0180", "cut short"),
        ("8000", "padded"),
        ("ff8000", "padded"),
        ("ffffffffffffffff01", "longer"),
        ("80808080808080808080", "longer"),
    ],
)
def test_malformed_varints_are_refused(data: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        varint.decode(bytes.fromhex(data), count_max=99)


@pytest.mark.parametrize("data", ["000000", "80018001"])
def test_more_numbers_than_allowed_are_refused(data: str) -> None:
    with pytest.raises(ProtocolError, match="allowed"):
        varint.decode(bytes.fromhex(data), count_max=1)


@given(st.binary(max_size=4), NUMBERS.filter(bool), st.binary(max_size=4))
def test_one_number_is_read_from_within_a_string(before: bytes, values: list[int], after: bytes) -> None:
    data = before + varint.encode(values[:1]) + after
    assert varint.first(data, len(before)) == (values[0], len(data) - len(after))


@pytest.mark.parametrize("data", ["", "80", "8000", "ffffffffffffffff00", "ffffffffffffffffff01"])
def test_a_malformed_number_within_a_string_is_refused(data: str) -> None:
    with pytest.raises(ProtocolError):
        varint.first(b"\x80" + bytes.fromhex(data), 1)
