"""What a request about members may say."""

from __future__ import annotations

import pytest

from tidelog.wire.enrolling import Action, Enrol, Role, checked
from tidelog.wire.errors import ProtocolError

USERS = ("bob", "cem")


@pytest.mark.parametrize(
    "frame",
    [
        Enrol(rid=1, action=Action.CREATE, channel="a"),
        Enrol(rid=1, action=Action.CREATE, channel="a", users=USERS, role=Role.READER, windowed=True),
        Enrol(rid=1, action=Action.DIRECT, users=("bob",)),
        Enrol(rid=1, action=Action.INVITE, channel="a", users=USERS, role=Role.OWNER),
        Enrol(rid=1, action=Action.REMOVE, channel="a", users=USERS),
        Enrol(rid=1, action=Action.LEAVE, channel="a"),
    ],
    ids=lambda frame: frame.action.word,
)
def test_each_action_has_its_fields(frame: Enrol) -> None:
    assert checked(frame) == frame


@pytest.mark.parametrize(
    "frame",
    [
        Enrol(rid=1, action=Action.CREATE),
        Enrol(rid=1, action=Action.DIRECT, channel="a", users=("bob",)),
        Enrol(rid=1, action=Action.DIRECT),
        Enrol(rid=1, action=Action.DIRECT, users=USERS),
        Enrol(rid=1, action=Action.DIRECT, users=("bob",), role=Role.OWNER),
        Enrol(rid=1, action=Action.INVITE, channel="a"),
        Enrol(rid=1, action=Action.INVITE, channel="a", users=USERS, windowed=True),
        Enrol(rid=1, action=Action.REMOVE, channel="a"),
        Enrol(rid=1, action=Action.REMOVE, channel="a", users=USERS, role=Role.READER),
        Enrol(rid=1, action=Action.LEAVE, channel="a", users=USERS),
        Enrol(rid=1, action=Action.LEAVE),
    ],
    ids=str,
)
def test_and_no_others(frame: Enrol) -> None:
    with pytest.raises(ProtocolError, match=frame.action.word):
        checked(frame)
