from __future__ import annotations

import pytest

from tidelog.wire import packed
from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import Code
from tidelog.wire.frames import Type
from tidelog.wire.limits import ENROL_USERS_MAX, PACKET_BYTES_MAX
from unit.wire.payloads import payload_of, refusal


def test_to_leave_takes_a_dozen_bytes() -> None:
    assert len(packed.encode(Enrol(rid=4660, action=Action.LEAVE, channel="room1"))) == 12


def test_the_largest_request_fits_a_packet() -> None:
    users = tuple(f"{n}".rjust(64, "u") for n in range(ENROL_USERS_MAX))
    frame = Enrol(rid=65_535, action=Action.INVITE, channel="a" * 64, users=users, role=Role.OWNER)
    assert len(packed.encode(frame)) < PACKET_BYTES_MAX
    assert packed.decode(packed.encode(frame)) == frame


def test_what_is_left_out_is_at_its_default() -> None:
    assert packed.decode(payload_of(Type.ENROL, 7, 1, "a")) == Enrol(rid=7, action=Action.CREATE, channel="a")
    assert packed.decode(payload_of(Type.ROSTER, 7, "a")) == Roster(rid=7, channel="a")


def test_later_revisions_may_add_fields() -> None:
    told = payload_of(Type.ENROL, 7, 1, "a", [], 1, 0, "new")
    assert packed.decode(told) == Enrol(rid=7, action=Action.CREATE, channel="a")
    assert packed.decode(payload_of(Type.ROSTER, 7, "a", 0, None, 1)) == Roster(rid=7, channel="a")


def test_the_rid_is_read_whatever_else_is_wrong() -> None:
    assert packed.request_id(payload_of(Type.ENROL, 7, 99)) == 7


@pytest.mark.parametrize(
    ("kind", "items", "code"),
    [
        (Type.ENROL, [7, 1], Code.MALFORMED),
        (Type.ENROL, [65_536, 1, "a"], Code.LIMIT),
        (Type.ENROL, [7, 0, "a"], Code.UNSUPPORTED),
        (Type.ENROL, [7, "1", "a"], Code.MALFORMED),
        (Type.ENROL, [7, 2, b"", ["bob"]], Code.MALFORMED),
        (Type.ENROL, [7, 2, None, ["bob"]], Code.MALFORMED),
        (Type.ENROL, [7, 1, "a+"], Code.MALFORMED),
        (Type.ENROL, [7, 1, "a", "bob"], Code.MALFORMED),
        (Type.ENROL, [7, 1, "a", ["b/c"]], Code.MALFORMED),
        (Type.ENROL, [7, 1, "a", [], -1], Code.MALFORMED),
        (Type.ENROL, [7, 1, "a", [], 1, 256], Code.LIMIT),
        (Type.ENROL, [7, 1, "a", [], 1, True], Code.MALFORMED),
        (Type.ROSTER, [7, ""], Code.MALFORMED),
        (Type.ROSTER, [7, "a", 2**32], Code.LIMIT),
        (Type.ROSTER, [7, "a", 7, 3], Code.UNSUPPORTED),
        (Type.ROSTER, [7, "a", 7, "owner"], Code.MALFORMED),
    ],
)
def test_fields_are_checked_one_by_one(kind: Type, items: list[object], code: Code) -> None:
    assert refusal(payload_of(kind, *items)).wire_code is code
