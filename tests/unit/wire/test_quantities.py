from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.errors import ProtocolError, UsageError
from tidelog.wire.quantities import KNOWN_MAX, QUANTITY_STOP, Numbers, Reader, Writer, bucket, width

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/quantities.json").read_text("utf8"))
VALUES = st.lists(st.one_of(st.integers(0, 40), st.integers(0, QUANTITY_STOP - 1)), max_size=80)
HISTORY = st.lists(st.lists(st.integers(0, 50), max_size=30), max_size=4)


def written(history: list[list[int]], values: list[int]) -> bytes:
    way, model = Writer(), Numbers(history)
    before = 0
    for value in values:
        before = model.symbol(way.number(model, before, value))
    return way.finish()


def read(history: list[list[int]], data: bytes, count: int) -> list[int]:
    way, model = Reader(data), Numbers(history)
    values: list[int] = []
    before = 0
    for _ in range(count):
        values.append(way.number(model, before))
        before = model.symbol(values[-1])
    way.finish()
    return values


@given(HISTORY, VALUES)
def test_what_is_written_is_read_back(history: list[list[int]], values: list[int]) -> None:
    assert read(history, written(history, values), len(values)) == values


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_vectors_for_other_implementations(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    assert written(vector["history"], vector["values"]) == data
    assert read(vector["history"], data, len(vector["values"])) == vector["values"]


@given(st.binary(max_size=60), HISTORY)
def test_any_bytes_are_numbers_within_bounds(data: bytes, history: list[list[int]]) -> None:
    way, model = Reader(data), Numbers(history)
    assert all(0 <= way.number(model, 0) < QUANTITY_STOP for _ in range(60))
    assert len(model._values) <= KNOWN_MAX + 1


@given(st.integers(0, QUANTITY_STOP - 1))
def test_a_half_octave_and_its_bits_are_the_number(value: int) -> None:
    at = bucket(value)
    assert at < 110
    low = at - 2 * width(at) << width(at)
    assert low <= value < low + (1 << width(at))
    assert bucket(low) == at


def test_a_value_of_the_history_costs_next_to_nothing() -> None:
    assert len(written([[30_000] * 200], [30_000] * 100)) <= 2
    assert len(written([], [30_000] * 100)) <= 16


def test_what_comes_next_is_learned_from_what_came_before() -> None:
    """Alternating values have one bit each without their order, and none with it."""
    assert len(written([[5, 900] * 100], [5, 900] * 400)) <= 12


@pytest.mark.parametrize("value", [-1, QUANTITY_STOP])
def test_a_number_out_of_bounds_is_not_written(value: int) -> None:
    with pytest.raises(UsageError):
        Writer().number(Numbers(), 0, value)


def test_bytes_after_the_last_number_are_refused() -> None:
    with pytest.raises(ProtocolError, match="after the last"):
        read([], written([], [7]) + b"more than six", 1)
