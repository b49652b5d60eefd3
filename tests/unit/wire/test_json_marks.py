from __future__ import annotations

import json

import pytest

from tidelog.wire import jsonform
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import ProtocolError
from tidelog.wire.limits import MARKS_MAX
from tidelog.wire.marks import Mark, Marked, MarkRequest, Marks, Member


def read(**fields: object) -> Frame:
    return jsonform.decode(json.dumps(fields).encode())


def test_a_mark_needs_a_channel_and_how_far() -> None:
    marks = (Mark("room1", 0, 57, 57),)
    assert read(type="mark", marks={"room1": {"read": 57}}) == MarkRequest(rid=0, marks=marks)
    assert read(type="mark") == MarkRequest(rid=0)
    told = {"room1": {"epoch": 7, "delivered": 9}}
    assert read(type="mark", id=5, marks=told) == MarkRequest(rid=5, marks=(Mark("room1", 7, 0, 9),))


def test_the_service_says_how_far_users_have_come() -> None:
    others = (Member("bob", 50, 50), Member("con", 0, 60))
    frame = Marks(rid=5, user="ann", marks=(Marked("room1", 7, 57, 62, others),), gone=("room9",))
    told = {
        "type": "marks",
        "id": 5,
        "user": "ann",
        "marks": {
            "room1": {
                "epoch": 7,
                "read": 57,
                "delivered": 62,
                "others": {"bob": {"read": 50}, "con": {"delivered": 60}},
            }
        },
        "gone": ["room9"],
    }
    assert json.loads(jsonform.encode(frame)) == told
    assert read(**told) == frame
    assert json.loads(jsonform.encode(Marks(marks=(Marked("room1", 7, 1, 1),)))) == {
        "type": "marks",
        "marks": {"room1": {"epoch": 7, "read": 1}},
    }


@pytest.mark.parametrize(
    ("marks", "named"),
    [
        ({"room1": {"read": 5, "delivered": 4}}, "below read"),
        ({"room1": {"reed": 5}}, "reed"),
        ({"room1": 5}, "entry of marks"),
        ([], "not an object"),
        ({f"c{n}": {} for n in range(MARKS_MAX + 1)}, f"more than {MARKS_MAX}"),
    ],
)
def test_what_is_wrong_is_named(marks: object, named: str) -> None:
    with pytest.raises(ProtocolError, match=named):
        read(type="mark", marks=marks)


def test_a_channel_is_not_there_and_gone() -> None:
    with pytest.raises(ProtocolError, match="twice"):
        read(type="marks", marks={"room1": {"epoch": 7}}, gone=["room1"])
