from __future__ import annotations

import json

import pytest

from tidelog.wire import jsonform
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Delta, Part, Push, Record, SyncRequest
from tidelog.wire.limits import PAGE_RECORDS_MAX, STATEMENTS_MAX
from tidelog.wire.ranges import EVERYTHING, RangeSet
from tidelog.wire.statements import Statement

RECORD = {"seq": 1, "author": "ann", "time": 5, "text": "hi"}
PART = {"epoch": 9, "head": 7}


def read(**fields: object) -> Frame:
    return jsonform.decode(json.dumps(fields).encode())


def refusal(**fields: object) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        read(**fields)
    return caught.value


def stated(**fields: object) -> SyncRequest:
    frame = read(type="sync", **fields)
    assert isinstance(frame, SyncRequest)
    return frame


def test_the_smallest_request_asks_for_everything() -> None:
    assert stated() == SyncRequest(rid=0)


def test_have_without_an_epoch_speaks_of_whatever_it_is_now() -> None:
    expected = (Statement(channel="room1", epoch=0, have=RangeSet([(1, 101)])),)
    assert stated(have={"room1": [[1, 101]]}).statements == expected
    assert stated(have={"room1": {"ranges": [[1, 101]]}}).statements == expected


def test_have_may_name_its_epoch() -> None:
    have = {"room1": {"epoch": 7, "ranges": [[1, 3], [5, None]]}}
    expected = Statement(channel="room1", epoch=7, have=RangeSet([(1, 3), (5, 2**53)]))
    assert stated(have=have).statements == (expected,)


def test_ranges_come_in_any_order() -> None:
    assert stated(have={"a": [[5, 9], [1, 3], [3, 6]]}).statements[0].have == RangeSet([(1, 9)])


def test_channels_limit_the_scope() -> None:
    frame = stated(channels=["b", "a"], have={"a": [[1, 2]]}, want={"b": [[3, None]]})
    assert not frame.everywhere
    assert frame.statements == (
        Statement(channel="b", want=RangeSet([(3, 2**53)])),
        Statement(channel="a", have=RangeSet([(1, 2)])),
    )


def test_a_channel_may_be_wanted_without_a_have() -> None:
    assert stated(want={"a": []}).statements == (Statement(channel="a", want=RangeSet()),)
    assert stated(want={"a": [[1, None]]}).statements == (Statement(channel="a", want=EVERYTHING),)


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"id": 65_536}, Code.LIMIT, "id"),
        ({"id": "1"}, Code.MALFORMED, "id"),
        ({"have": [[1, 2]]}, Code.MALFORMED, "have"),
        ({"have": {"a//b": []}}, Code.MALFORMED, "a//b"),
        ({"have": {"a": 5}}, Code.MALFORMED, "have"),
        ({"have": {"a": {"epoch": 1, "range": []}}}, Code.MALFORMED, "'range'"),
        ({"have": {"a": {"epoch": 2**32}}}, Code.LIMIT, "epoch"),
        ({"have": {"a": [[1, 2, 3]]}}, Code.MALFORMED, "[start, stop]"),
        ({"have": {"a": [1, 2]}}, Code.MALFORMED, "[start, stop]"),
        ({"have": {"a": [[0, 2]]}}, Code.MALFORMED, "start"),
        ({"have": {"a": [[2, 2]]}}, Code.MALFORMED, "empty"),
        ({"have": {"a": [[3, 2]]}}, Code.MALFORMED, "empty"),
        ({"have": {"a": [[1, 2**53 + 1]]}}, Code.LIMIT, "stop"),
        ({"have": {"a": [[None, 2]]}}, Code.MALFORMED, "start"),
        ({"want": {"a": None}}, Code.MALFORMED, "ranges"),
        ({"want": {"a": {"ranges": []}}}, Code.MALFORMED, "ranges"),
        ({"channels": {"a": []}}, Code.MALFORMED, "channels"),
        ({"channels": ["a", "a"]}, Code.MALFORMED, "twice"),
        ({"channels": ["a"], "have": {"b": []}}, Code.MALFORMED, "'b'"),
        ({"channels": [f"c{at}" for at in range(STATEMENTS_MAX + 1)]}, Code.LIMIT, "channels"),
        ({"have": {f"c{at}": [] for at in range(STATEMENTS_MAX + 1)}}, Code.LIMIT, "have"),
        (
            {"have": {f"h{at}": [] for at in range(2050)}, "want": {f"w{at}": [] for at in range(2050)}},
            Code.LIMIT,
            "statements",
        ),
        ({"page_bytes": 255}, Code.LIMIT, "page_bytes"),
        ({"page_bytes": None}, Code.MALFORMED, "page_bytes"),
        ({"oldest_first": 1}, Code.MALFORMED, "oldest_first"),
        ({"live": "yes"}, Code.MALFORMED, "live"),
        ({"codecs": [32]}, Code.LIMIT, "codec"),
        ({"codecs": [1, 1]}, Code.MALFORMED, "codecs"),
        ({"newset": 5}, Code.MALFORMED, "'newset'"),
    ],
)
def test_requests_are_checked_field_by_field(fields: dict[str, object], code: Code, named: str) -> None:
    error = refusal(**{"type": "sync"} | fields)
    assert (error.wire_code, named in str(error)) == (code, True)


