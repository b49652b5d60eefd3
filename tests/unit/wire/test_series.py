from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import fields, series
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import TIME_MS_STOP

NUMBERS = st.lists(st.one_of(st.just(0), st.just(0), st.integers(0, 2**56 - 1)), max_size=40)
TIMES = st.lists(st.integers(0, TIME_MS_STOP - 1), max_size=20)
KINDS = st.lists(st.sampled_from([0, 0, 0, 1, 16, 255]), max_size=40)
NAMES = st.lists(st.sampled_from(["ann", "bob", "cleo", "dan"]), min_size=1, max_size=40)


@given(NUMBERS)
def test_dense_columns_are_read_back(values: list[int]) -> None:
    assert series.read_dense(series.dense(values), len(values), "x") == values


@given(NUMBERS)
def test_sparse_columns_are_read_back(values: list[int]) -> None:
    assert series.read_sparse(series.sparse(values), len(values), "x") == values


@given(TIMES)
def test_times_are_read_back_exactly(values: list[int]) -> None:
    assert series.read_times(series.times(values), len(values), TIME_MS_STOP, "x") == values


@given(KINDS)
def test_levels_are_read_back(values: list[int]) -> None:
    assert series.read_levels(series.levels(values), len(values), 256, "x") == values


@given(NAMES)
def test_tables_are_read_back(values: list[str]) -> None:
    names, at = series.table(values)
    assert series.read_table(names, at, len(values), check=fields.user, what="x") == values


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (series.dense([0, 0, 0]), ""),
        (series.dense([0, 5, 0]), "0005"),
        (series.sparse([0] * 1000), ""),
        (series.sparse([0] * 300 + [7] + [0] * 600), "00ab0207"),
        (series.sparse([7, 0, 8]), "07000008"),
        (series.levels([16] * 500), "20"),
        (series.levels([0, 0, 16, 0, 0]), "0001201f"),
        (series.times([1000, 1001, 1001, 999]), "e807020003"),
        (series.times([1000, 1000]), "e807"),
    ],
)
def test_zeros_cost_little(written: bytes, expected: str) -> None:
    assert written.hex() == expected


def test_one_name_takes_no_table_and_no_indices() -> None:
    assert series.table(["ann"] * 9) == ("ann", b"")
    assert series.table(["ann", "bob", "bob", "ann"]) == (["ann", "bob"], b"\x00\x01\x01")


@pytest.mark.parametrize(
    ("data", "count"), [("0102", 1), ("00", 5), ("0005", 5), ("0004", 4), ("05000305", 5), ("010203", 2)]
)
def test_a_sparse_column_longer_than_the_entries_is_refused(data: str, count: int) -> None:
    with pytest.raises(ProtocolError, match="more numbers"):
        series.read_sparse(bytes.fromhex(data), count, "x")


def test_zeros_at_the_end_may_be_written_out() -> None:
    assert series.read_sparse(b"\x00\x04", 5, "x") == [0] * 5
    assert series.read_dense(b"\x01\x00\x00", 3, "x") == [1, 0, 0]


def test_runs_of_zeros_cannot_outgrow_the_column() -> None:
    with pytest.raises(ProtocolError, match="more numbers"):
        series.read_sparse(b"\x00\x7f" * 8_000, 8_192, "x")


def test_more_numbers_than_entries_are_refused() -> None:
    with pytest.raises(ProtocolError, match="allowed"):
        series.read_dense(b"\x01\x01\x01", 2, "x")


@pytest.mark.parametrize("value", [None, 5, "text", []])
def test_a_column_is_a_byte_string(value: object) -> None:
    for read in (series.read_dense, series.read_sparse):
        with pytest.raises(ProtocolError, match="not a byte string"):
            read(value, 3, "x")


@pytest.mark.parametrize("data", ["01", "0003", "80808080808080"])
def test_times_below_zero_or_cut_short_are_refused(data: str) -> None:
    with pytest.raises(ProtocolError):
        series.read_times(bytes.fromhex(data), 2, 1, "x")


def test_a_time_beyond_the_limit_is_a_limit() -> None:
    with pytest.raises(ProtocolError) as caught:
        series.read_times(series.times([5, 10]), 2, 10, "x")
    assert caught.value.wire_code is Code.LIMIT


@pytest.mark.parametrize(
    ("names", "at"),
    [
        (["ann", "bob"], b"\x00\x02"),
        (["ann", "ann"], b"\x00\x01"),
        ([], b""),
        (["ann", "b/b"], b"\x00\x01"),
        (["ann", 5], b"\x00\x01"),
        (["ann", "bob", "cleo"], b"\x00\x01"),
        ("ann", b"\x01"),
        (5, b""),
        ("ann", 5),
    ],
)
def test_malformed_tables_are_refused(names: object, at: object) -> None:
    with pytest.raises(ProtocolError):
        series.read_table(names, at, 2, check=fields.user, what="x")


@given(st.lists(st.sampled_from([0, 0, 7, 7, 2**32 - 1])))
def test_epochs_are_read_back(values: list[int]) -> None:
    assert series.read_epochs(series.epochs(values)) == values


def test_an_epoch_is_written_where_it_changes() -> None:
    assert series.epochs([0, 7, 7, 7, 0, 0]) == [None, 7, None, None, 0, None]


@pytest.mark.parametrize(
    ("value", "code"), [(2**32, Code.LIMIT), (-1, Code.MALFORMED), (b"", Code.MALFORMED)]
)
def test_what_is_no_epoch_is_refused(value: object, code: Code) -> None:
    with pytest.raises(ProtocolError) as caught:
        series.read_epochs([value])
    assert caught.value.wire_code is code


def test_bodies_are_cut_by_their_sizes() -> None:
    assert series.cut(b"abcdef", [1, 0, 3, 2]) == [b"a", b"", b"bcd", b"ef"]
    assert series.cut(b"ab", [2]) == [b"ab"]
