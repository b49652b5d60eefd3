from __future__ import annotations

import json

import pytest

from tidelog.wire import jsonform
from tidelog.wire.anyframe import Frame
from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import ProtocolError


def read(**fields: object) -> Frame:
    return jsonform.decode(json.dumps(fields).encode())


def test_a_person_writes_what_there_is_to_say() -> None:
    told = read(type="enrol", action="invite", channel="ann/boat", users=["bob"], role="reader")
    assert told == Enrol(rid=0, action=Action.INVITE, channel="ann/boat", users=("bob",), role=Role.READER)
    assert read(type="enrol", action="direct", users=["bob"]) == Enrol(
        rid=0, action=Action.DIRECT, users=("bob",)
    )


def test_who_is_no_member_has_no_role() -> None:
    frame = Roster(rid=5, channel="a", epoch=7)
    assert json.loads(jsonform.encode(frame)) == {"type": "roster", "id": 5, "channel": "a", "epoch": 7}
    assert read(type="roster", channel="a") == Roster(rid=0, channel="a")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"action": "make", "channel": "a"}, "action"),
        ({"action": 1, "channel": "a"}, "action"),
        ({"channel": "a"}, "action"),
        ({"action": "create", "channel": ""}, "channel"),
        ({"action": "create", "channel": "a", "users": "bob"}, "users"),
        ({"action": "create", "channel": "a", "users": ["bob", "bob"]}, "users"),
        ({"action": "create", "channel": "a", "role": "boss"}, "role"),
        ({"action": "create", "channel": "a", "window": True}, "window"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, object], named: str) -> None:
    with pytest.raises(ProtocolError, match=named):
        read(type="enrol", **fields)
