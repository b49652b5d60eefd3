from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tidelog.wire import fields
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import (
    BODY_BYTES_MAX,
    PACKET_BYTES_MAX,
    PAGE_BYTES_MAX,
    PAGE_BYTES_MIN,
    ROOM_BYTES_MIN,
)
from tidelog.wire.ranges import EVERYTHING, RangeSet


def refusal(check: Callable[[], object]) -> Code:
    with pytest.raises(ProtocolError) as caught:
        check()
    return caught.value.wire_code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (-1, Code.MALFORMED),
        (True, Code.MALFORMED),
        (None, Code.MALFORMED),
        ("1", Code.MALFORMED),
        (9, Code.LIMIT),
    ],
)
def test_a_whole_number_has_its_type_and_bound(value: object, code: Code) -> None:
    assert refusal(lambda: fields.uint(value, 9, "x")) is code
    assert fields.uint(8, 9, "x") == 8


def test_a_seq_is_at_least_one() -> None:
    assert fields.seq(1, 9, "x") == 1
    assert refusal(lambda: fields.seq(0, 9, "x")) is Code.MALFORMED


@pytest.mark.parametrize("value", [0, 1, None, "true"])
def test_a_truth_is_no_number(value: object) -> None:
    assert refusal(lambda: fields.boolean(value, "x")) is Code.MALFORMED
    assert fields.boolean(True, "x") is True


def test_only_trained_dictionaries_are_fetched() -> None:
    assert fields.dictionary(256) == 256
    assert refusal(lambda: fields.dictionary(255)) is Code.MALFORMED
    assert refusal(lambda: fields.dictionary(2**32)) is Code.LIMIT
    assert refusal(lambda: fields.dictionary("256")) is Code.MALFORMED


def test_a_deflated_dictionary_has_its_bound() -> None:
    assert fields.deflated_bytes(65_600, "x") == 65_600
    assert refusal(lambda: fields.deflated_bytes(65_601, "x")) is Code.LIMIT


def test_arrays_are_counted() -> None:
    assert fields.items([1, 2], 2, "x") == [1, 2]
    assert refusal(lambda: fields.items([1, 2], 1, "x")) is Code.LIMIT
    assert refusal(lambda: fields.items((1,), 1, "x")) is Code.MALFORMED


def test_what_may_occur_once_occurs_once() -> None:
    assert fields.distinct(["a", "b"], "x") == ["a", "b"]
    assert refusal(lambda: fields.distinct(["a", "b", "a"], "x")) is Code.MALFORMED


def test_pages_have_a_smallest_and_a_largest_size() -> None:
    assert fields.page_bytes(PAGE_BYTES_MIN) == PAGE_BYTES_MIN
    assert fields.page_bytes(PAGE_BYTES_MAX) == PAGE_BYTES_MAX
    assert refusal(lambda: fields.page_bytes(PAGE_BYTES_MIN - 1)) is Code.LIMIT
    assert refusal(lambda: fields.page_bytes(PAGE_BYTES_MAX + 1)) is Code.LIMIT


def test_bodies_have_a_largest_size() -> None:
    assert len(fields.body(bytes(BODY_BYTES_MAX))) == BODY_BYTES_MAX
    assert refusal(lambda: fields.body(bytes(BODY_BYTES_MAX + 1))) is Code.LIMIT


@pytest.mark.parametrize("value", [b"abc", b"abcde", "abcd", None, 0])
def test_an_outbox_is_four_bytes_or_none(value: object) -> None:
    assert refusal(lambda: fields.outbox(value)) is Code.MALFORMED
    assert fields.outbox(b"abcd") == b"abcd"
    assert fields.outbox(b"") == b""


@pytest.mark.parametrize(
    "value", ["", "a/", "/a", "a/b/c/d", "a+", "#", "$SYS", "a\n", "é" * 33, b"a", None, "\ud800"]
)
def test_what_is_no_channel_is_refused(value: object) -> None:
    assert refusal(lambda: fields.channel(value)) is Code.MALFORMED


@pytest.mark.parametrize("value", ["", "a/b", "x" * 65, b"a", 7])
def test_what_is_no_user_is_refused(value: object) -> None:
    assert refusal(lambda: fields.user(value)) is Code.MALFORMED
    assert fields.user("x" * 64) == "x" * 64


@pytest.mark.parametrize(
    ("value", "code"),
    [("text/\n", Code.MALFORMED), ("é", Code.MALFORMED), (b"a/b", Code.MALFORMED), ("x" * 65, Code.LIMIT)],
)
def test_content_types_are_short_printable_ascii(value: object, code: Code) -> None:
    assert refusal(lambda: fields.content_type(value)) is code


def test_the_text_of_a_fault_is_bounded_in_bytes() -> None:
    assert fields.fault_text("é" * 256) == "é" * 256
    assert refusal(lambda: fields.fault_text("é" * 257)) is Code.LIMIT
    assert refusal(lambda: fields.fault_text("\ud800")) is Code.MALFORMED


@pytest.mark.parametrize(
    ("text", "expected"), [("short", "short"), ("x" + "é" * 300, "x" + "é" * 255), ("\ud800", "?")]
)
def test_the_text_of_a_fault_is_cut_where_it_is_written(text: str, expected: str) -> None:
    assert fields.cut_text(text) == expected
    assert fields.fault_text(fields.cut_text(text)) == expected


def test_an_unknown_error_code_is_unsupported() -> None:
    assert fields.code(5) is Code.DENIED
    assert refusal(lambda: fields.code(77)) is Code.UNSUPPORTED


def test_ranges_are_listed_only_where_they_are_few() -> None:
    assert fields.members(RangeSet([(3, 6)]), 3) == [3, 4, 5]
    assert refusal(lambda: fields.members(RangeSet([(3, 6)]), 2)) is Code.LIMIT
    assert refusal(lambda: fields.members(EVERYTHING, 1024)) is Code.LIMIT


@pytest.mark.parametrize("numbers", [[], [0], [0, 0], [5], [1, 2, 9]])
def test_numbers_of_a_batch_ascend_or_are_none(numbers: list[int]) -> None:
    fields.numbering(numbers, b"")


@pytest.mark.parametrize("numbers", [[2, 1], [1, 1], [0, 1], [1, 0]])
def test_other_numbers_of_a_batch_are_refused(numbers: list[int]) -> None:
    assert refusal(lambda: fields.numbering(numbers, b"")) is Code.MALFORMED


@pytest.mark.parametrize("numbers", [[0], [0, 0]])
def test_messages_of_an_outbox_have_numbers(numbers: list[int]) -> None:
    assert refusal(lambda: fields.numbering(numbers, b"abcd")) is Code.MALFORMED


def test_errors_show_a_peers_value_in_few_characters() -> None:
    assert len(fields.shown("x" * 10_000)) == 66
    assert fields.shown([1] * 10_000) == "list"
    assert fields.shown(-1) == "-1"


def test_an_answer_has_no_bound_or_room_for_something() -> None:
    assert [fields.room(size) for size in (0, ROOM_BYTES_MIN, PACKET_BYTES_MAX)] == [
        0,
        ROOM_BYTES_MIN,
        PACKET_BYTES_MAX,
    ]
    for size in (1, ROOM_BYTES_MIN - 1, PACKET_BYTES_MAX + 1):
        assert refusal(partial(fields.room, size)) is Code.LIMIT
    for value in (-1, "32", None):
        assert refusal(partial(fields.room, value)) is Code.MALFORMED
