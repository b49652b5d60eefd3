"""Sums of traffic, as people and programs read them."""

from __future__ import annotations

import pytest

from tidelog_cli.traffic import TOTAL, Kinds, aligned, as_cells, as_object, saved_percent, together
from tidelog_service.engine.accounts import Account
from tidelog_service.engine.packets import Kind

PHONE: Kinds = {
    Kind.MESSAGES: Account(3, 240, 12, 0),
    Kind.REQUESTS: Account(2, 64, 0, 0),
    Kind.ANSWERS: Account(2, 0, 1_136, 4_000),
    Kind.PUSHES: Account(1, 0, 50, 1_000),
    Kind.RECEIPTS: Account(1, 0, 70, 0),
}
SENSOR: Kinds = {Kind.STATUS: Account(2, 40, 0, 0)}


def test_saved_is_what_fetching_took_against_a_publish_each() -> None:
    """Requests, answers and pushes: 1,250 of 5,000; messages and receipts bring no records."""
    assert saved_percent(PHONE) == 75.0


@pytest.mark.parametrize(("took", "saved"), [(1_000, 0.0), (1_234, -23.4), (0, 100.0)])
def test_what_took_more_is_below_zero(took: int, saved: float) -> None:
    assert saved_percent({Kind.ANSWERS: Account(1, 0, took, 1_000)}) == saved


def test_without_records_nothing_can_be_saved() -> None:
    assert saved_percent(SENSOR) is None


def test_a_row_has_up_and_down_and_both_for_each_kind() -> None:
    assert as_cells("phone", PHONE) == {
        "device": "phone",
        "up": "304",
        "down": "1,268",
        "messages": "252",
        "requests": "64",
        "answers": "1,136",
        "pushes": "50",
        "receipts": "70",
        "faults": "",
        "status": "",
        "plain": "5,000",
        "saved": "75 %",
    }
    assert (as_cells("s", SENSOR)["plain"], as_cells("s", SENSOR)["saved"]) == ("", "")


def test_an_object_has_every_kind() -> None:
    told = as_object(SENSOR)
    assert (told["packets"], told["bytes_up"], told["bytes_down"], told["saved_percent"]) == (2, 40, 0, None)
    kinds = told["kinds"]
    assert isinstance(kinds, dict)
    assert list(kinds) == [kind.value for kind in Kind]
    assert kinds["status"] == {"packets": 2, "bytes_up": 40, "bytes_down": 0, "bytes_plain": 0}
    assert kinds["faults"] == {"packets": 0, "bytes_up": 0, "bytes_down": 0, "bytes_plain": 0}


def test_devices_add_up_and_stay_as_they_were() -> None:
    both = together([PHONE, SENSOR, PHONE])
    assert both[Kind.ANSWERS] == Account(4, 0, 2_272, 8_000)
    assert both[Kind.STATUS] == Account(2, 40, 0, 0)
    assert PHONE[Kind.ANSWERS] == Account(2, 0, 1_136, 4_000)


def test_figures_end_under_each_other() -> None:
    rows = aligned([as_cells("phone", PHONE), as_cells("sensor-in-the-hall", SENSOR)])
    assert [row["down"] for row in rows] == ["1,268", "    0"]
    assert [row["requests"] for row in rows] == ["      64", "        "]
    assert [row["device"] for row in rows] == ["phone", "sensor-in-the-hall"]
    assert aligned([]) == []


def test_no_device_is_called_as_the_total() -> None:
    assert not TOTAL.isalnum()
