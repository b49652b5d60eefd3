"""What frames a primed push; `test_priming` of the codecs looks inside."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from tidelog.wire import packed
from tidelog.wire.errors import Code
from tidelog.wire.frames import Type
from tidelog.wire.limits import CONTEXT_RECORDS_MAX, PAGE_RECORDS_MAX, SEQ_STOP
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import RangeSet
from tidelog.wire.runs import encode
from unit.wire.payloads import payload_of, refusal
from unit.wire.strategies import primed_pushes

GUARDED = b"chckbodies"


def primed(first: int = 500, count: int = CONTEXT_RECORDS_MAX) -> PrimedPush:
    return PrimedPush(
        channel="a",
        seqs=RangeSet([(first, first + 1)]),
        context=RangeSet([(first - count, first)]),
        check=b"chck",
        columns=b"c",
        bodies=b"bodies",
    )


def written(*items: object) -> bytes:
    return payload_of(Type.PRIMED, "a", *items)


@given(primed_pushes())
def test_what_is_written_is_read(frame: PrimedPush) -> None:
    assert packed.decode(packed.encode(frame)) == frame


def test_one_record_after_as_many_as_can_be_takes_few_bytes_beside_what_is_inside() -> None:
    inside = len(b"a" + b"c" + GUARDED)
    assert packed.encode(primed()) == written(500, b"c", GUARDED)
    assert len(packed.encode(primed())) == inside + 8
    assert len(packed.encode(primed(count=7))) == inside + 9


def test_a_context_with_a_hole_is_told_as_a_set() -> None:
    context = RangeSet([(300, 310), (320, 321)])
    frame = replace(primed(), context=context)
    assert packed.encode(frame) == written(500, b"c", GUARDED, encode(context))
    assert packed.decode(packed.encode(frame)) == frame


def test_a_name_stands_alone_and_several_in_an_array() -> None:
    frame = replace(primed(), seqs=RangeSet([(500, 503)]), authors=("ann",), types=("t/x", "t/y"))
    payload = written(encode(frame.seqs), b"c", GUARDED, 128, "ann", ["t/x", "t/y"])
    assert packed.encode(frame) == payload
    assert packed.decode(payload) == frame


def test_further_fields_are_ignored() -> None:
    assert packed.decode(written(500, b"c", GUARDED, 128, [], [], "later")) == primed()


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ((500, b"c", b"chc"), Code.MALFORMED),
        ((0, b"c", GUARDED), Code.MALFORMED),
        ((b"", b"c", GUARDED), Code.MALFORMED),
        ((500, b"c", GUARDED, 0), Code.MALFORMED),
        ((500, b"c", GUARDED, b""), Code.MALFORMED),
        ((500, b"c", GUARDED, 129), Code.LIMIT),
        ((500, b"c", GUARDED, encode(RangeSet([(1, 130)]))), Code.LIMIT),
        ((500, b"c", GUARDED, encode(RangeSet([(1, SEQ_STOP)]))), Code.LIMIT),
        ((500, b"c", GUARDED, encode(RangeSet([(499, 501)]))), Code.MALFORMED),
        ((5, b"c", GUARDED), Code.MALFORMED),
        ((5, b"c", GUARDED, 5), Code.MALFORMED),
        ((SEQ_STOP, b"c", GUARDED), Code.LIMIT),
        ((encode(RangeSet([(500, 501 + PAGE_RECORDS_MAX)])), b"c", GUARDED), Code.LIMIT),
        ((encode(RangeSet([(500, SEQ_STOP)])), b"c", GUARDED), Code.LIMIT),
        ((500, "c", GUARDED), Code.MALFORMED),
        ((500, b"c", GUARDED, 128, ["ann", "ann"]), Code.MALFORMED),
        ((500, b"c", GUARDED, 128, ["ann", "bob"]), Code.MALFORMED),
        ((500, b"c", GUARDED, 128, [7]), Code.MALFORMED),
        ((500, b"c", GUARDED, 128, [], "\n"), Code.MALFORMED),
    ],
)
def test_what_does_not_fit_is_refused(items: tuple[object, ...], code: Code) -> None:
    assert refusal(written(*items)).wire_code is code
