"""Sums of traffic, as people and programs read them."""

from __future__ import annotations

import pytest

from tidelog_cli.traffic import TOTAL, Kinds, aligned, as_object, as_rows, saved_percent, together
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


def test_a_device_has_a_row_for_all_of_it_and_one_for_each_kind() -> None:
    rows = [list(row.values()) for row in as_rows("phone", PHONE)]
    assert rows == [
        ["phone", "9", "304", "1,268", "5,000", "75 %"],
        ["  messages", "3", "240", "12", "", ""],
        ["  requests", "2", "64", "0", "", ""],
        ["  answers", "2", "0", "1,136", "4,000", ""],
        ["  pushes", "1", "0", "50", "1,000", ""],
        ["  receipts", "1", "0", "70", "", ""],
    ]
    assert next(as_rows("s", SENSOR)) | {"saved": "", "plain": ""} == next(as_rows("s", SENSOR))


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
    assert Kind.FAULTS not in both
    assert PHONE[Kind.ANSWERS] == Account(2, 0, 1_136, 4_000)


def test_figures_and_headings_end_under_each_other() -> None:
    rows = aligned([next(as_rows("phone", PHONE)), next(as_rows("sensor-in-the-hall", SENSOR))])
    assert [row[" down"] for row in rows] == ["1,268", "    0"]
    assert [row["packets"] for row in rows] == ["      9", "      2"]
    assert [row["device"] for row in rows] == ["phone", "sensor-in-the-hall"]
    assert aligned([]) == []


def test_no_device_is_called_as_the_total() -> None:
    assert not TOTAL.isalnum()
