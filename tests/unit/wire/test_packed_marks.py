from __future__ import annotations

import pytest

from tidelog.wire import packed
from tidelog.wire.errors import Code
from tidelog.wire.frames import Type
from tidelog.wire.limits import MARKS_MAX, PACKET_BYTES_MAX, SEQ_STOP
from tidelog.wire.marks import Mark, Marked, MarkRequest, Marks, Member, News
from tidelog.wire.page_frames import Page
from unit.wire.payloads import payload_of, refusal

EPOCH = 305419896


def test_to_mark_takes_twenty_bytes_and_to_hear_it_live_as_many() -> None:
    assert len(packed.encode(MarkRequest(rid=4660, marks=(Mark("room1", EPOCH, 57, 57),)))) == 20
    assert len(packed.encode(Marks(marks=(Marked("room1", EPOCH, 57, 57),)))) == 19


def test_a_page_tells_a_mark_in_a_few_bytes() -> None:
    """Beside the three that it takes to say that nothing is missing."""
    assert len(packed.encode(Page(rid=7, marks=(News(0, 114, 57, 57),)))) == 3 + 14


def test_the_largest_frames_fit_a_packet() -> None:
    names = [f"{n:03}".ljust(64, "x") for n in range(MARKS_MAX)]
    asked = MarkRequest(rid=4660, marks=tuple(Mark(name, n, n, SEQ_STOP - 1) for n, name in enumerate(names)))
    told = Marks(rid=4660, user="u" * 64, marks=tuple(Marked(*one) for one in asked.marks))
    others = tuple(Member(name, 1, SEQ_STOP - 1) for name in names)
    page = Page(rid=4660, marks=(News(0, 1, 5, 5, others),))
    for frame in (asked, told, page):
        assert len(packed.encode(frame)) < PACKET_BYTES_MAX
        assert packed.decode(packed.encode(frame)) == frame


def test_later_revisions_may_add_fields() -> None:
    assert packed.decode(payload_of(Type.MARK, 7, [], "new")) == MarkRequest(rid=7)
    assert packed.decode(payload_of(Type.MARKS, 7, "ann", [], [], 5)) == Marks(rid=7, user="ann")


@pytest.mark.parametrize(
    ("kind", "items", "code"),
    [
        (Type.MARK, [], Code.MALFORMED),
        (Type.MARK, [65_536], Code.LIMIT),
        (Type.MARK, [7, "room1"], Code.MALFORMED),
        (Type.MARK, [7, [["room1", 7, -1]]], Code.MALFORMED),
        (Type.MARK, [7, [["room1", 2**32, 1]]], Code.LIMIT),
        (Type.MARK, [7, [["room1", 7, SEQ_STOP]]], Code.LIMIT),
        (Type.MARK, [7, [["room1", 7, SEQ_STOP - 1, 1]]], Code.LIMIT),
        (Type.MARKS, [7, "a/b"], Code.MALFORMED),
        (Type.MARKS, [7, "", [["room1", 7, 1, 0, 5]]], Code.MALFORMED),
        (Type.MARKS, [7, "", [["room1", 7, 1, 0, [["a/b", 1]]]]], Code.MALFORMED),
        (Type.MARKS, [7, "", [], ["a/"]], Code.MALFORMED),
    ],
)
def test_fields_are_checked_one_by_one(kind: Type, items: list[object], code: Code) -> None:
    assert refusal(payload_of(kind, *items)).wire_code is code
