"""Who gets live pushes, and how."""

from __future__ import annotations

import pytest

from tidelog.wire.frames import Presence
from tidelog.wire.payload import Encoding
from tidelog_service.engine.presence import Attendance, Form


@pytest.fixture
def attendance() -> Attendance:
    return Attendance()


def test_a_live_status_means_packed_pushes_until_the_device_leaves(attendance: Attendance) -> None:
    assert attendance.form("phone", 0) is None
    attendance.saw("phone", Presence.LIVE)
    assert attendance.form("phone", 10**15) is Form.PRIMED
    attendance.saw("phone", Presence.OFFLINE)
    assert attendance.form("phone", 0) is None


def test_a_quiet_device_gets_nothing(attendance: Attendance) -> None:
    attendance.saw("phone", Presence.QUIET)
    assert attendance.form("phone", 0) is None
    attendance.saw("phone", Presence.LIVE)
    attendance.saw("phone", Presence.QUIET)
    assert attendance.form("phone", 0) is None


def test_a_request_shows_that_the_device_is_there(attendance: Attendance) -> None:
    """Its status may have been lost."""
    attendance.asked("phone", Encoding.PACKED, live=True, until_ms=100)
    assert attendance.form("phone", 10**15) is Form.PRIMED


def test_a_request_that_wants_no_pushes_changes_nothing(attendance: Attendance) -> None:
    attendance.asked("phone", Encoding.JSON, live=False, until_ms=100)
    assert attendance.form("phone", 0) is None
    attendance.saw("tab", Presence.LIVE)
    attendance.asked("tab", Encoding.PACKED, live=False, until_ms=100)
    assert attendance.form("tab", 0) is Form.PRIMED


def test_a_lease_ends_and_can_be_renewed(attendance: Attendance) -> None:
    attendance.asked("script", Encoding.JSON, live=True, until_ms=100)
    assert attendance.form("script", 99) is Form.JSON
    attendance.asked("script", Encoding.JSON, live=True, until_ms=200)
    assert attendance.form("script", 199) is Form.JSON
    assert attendance.form("script", 200) is None
    assert attendance.form("script", 0) is None, "and does not come back"


def test_a_quiet_status_leaves_a_lease_alone_and_an_offline_one_ends_it(attendance: Attendance) -> None:
    attendance.asked("script", Encoding.JSON, live=True, until_ms=100)
    attendance.saw("script", Presence.QUIET)
    assert attendance.form("script", 0) is Form.JSON
    attendance.saw("script", Presence.OFFLINE)
    assert attendance.form("script", 0) is None


def test_a_request_says_whether_pushes_are_to_be_plain(attendance: Attendance) -> None:
    attendance.saw("phone", Presence.LIVE)
    assert attendance.form("phone", 0) is Form.PRIMED
    attendance.asked("phone", Encoding.PACKED, live=True, until_ms=0, plain=True)
    assert attendance.form("phone", 0) is Form.PLAIN
    attendance.saw("phone", Presence.LIVE)
    attendance.asked("phone", Encoding.PACKED, live=True, until_ms=0)
    attendance.asked("phone", Encoding.PACKED, live=False, until_ms=0, plain=False)
    assert attendance.form("phone", 0) is Form.PLAIN, "neither a status nor other requests say otherwise"
    attendance.asked("phone", Encoding.PACKED, live=True, until_ms=0, plain=False)
    assert attendance.form("phone", 0) is Form.PRIMED


def test_a_device_that_comes_back_is_asked_anew(attendance: Attendance) -> None:
    attendance.asked("phone", Encoding.PACKED, live=True, until_ms=0, plain=True)
    attendance.saw("phone", Presence.OFFLINE)
    attendance.saw("phone", Presence.LIVE)
    assert attendance.form("phone", 0) is Form.PRIMED


@pytest.mark.parametrize("form", Form)
def test_all_but_json_is_packed(form: Form) -> None:
    assert (form.encoding is Encoding.JSON) is (form is Form.JSON)