def test_a_page_names_channels_records_and_what_is_gone() -> None:
    record = Record(seq=1, author="ann", time=5, sent=4, body=b"hi", size=90, kind=16, content_type="a/b")
    part = Part(channel="room1", epoch=9, head=7, floor=2, voids=RangeSet([(2, 4)]), records=(record,))
    payload = jsonform.encode(Delta(rid=3, more=True, parts=(part,), gone=("x",)))
    assert json.loads(payload) == {
        "type": "delta",
        "id": 3,
        "more": True,
        "channels": {"room1": {"epoch": 9, "head": 7, "floor": 2, "voids": [[2, 4]]}},
        "records": [
            {
                "channel": "room1",
                "seq": 1,
                "author": "ann",
                "time": 5,
                "sent": 4,
                "kind": 16,
                "content_type": "a/b",
                "size": 90,
                "text": "hi",
            }
        ],
        "gone": ["x"],
    }


def test_records_of_several_channels_may_be_mixed() -> None:
    records = [RECORD | {"channel": name, "seq": seq} for name, seq in (("a", 1), ("b", 1), ("a", 2))]
    frame = read(type="delta", id=1, channels={"b": PART, "a": PART}, records=records)
    assert isinstance(frame, Delta)
    assert [(part.channel, [one.seq for one in part.records]) for part in frame.parts] == [
        ("b", [1]),
        ("a", [1, 2]),
    ]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"id": None}, Code.MALFORMED),
        ({"more": 1}, Code.MALFORMED),
        ({"channels": []}, Code.MALFORMED),
        ({"channels": {"a": PART | {"head": 2**53}}}, Code.LIMIT),
        ({"channels": {"a": PART | {"floor": 0}}}, Code.MALFORMED),
        ({"channels": {"a": PART | {"voids": [[1]]}}}, Code.MALFORMED),
        ({"channels": {"a": PART | {"ceiling": 1}}}, Code.MALFORMED),
        ({"channels": {"a": {"epoch": 1}}}, Code.MALFORMED),
        ({"channels": {"a": {"epoch": 1, "head": 0}}}, Code.MALFORMED),
        ({"channels": {"b": PART}}, Code.MALFORMED),
        ({"channels": {"+": PART}, "records": []}, Code.MALFORMED),
        ({"gone": ["a"]}, Code.MALFORMED),
        ({"gone": ["b", "b"]}, Code.MALFORMED),
        ({"records": [RECORD]}, Code.MALFORMED),
        ({"records": [RECORD | {"channel": "a"}] * 2}, Code.MALFORMED),
        ({"records": [RECORD | {"channel": "a", "seq": 0}]}, Code.MALFORMED),
        ({"records": [RECORD | {"channel": "a", "author": "x/y"}]}, Code.MALFORMED),
        ({"records": [RECORD | {"channel": "a", "time": 2**53}]}, Code.LIMIT),
        ({"records": [RECORD | {"channel": "a", "sent": -1}]}, Code.MALFORMED),
        ({"records": [RECORD | {"channel": "a", "size": 1}]}, Code.MALFORMED),
        ({"records": [RECORD | {"channel": "a", "size": 2**53}]}, Code.LIMIT),
        ({"records": [RECORD | {"channel": "a", "n": 1}]}, Code.MALFORMED),
        ({"records": [0] * (PAGE_RECORDS_MAX + 1)}, Code.LIMIT),
    ],
)
def test_pages_are_checked_field_by_field(fields: dict[str, object], code: Code) -> None:
    whole: dict[str, object] = {
        "type": "delta",
        "id": 1,
        "channels": {"a": PART},
        "records": [RECORD | {"channel": "a"}],
    }
    assert read(**whole)
    assert refusal(**whole | fields).wire_code is code


def test_a_push_is_a_channel_and_its_records() -> None:
    records = (Record(seq=4, author="ann", time=5, sent=5, body=b"hi", size=2),)
    frame = Push(part=Part(channel="a", epoch=9, head=4, records=records))
    assert read(type="push", channel="a", epoch=9, records=[RECORD | {"seq": 4}]) == frame


@pytest.mark.parametrize(
    "fields",
    [
        {"records": []},
        {"records": [RECORD, RECORD]},
        {"records": [RECORD | {"channel": "a"}]},
        {"epoch": None},
        {"channel": "a+"},
        {"head": 4},
    ],
)
def test_pushes_are_checked_field_by_field(fields: dict[str, object]) -> None:
    whole: dict[str, object] = {"type": "push", "channel": "a", "epoch": 9, "records": [RECORD]}
    assert refusal(**whole | fields).wire_code is Code.MALFORMED
