from __future__ import annotations

import json
import math
import random
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import runs
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import RUNS_MAX, SEQ_STOP
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet
from unit.wire.strategies import range_sets

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/have_sets.json").read_text("utf8"))


def of(ranges: list[list[int | None]]) -> RangeSet:
    """A set from ranges in JSON; null has no end."""
    return RangeSet((start or 0, SEQ_STOP if stop is None else stop) for start, stop in ranges)


def refusal(data: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        runs.decode(data)
    return caught.value


@given(range_sets())
def test_what_is_written_is_read_back(seqs: RangeSet) -> None:
    assert runs.decode(runs.encode(seqs)) == seqs


@given(st.binary(max_size=30))
def test_what_can_be_read_is_written_the_same_or_shorter(data: bytes) -> None:
    try:
        seqs = runs.decode(data)
    except ProtocolError:
        return
    again = runs.encode(seqs)
    assert again == data or (not data[0] & 1 and again[0] & 1 and len(again) < len(data))


@given(st.sets(st.integers(1, 400)), st.integers(1, 400), st.sampled_from(["held", "missing", "no end"]))
def test_scattered_seqs_are_read_back(seqs: set[int], last: int, how: str) -> None:
    told = RangeSet.of(seqs)
    if how != "held":
        stop = SEQ_STOP if how == "no end" else told.stop + last
        told = RangeSet([(1, max(stop, 2))]) - told
    data = runs.encode(told)
    assert runs.decode(data) == told
    assert len(data) <= len(runs._encode_runs(told))
    assert runs.decode(runs._encode_runs(told)) == told


@given(st.binary(max_size=40), st.integers(0, 127))
def test_listed_seqs_of_any_bytes_are_refused_or_the_shortest(data: bytes, header: int) -> None:
    data = bytes([header | 1]) + data
    try:
        seqs = runs.decode(data)
    except ProtocolError:
        return
    assert runs.encode(seqs) == data


@pytest.mark.parametrize("vector", VECTORS["sets"], ids=lambda vector: vector["name"])
def test_the_vectors_for_other_implementations(vector: dict[str, Any]) -> None:
    seqs = of(vector["ranges"])
    data = bytes.fromhex(vector["hex"])
    assert runs.decode(data) == seqs
    assert (runs.encode(seqs) == data) is vector["written"]


@pytest.mark.parametrize("vector", VECTORS["errors"], ids=lambda vector: vector["name"])
def test_the_malformed_vectors_for_other_implementations(vector: dict[str, Any]) -> None:
    assert refusal(bytes.fromhex(vector["hex"])).wire_code.word == vector["code"]


@pytest.mark.parametrize(("count", "spare"), [(20, 5), (200, 4), (1000, 4), (3000, 4)])
@pytest.mark.parametrize("invert", [False, True], ids=["held", "missing"])
def test_random_seqs_take_little_more_than_their_entropy(count: int, spare: int, *, invert: bool) -> None:
    total = 10_000
    bound = math.log2(math.comb(total, count)) / 8
    for seed in range(5):
        seqs = RangeSet.of(random.Random(seed).sample(range(1, total + 1), count))
        told = RangeSet([(1, total + 1)]) - seqs if invert else seqs
        assert len(runs.encode(told)) <= 1.05 * bound + spare


@pytest.mark.parametrize("parameter", [0, 3, 31], ids=lambda parameter: f"k={parameter}")
@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"\x55"], ids=bytes.hex)
def test_listed_seqs_are_read_in_bounded_time(parameter: int, fill: bytes) -> None:
    data = bytes([1 | parameter << 2]) + b"\x80\x80\x01" + fill * 200_000
    before = process_time()
    refusal(data)
    assert process_time() - before < 0.2


def test_more_runs_are_read_where_this_side_wrote_them() -> None:
    seqs = RangeSet.of(range(1, 4 * RUNS_MAX, 2))
    data = runs.encode(seqs)
    assert refusal(data).wire_code is Code.LIMIT
    assert runs.decode(data, runs_max=2 * RUNS_MAX) == seqs


@pytest.mark.parametrize(
    ("seqs", "written"),
    [
        (EMPTY, ""),
        (EVERYTHING, "0000"),
        (RangeSet([(1, 101)]), "0064"),
        (RangeSet([(3, 7), (8, 9)]), "04040101"),
        (RangeSet([(10, SEQ_STOP)]), "1200"),
        (RangeSet([(SEQ_STOP - 1, SEQ_STOP)]), "fcffffffffffff1f00"),
    ],
)
def test_runs_and_gaps_take_turns(seqs: RangeSet, written: str) -> None:
    assert runs.encode(seqs).hex() == written


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ("00", Code.MALFORMED, "ends in a gap"),
        ("006401", Code.MALFORMED, "ends in a gap"),
        ("8164", Code.UNSUPPORTED, "unknown coding"),
        ("0164", Code.MALFORMED, "cut short"),
        ("01818000", Code.MALFORMED, "padded"),
        ("01818001ff", Code.LIMIT, "lists more"),
        ("0100", Code.MALFORMED, "shortest way"),
        ("0300", Code.MALFORMED, "cut short"),
        ("0302ffffffffffffff0fc0", Code.LIMIT, "beyond"),
        ("0b040804b180" + "00", Code.MALFORMED, "shortest way"),
        ("0b040804b181", Code.MALFORMED, "shortest way"),
        ("00640064", Code.MALFORMED, "touch"),
        ("00000101", Code.MALFORMED, "not the last"),
        ("00ffffffffffffff0f", Code.LIMIT, "beyond"),
        ("feffffffffffff1f01", Code.LIMIT, "beyond"),
        ("80", Code.MALFORMED, "cut short"),
    ],
)
def test_malformed_have_sets_are_refused(data: str, code: Code, message: str) -> None:
    error = refusal(bytes.fromhex(data))
    assert error.wire_code is code
    assert message in str(error)


def test_as_many_runs_as_allowed_are_read_and_not_one_more() -> None:
    data = bytes([0, 1]) + bytes([1, 1]) * (RUNS_MAX - 1)
    assert len(runs.decode(data).runs) == RUNS_MAX
    assert refusal(data + bytes([1, 1])).wire_code is Code.LIMIT


@pytest.mark.parametrize("pair", [b"\x01\x01", b"\x81\x01\x81\x01"])
def test_a_million_runs_are_refused_in_bounded_time(pair: bytes) -> None:
    data = b"\x00\x01" + pair * 1_000_000
    before = process_time()
    assert refusal(data).wire_code is Code.LIMIT
    assert process_time() - before < 0.05


def test_a_hole_costs_about_a_byte_for_itself_and_the_run_after_it() -> None:
    holes = RangeSet((seq, seq + 1) for seq in range(50, 10_000, 50))
    assert len(runs.encode(RangeSet([(1, 10_001)]) - holes)) <= 2 * len(holes.runs) + 3
