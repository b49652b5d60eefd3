from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import json_bodies, jsonform, jsontext
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Fault, Message, Messages, Receipt, Receipts, Rejection
from tidelog.wire.limits import (
    BATCH_MESSAGES_MAX,
    BODY_BYTES_MAX,
    MESSAGE_NUMBER_STOP,
    PACKET_BYTES_MAX,
)


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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        '{"a": 1, "b": [true, "c"]}',
        "two\nlines",
        'He said "no".',
        "\x7f\u2028",
        "grün",
        "\n",
        '"',
    ],
)
def test_text_stays_text_where_base64_would_not_be_shorter(text: str) -> None:
    assert json_bodies.body_fields(text.encode()) == {"text": text}


@pytest.mark.parametrize("text", ["\0", "\x1b[31m\x1b[0m", '"' * 9, "\\" * 100, "a\0" * 100])
def test_text_that_escapes_make_longer_than_base64_goes_as_base64(text: str) -> None:
    given = json_bodies.body_fields(text.encode())
    assert given == {"body64": base64.b64encode(text.encode()).decode()}


@given(st.text(st.characters(codec="utf8", max_codepoint=130), max_size=30).map(str.encode))
def test_a_body_takes_no_more_than_base64_and_is_text_where_that_is_no_longer(body: bytes) -> None:
    (name, value), *_ = json_bodies.body_fields(body).items()
    as_text, as_base64 = (
        len(jsontext.dumps(one)) for one in (body.decode(), base64.b64encode(body).decode())
    )
    assert len(jsontext.dumps(value)) == min(as_text, as_base64)
    assert name == ("text" if as_text <= as_base64 else "body64")
    message = Message(n=0, channel="a", body=body)
    assert jsonform.decode(jsonform.encode(Messages(outbox=b"", messages=(message,)))) == Messages(
        outbox=b"", messages=(message,)
    )


@pytest.mark.parametrize("body", [b"\0", b"\n", b'"', b"x", b"\xff"])
def test_the_largest_body_fits_a_packet_whatever_it_is(body: bytes) -> None:
    message = Message(n=MESSAGE_NUMBER_STOP - 1, channel="c" * 64, body=body * BODY_BYTES_MAX)
    payload = jsonform.encode(Messages(outbox=b"abcd", messages=(message,)))
    assert len(payload) <= BODY_BYTES_MAX * 4 / 3 + 200 < PACKET_BYTES_MAX
    assert jsonform.decode(payload) == Messages(outbox=b"abcd", messages=(message,))


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
        receipts=(Receipt(n=8, channel="a", epoch=5, seq=1, time=7, digest=b"\xab\xcd"),),
        rejections=(Rejection(n=3, code=Code.CONFLICT, digest=b"\x00\x01"),),
    )
    assert json.loads(jsonform.encode(frame)) == {
        "type": "receipts",
        "outbox": "01020304",
        "highest": 9,
        "author": "ann",
        "receipts": [{"n": 8, "channel": "a", "epoch": 5, "seq": 1, "time": 7, "digest": "abcd"}],
        "rejected": [{"n": 3, "code": "conflict", "digest": "0001"}],
    }


def test_a_digest_may_be_left_out() -> None:
    """Scripts may write and read answers without it."""
    frame = read(type="receipts", highest=8, receipts=[RECEIPT], rejected=[{"n": 3, "code": "busy"}])
    assert isinstance(frame, Receipts)
    assert [one.digest for one in (*frame.receipts, *frame.rejections)] == [b"", b""]


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
        ({"receipts": [RECEIPT | {"digest": "abc"}]}, Code.MALFORMED),
        ({"receipts": [RECEIPT | {"digest": "ABCD"}]}, Code.MALFORMED),
        ({"receipts": [RECEIPT | {"digest": ""}]}, Code.MALFORMED),
        ({"receipts": [RECEIPT | {"digest": None}]}, Code.MALFORMED),
        ({"receipts": [RECEIPT | {"n": 0, "digest": "abcd"}]}, Code.MALFORMED),
        ({"rejected": [{"n": 0, "code": "busy", "digest": "abcd"}]}, Code.MALFORMED),
        ({"rejected": [{"n": 3, "code": "busy", "digest": "abcde"}]}, Code.MALFORMED),
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
