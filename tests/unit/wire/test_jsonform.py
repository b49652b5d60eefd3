"""The JSON encoding as a whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from tidelog.wire import jsonform
from tidelog.wire.anyframe import Frame
from tidelog.wire.audit_frames import Verdict
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.frames import Delta
from tidelog.wire.page_frames import Page, Resync
from unit.wire.strategies import FRAMES


def refusal(payload: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        jsonform.decode(payload)
    return caught.value


@given(FRAMES)
def test_what_is_written_is_read_back(frame: Frame) -> None:
    assert jsonform.decode(jsonform.encode(frame)) == frame


@given(FRAMES)
def test_a_payload_begins_with_a_brace_and_is_one_line_of_utf8(frame: Frame) -> None:
    payload = jsonform.encode(frame)
    assert payload.startswith(b'{"type":"')
    assert b"\n" not in payload
    assert json.loads(payload.decode())


@given(FRAMES)
@settings(max_examples=30)
def test_every_prefix_is_refused_and_more_after_the_end_too(frame: Frame) -> None:
    payload = jsonform.encode(frame)
    for stop in range(len(payload)):
        assert refusal(payload[:stop]).wire_code is Code.MALFORMED
    assert refusal(payload + b"{}").wire_code is Code.MALFORMED


@given(FRAMES)
def test_a_field_that_is_not_known_is_named(frame: Frame) -> None:
    given_ = json.loads(jsonform.encode(frame))
    assert "'txet'" in str(refusal(json.dumps(given_ | {"txet": 1}).encode()))


def test_fields_may_be_spaced_and_in_any_order() -> None:
    frame = Delta(rid=1, more=True)
    assert (
        jsonform.decode(b' {\n"more" : true, "records": [],"channels":{} , "id":1,"type":"delta"}\n') == frame
    )


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"[]", Code.MALFORMED),
        (b"{}", Code.MALFORMED),
        (b'{"type":"mesage","channel":"a","text":"x"}', Code.UNSUPPORTED),
        (b'{"type":["message"]}', Code.UNSUPPORTED),
        (b'{"type":null}', Code.UNSUPPORTED),
    ],
)
def test_the_type_says_what_it_is(payload: bytes, code: Code) -> None:
    assert refusal(payload).wire_code is code


@pytest.mark.parametrize("frame", [Resync(rid=1, token=b"abcd", digest=2), Page(rid=1), Verdict(rid=1)])
def test_what_has_no_json_form_is_the_callers_mistake(frame: Frame) -> None:
    with pytest.raises(UsageError, match="no JSON form"):
        jsonform.encode(frame)
