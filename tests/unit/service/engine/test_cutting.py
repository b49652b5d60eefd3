"""Which part of a body travels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_STUB
from tidelog.wire.limits import MAX_BODY_MIN, STUB_FIRST_BYTES_MAX
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, edit_body, read_edit
from tidelog_service.engine.cutting import beginning

LONG = b"x" * 2_000


def edit(content: bytes, edits: int = 1) -> bytes:
    return edit_body(Edit(voids=RangeSet.of(range(1, 2 * edits, 2)), time=5, content=content))


@given(st.text(min_size=600, max_size=3_000))
def test_no_character_is_cut_in_two(text: str) -> None:
    body = text.encode()
    first = beginning(0, body, MAX_BODY_MIN)
    assert text.startswith(first.decode())
    assert first == body if len(body) <= MAX_BODY_MIN else STUB_FIRST_BYTES_MAX - 3 <= len(first) < len(body)


@given(st.binary(min_size=1_025, max_size=3_000))
def test_of_what_is_no_text_it_is_about_as_much(body: bytes) -> None:
    first = beginning(0, body, MAX_BODY_MIN)
    assert body.startswith(first)
    assert STUB_FIRST_BYTES_MAX - 3 <= len(first) <= STUB_FIRST_BYTES_MAX


def test_what_is_no_larger_goes_whole() -> None:
    assert beginning(0, LONG, 0) == LONG
    assert beginning(0, LONG, 2_000) == LONG
    assert beginning(0, LONG, 1_999) == LONG[:512]


def test_deletes_and_stubs_go_whole() -> None:
    """Without all of them nobody knows what they say."""
    assert beginning(KIND_DELETE, LONG, 1_024) == LONG
    assert beginning(KIND_STUB, LONG, 1_024) == LONG


def test_of_an_edit_the_content_counts() -> None:
    """What stands before it is always there: however often a record was edited, it can be read."""
    often = edit(b"x" * 1_024, edits=900)
    assert len(often) > 1_200
    assert beginning(KIND_EDIT, often, 1_024) == often
    cut = beginning(KIND_EDIT, edit(LONG, edits=900), 1_024)
    assert read_edit(cut) == Edit(voids=read_edit(often).voids, time=5, content=LONG[:512])


def test_an_edit_that_cannot_be_read_is_a_body() -> None:
    assert beginning(KIND_EDIT, b"\xff" * 2_000, 1_024) == b"\xff" * 512
