from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import columns
from tidelog.wire.cbor import Value
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Part, Record
from tidelog.wire.limits import BODY_BYTES_MAX
from unit.wire.strategies import parts

NOW = 1_760_001_373_811


def record(seq: int, *, author: str = "ann", body: bytes = b"hi", cut: int = 0, **more: int) -> Record:
    time = more.get("time", NOW + seq)
    return Record(
        seq=seq,
        author=author,
        time=time,
        body=body,
        sent=more.get("sent", time),
        kind=more.get("kind", 0),
        size=len(body) + cut,
    )


def read_back(records: Sequence[Record]) -> list[Record]:
    told = columns.decode(
        [*columns.encode(records), *columns.DEFAULTS][: len(columns.DEFAULTS)], len(records)
    )
    return told.records([one.seq for one in records], b"".join(one.body for one in records))


def refusal(written: list[Value], count: int) -> Code:
    with pytest.raises(ProtocolError) as caught:
        columns.decode(written, count)
    return caught.value.wire_code


@given(st.lists(parts(), max_size=3))
def test_records_of_all_parts_are_read_back(told: list[Part]) -> None:
    records = [one for part in told for one in part.records]
    assert read_back(records) == records


def test_no_records_take_no_columns() -> None:
    assert columns.encode([]) == []


def test_columns_run_over_all_channels() -> None:
    written = columns.encode([record(1), record(2), record(1), record(2)])
    assert written[1:] == [b"\x02\x02\x02\x02", "ann", *columns.DEFAULTS[3:]]


@pytest.mark.parametrize(
    ("at", "changed"),
    [(4, record(7, sent=NOW)), (5, record(7, kind=16)), (8, record(7, cut=900))],
)
def test_what_only_one_record_has_costs_a_few_bytes(at: int, changed: Record) -> None:
    records = [record(seq) for seq in range(1, 201)]
    before, after = columns.encode(records), columns.encode([*records[:6], changed, *records[7:]])
    assert before[at] == b""
    assert isinstance(after[at], bytes)
    assert 2 < len(after[at]) <= 5
    assert [one for i, one in enumerate(after) if i != at] == [one for i, one in enumerate(before) if i != at]


def test_times_may_go_back_between_channels() -> None:
    records = [record(1, time=NOW), record(1, time=5), record(2, time=0, sent=NOW)]
    assert read_back(records) == records


def changed(at: int, value: Value) -> list[Value]:
    written = columns.encode([record(1), record(2)])
    return [*written[:at], value, *written[at + 1 :]]


@pytest.mark.parametrize(
    ("at", "value", "code"),
    [
        (0, b"\x01\x01\x01", Code.MALFORMED),
        (0, b"\x00\x01", Code.LIMIT),
        (0, 5, Code.MALFORMED),
        (1, b"\x02\x02\x02", Code.MALFORMED),
        (1, b"\x81\x80\x02", Code.LIMIT),
        (2, "a/b", Code.MALFORMED),
        (2, "", Code.MALFORMED),
        (3, b"\x01", Code.MALFORMED),
        (4, b"\xff\xff\xff\xff\xff\xff\x3f", Code.LIMIT),
        (5, b"\x01", Code.LIMIT),
        (5, b"\x80\x04", Code.LIMIT),
        (6, "x" * 65, Code.LIMIT),
        (6, ["a/b", "a/b"], Code.MALFORMED),
        (7, b"\x01", Code.MALFORMED),
        (8, b"\xff\xff\xff\xff\xff\xff\xff\x7f", Code.LIMIT),
    ],
)
def test_a_column_out_of_bounds_is_refused(at: int, value: Value, code: Code) -> None:
    assert refusal(changed(at, value), 2) is code


def test_bodies_must_be_as_long_as_the_sizes_say() -> None:
    told = columns.decode(columns.encode([record(1), record(2)]), 2)
    assert told.bodies_bytes == 4
    for bodies in (b"hih", b"hihih"):
        with pytest.raises(ProtocolError, match="sizes say 4"):
            told.records([1, 2], bodies)


def test_what_a_codec_would_expand_is_bounded() -> None:
    records = [record(seq, body=bytes(BODY_BYTES_MAX)) for seq in range(1, 34)]
    assert columns.decode(columns.encode(records[:32]), 32).bodies_bytes == 32 * BODY_BYTES_MAX
    assert refusal(columns.encode(records), 33) is Code.LIMIT
