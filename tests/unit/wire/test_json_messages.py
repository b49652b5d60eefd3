from __future__ import annotations

import json

import pytest

from tidelog.wire import jsonform
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Fault, Message, Messages, Receipt, Receipts, Rejection
from tidelog.wire.limits import BATCH_MESSAGES_MAX, BODY_BYTES_MAX


def read(**fields: object) -> object:
    return jsonform.decode(json.dumps(fields).encode())


def refusal(**fields: object) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        read(**fields)
    return caught.value


def sent(**fields: object) -> ProtocolError:
    return refusal(**{"type": "message", "channel": "a", "text": "x"} | fields)


def test_the_smallest_message_is_a_channel_and_a_text() -> None:
    expected = Messages(outbox=b"", messages=(Message(n=0, channel="room1", body=b"hello"),))
    assert read(type="message", channel="room1", text="hello") == expected


def test_a_body_that_is_not_utf8_goes_as_base64() -> None:
    frame = Messages(outbox=b"", messages=(Message(n=0, channel="a", body=b"\xff\x00"),))
    assert jsonform.encode(frame) == b'{"type":"message","channel":"a","body64":"/wA="}'
    assert read(type="message", channel="a", body64="/wA=") == frame


def test_a_list_of_one_is_read_as_a_message() -> None:
    listed = read(type="messages", messages=[{"channel": "a", "text": "x", "n": 4}])
    assert listed == read(type="message", channel="a", text="x", n=4)


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"channel": "a//b"}, Code.MALFORMED, "'a//b'"),
        ({"channel": None}, Code.MALFORMED, "NoneType"),
        ({"text": 5}, Code.MALFORMED, "text"),
        ({"text": "\ud800"}, Code.MALFORMED, "Unicode"),
        ({"text": "x" * (BODY_BYTES_MAX + 1)}, Code.LIMIT, "body"),
        ({"body64": ""}, Code.MALFORMED, "twice"),
        ({"n": "1"}, Code.MALFORMED, "n is not"),
        ({"n": True}, Code.MALFORMED, "n is not"),
        ({"n": 2**53}, Code.LIMIT, "n is not below"),
        ({"kind": 256}, Code.LIMIT, "kind"),
        ({"kind": -1}, Code.MALFORMED, "kind"),
        ({"sent": 2**53}, Code.LIMIT, "sent"),
        ({"content_type": "é"}, Code.MALFORMED, "content type"),
        ({"outbox": "0102030"}, Code.MALFORMED, "outbox"),
        ({"outbox": "ABCDEF01", "n": 1}, Code.MALFORMED, "outbox"),
        ({"outbox": "01020304"}, Code.MALFORMED, "no number"),
        ({"time": 1}, Code.MALFORMED, "'time'"),
    ],
)
def test_a_message_is_checked_field_by_field(fields: dict[str, object], code: Code, named: str) -> None:
    error = sent(**fields)
    assert (error.wire_code, named in str(error)) == (code, True)


@pytest.mark.parametrize("body64", ["/wA", "/wA=\n", "é", "!!!!", 5, "_wA="])
def test_base64_is_strict(body64: object) -> None:
    assert "Base64" in str(refusal(type="message", channel="a", body64=body64))


def test_a_message_needs_a_body() -> None:
    assert "text or body64" in str(refusal(type="message", channel="a"))


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], Code.MALFORMED),
        ({}, Code.MALFORMED),
        ([5], Code.MALFORMED),
        ([{"channel": "a", "text": "x", "n": 2}, {"channel": "a", "text": "x", "n": 1}], Code.MALFORMED),
        ([{"channel": "a", "text": "x", "n": 2}, {"channel": "a", "text": "x"}], Code.MALFORMED),
        ([{"channel": "a", "text": "x"}] * (BATCH_MESSAGES_MAX + 1), Code.LIMIT),
    ],
)
def test_lists_of_messages_are_checked(messages: object, code: Code) -> None:
    assert refusal(type="messages", messages=messages).wire_code is code


def test_receipts_and_rejections_are_told_in_words() -> None:
    frame = Receipts(
        outbox=b"\x01\x02\x03\x04",
        highest=9,
        author="ann",
        receipts=(Receipt(n=8, channel="a", epoch=5, seq=1, time=7),),
        rejections=(Rejection(n=3, code=Code.CONFLICT),),
    )
    assert json.loads(jsonform.encode(frame)) == {
        "type": "receipts",
        "outbox": "01020304",
        "highest": 9,
        "author": "ann",
        "receipts": [{"n": 8, "channel": "a", "epoch": 5, "seq": 1, "time": 7}],
        "rejected": [{"n": 3, "code": "conflict"}],
    }


RECEIPT = {"n": 8, "channel": "a", "epoch": 5, "seq": 1, "time": 7}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"highest": None}, Code.MALFORMED),
        ({"author": ""}, Code.MALFORMED),
        ({"receipts": [RECEIPT | {"seq": 0}]}, Code.MALFORMED),
        ({"receipts": [RECEIPT | {"epoch": 2**32}]}, Code.LIMIT),
        ({"receipts": [RECEIPT | {"size": 1}]}, Code.MALFORMED),
        ({"receipts": [RECEIPT, RECEIPT]}, Code.MALFORMED),
        ({"receipts": [{"n": 8}]}, Code.MALFORMED),
        ({"rejected": [{"n": 3, "code": "CONFLICT"}]}, Code.UNSUPPORTED),
        ({"rejected": [{"n": 3, "code": 6}]}, Code.MALFORMED),
        ({"rejected": [{"n": 3}]}, Code.MALFORMED),
        ({"outbox": "01020304", "receipts": [RECEIPT | {"n": 0}]}, Code.MALFORMED),
    ],
)
def test_receipts_are_checked_field_by_field(fields: dict[str, object], code: Code) -> None:
    whole: dict[str, object] = {"type": "receipts", "highest": 8, "receipts": [RECEIPT]}
    assert refusal(**whole | fields).wire_code is code


def test_an_error_brings_its_hint() -> None:
    payload = jsonform.encode(Fault(code=Code.VERSION, rid=5, text="version 2", version=1))
    told = json.loads(payload)
    assert told.pop("hint").startswith("one side is newer")
    assert told == {"type": "error", "code": "version", "id": 5, "text": "version 2", "version": 1}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"code": "nonsense"}, Code.UNSUPPORTED),
        ({"code": 1}, Code.MALFORMED),
        ({"id": 65_536}, Code.LIMIT),
        ({"text": "x" * 513}, Code.LIMIT),
        ({"hint": 5}, Code.MALFORMED),
        ({"version": 8}, Code.LIMIT),
    ],
)
def test_an_error_is_checked_field_by_field(fields: dict[str, object], code: Code) -> None:
    assert refusal(**{"type": "error", "code": "busy"} | fields).wire_code is code
