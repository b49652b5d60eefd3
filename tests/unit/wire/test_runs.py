from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import runs
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import RUNS_MAX, SEQ_STOP
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet
from unit.wire.strategies import range_sets


def refusal(data: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        runs.decode(data)
    return caught.value


@given(range_sets())
def test_what_is_written_is_read_back(seqs: RangeSet) -> None:
    assert runs.decode(runs.encode(seqs)) == seqs


@given(st.binary(max_size=30))
def test_what_can_be_read_is_written_the_same(data: bytes) -> None:
    try:
        seqs = runs.decode(data)
    except ProtocolError:
        return
    assert runs.encode(seqs) == data


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
        ("0164", Code.UNSUPPORTED, "unknown coding"),
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
