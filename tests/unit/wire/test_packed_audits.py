from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import packed
from tidelog.wire.audit_frames import Audit, Span, Verdict
from tidelog.wire.errors import Code
from tidelog.wire.frames import SyncRequest, Type
from tidelog.wire.limits import AUDIT_PIECES_MAX, STATEMENTS_MAX
from tidelog.wire.mqttsize import publish_bytes
from tidelog.wire.page_frames import Resync
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.topics import reply_topic, sync_topic
from unit.wire.payloads import payload_of, refusal
from unit.wire.strategies import AUDITS, VERDICTS

RESYNC = Resync(rid=7, token=b"abcd", digest=1)
INNER = packed.encode(RESYNC)
SUM = bytes(8)


@given(st.one_of(AUDITS, VERDICTS))
def test_it_is_read_back(frame: Audit | Verdict) -> None:
    assert packed.decode(packed.encode(frame)) == frame


@given(AUDITS)
def test_an_audit_has_the_id_of_its_request(frame: Audit) -> None:
    assert packed.request_id(packed.encode(frame)) == frame.rid == frame.request.rid


def test_to_ask_takes_44_bytes_and_the_answer_24() -> None:
    """However many channels there are: with headers, for a device id of 8 characters."""
    asked = packed.encode(Audit(request=RESYNC, total=2**64 - 1))
    assert publish_bytes(sync_topic("a1phone7"), len(asked), qos=0) == 44
    told = packed.encode(Verdict(rid=65_535))
    assert publish_bytes(reply_topic("a1phone7"), len(told), qos=0) == 24


def test_the_largest_audit_fits_a_packet() -> None:
    frame = Audit(
        request=RESYNC,
        total=0,
        channels=(2**32 - 1,) * STATEMENTS_MAX,
        spans=tuple(Span(STATEMENTS_MAX - 1, at, at + 1, (1,)) for at in range(1, AUDIT_PIECES_MAX + 1)),
    )
    assert packed.decode(packed.encode(frame)) == frame


def test_later_revisions_may_add_fields() -> None:
    assert packed.decode(payload_of(Type.AUDIT, INNER, SUM, b"", [], [], "new")) == Audit(
        request=RESYNC, total=0
    )
    assert packed.decode(payload_of(Type.VERDICT, 7, 0, 0, b"", "new")) == Verdict(rid=7)


def test_what_is_left_out_is_at_its_default() -> None:
    assert packed.decode(payload_of(Type.AUDIT, INNER)) == Audit(request=RESYNC)
    assert packed.decode(payload_of(Type.VERDICT, 7)) == Verdict(rid=7, lacking=0, differing=EMPTY)


def test_a_request_in_full_is_wrapped_too() -> None:
    frame = Audit(request=SyncRequest(rid=9), total=5)
    assert packed.decode(packed.encode(frame)) == frame


@pytest.mark.parametrize(
    ("kind", "items", "code"),
    [
        (Type.AUDIT, [], Code.MALFORMED),
        (Type.AUDIT, [7], Code.MALFORMED),
        (Type.AUDIT, [b""], Code.MALFORMED),
        (Type.AUDIT, [INNER[:-1]], Code.MALFORMED),
        (Type.AUDIT, [packed.encode(Verdict(rid=7))], Code.MALFORMED),
        (Type.AUDIT, [payload_of(Type.AUDIT, INNER)], Code.MALFORMED),
        (Type.AUDIT, [b"\x42\x80"], Code.MALFORMED),
        (Type.AUDIT, [INNER, bytes(7)], Code.MALFORMED),
        (Type.AUDIT, [INNER, SUM, bytes(5)], Code.MALFORMED),
        (Type.AUDIT, [INNER, SUM, bytes(4 * STATEMENTS_MAX + 4)], Code.LIMIT),
        (Type.AUDIT, [INNER, SUM, b"", [[0, 1, 5]]], Code.MALFORMED),
        (Type.AUDIT, [INNER, SUM, b"", [[0, 1, 5, b""]]], Code.MALFORMED),
        (Type.AUDIT, [INNER, SUM, b"", [[0, 1, 2, bytes(8)]]], Code.MALFORMED),
        (Type.AUDIT, [INNER, SUM, b"", [[0, 0, 2, bytes(4)]]], Code.MALFORMED),
        (Type.AUDIT, [INNER, SUM, b"", [[0, 5, 5, bytes(4)]]], Code.MALFORMED),
        (Type.AUDIT, [INNER, SUM, b"", [[0, 5, 2**53, bytes(4)]]], Code.LIMIT),
        (Type.AUDIT, [INNER, SUM, b"", [[4096, 1, 2, bytes(4)]]], Code.LIMIT),
        (Type.AUDIT, [INNER, SUM, b"", [[1, 1, 9, bytes(4)], [0, 1, 9, bytes(4)]]], Code.MALFORMED),
        (Type.AUDIT, [INNER, SUM, b"", [[1, 1, 9, bytes(4)], [1, 8, 10, bytes(4)]]], Code.MALFORMED),
        (Type.AUDIT, [INNER, SUM, b"", [[0, 1, 2000, bytes(4 * 1025)]]], Code.LIMIT),
        (Type.AUDIT, [INNER, SUM, b"", [[n, 1, 9, bytes(8)] for n in range(513)]], Code.LIMIT),
        (Type.VERDICT, [], Code.MALFORMED),
        (Type.VERDICT, [65_536], Code.LIMIT),
        (Type.VERDICT, [7, -1], Code.MALFORMED),
        (Type.VERDICT, [7, 0, 8194], Code.LIMIT),
        (Type.VERDICT, [7, 0, 0, "1"], Code.MALFORMED),
        (Type.VERDICT, [7, 0, 0, b"\x00\x00"], Code.LIMIT),
    ],
)
def test_fields_are_checked_one_by_one(kind: Type, items: list[object], code: Code) -> None:
    assert refusal(payload_of(kind, *items)).wire_code is code


def test_neighbours_of_one_channel_may_touch() -> None:
    spans = (Span(1, 1, 9, (4,)), Span(1, 9, 10, (5,)))
    frame = Audit(request=RESYNC, spans=spans)
    assert packed.decode(packed.encode(frame)) == frame


def test_a_verdict_names_sums_by_their_order() -> None:
    assert packed.encode(Verdict(rid=7, differing=RangeSet.of([1]))) == bytes.fromhex(
        "3f 84 07 00 00 42 0001"
    )
