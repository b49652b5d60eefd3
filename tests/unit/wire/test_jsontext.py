from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import jsontext
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.jsontext import Object
from tidelog.wire.limits import NESTING_MAX, PACKET_BYTES_MAX

VALUES = st.recursive(
    st.one_of(st.integers(-(2**53), 2**53), st.text(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=10,
)


def refusal(payload: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        jsontext.loads(payload)
    return caught.value


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(VALUES.filter(lambda value: depth(value) <= NESTING_MAX))
def test_what_is_written_is_read_back(value: jsontext.JsonValue) -> None:
    assert jsontext.loads(jsontext.dumps(value)) == value


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a":1}x', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":"\n"}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        ('{"a":1}'.encode("utf-16"), "not JSON"),
        (b'{"a":NaN}', "not a whole number"),
        (b'{"a":-Infinity}', "not a whole number"),
        (b'{"a":1.0}', "not a whole number"),
        (b'{"a":1e3}', "not a whole number"),
        (b'{"a":1,"b":2,"a":3}', "given twice: 'a'"),
        (b'{"x":{"a":1,"a":1}}', "given twice"),
    ],
)
def test_what_is_no_json_of_ours_is_refused(payload: bytes, message: str) -> None:
    assert message in str(refusal(payload))


def test_numbers_have_few_digits() -> None:
    assert jsontext.loads(b"-9007199254740992") == -(2**53)
    assert refusal(b"1" * 17).wire_code is Code.LIMIT
    assert refusal(b'{"a":' + b"9" * 60_000 + b"}").wire_code is Code.LIMIT


def test_nesting_is_bounded_and_brackets_in_strings_do_not_count() -> None:
    assert jsontext.loads(b"[" * NESTING_MAX + b"]" * NESTING_MAX)
    assert "nested" in str(refusal(b"[" * (NESTING_MAX + 1) + b"]" * (NESTING_MAX + 1)))
    assert jsontext.loads(b'"[[[[[[[[[[[[\\"[[[[{{{{"') == '[[[[[[[[[[[["[[[[{{{{'


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * PACKET_BYTES_MAX,
        b'{"a":' * 13_000,
        b'{"a":"' + b'\\"' * 32_000,
        b'"\\' * 30_000,
        b'"' * 65_000,
        b"[" + b"{}," * 21_000,
        b"{" + b",".join(b'"%d":1' % at for at in range(6_000)) + b',"7":1}',
    ],
)
def test_bombs_are_refused_in_bounded_time(bomb: bytes) -> None:
    before = process_time()
    assert refusal(bomb).wire_code is Code.MALFORMED
    assert process_time() - before < 0.2


def test_a_payload_larger_than_a_packet_is_refused() -> None:
    assert refusal(b" " * (PACKET_BYTES_MAX + 1)).wire_code is Code.LIMIT


def test_fields_are_taken_one_by_one_and_what_is_left_is_named() -> None:
    given_ = Object({"n": 5, "live": True, "chanel": "room1"}, "a message")
    assert (given_.uint("n", 9), given_.flag("live"), given_.flag("other")) == (5, True, False)
    assert given_.uint("kind", 9, default=3) == 3
    assert given_.optional("text", str, "none") == "none"
    assert "chanel" in given_
    assert "n" not in given_
    with pytest.raises(ProtocolError, match="a message has no field 'chanel'"):
        given_.done()
    assert given_.take("chanel") == "room1"
    given_.done()


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ProtocolError, match="a message needs the field 'channel'"):
        Object({}, "a message").take("channel")
    assert Object({}, "a message").take("channel", "room1") == "room1"


@pytest.mark.parametrize("value", [None, 5, "x", [{}]])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError, match="a message is not an object"):
        Object(value, "a message")
