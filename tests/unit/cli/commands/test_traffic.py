"""``tidelog traffic`` on a database that the test fills."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog_service.engine.accounts import DAY_MS, Account, Key
from tidelog_service.engine.packets import Kind
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.traffic import TrafficBook

Command = Callable[..., Any]


@pytest.fixture
def book(tidelog: Command, tmp_path: Path) -> None:
    """A phone today and two weeks ago, a tablet three days ago."""
    for device in ("phone", "tablet", "spare"):
        tidelog("device", "add", "alice", device)
    today = time.time_ns() // 1_000_000 // DAY_MS
    with open_database(DataFolder(tmp_path / "data").database) as database:
        TrafficBook(database).add(
            [
                (Key(today, "phone", Kind.ANSWERS), Account(1, 0, 250, 1_000)),
                (Key(today - 14, "phone", Kind.ANSWERS), Account(1, 0, 450, 1_000)),
                (Key(today - 3, "tablet", Kind.MESSAGES), Account(2, 2_080, 8, 0)),
            ]
        )


@pytest.mark.usefixtures("book")
def test_a_table_has_a_row_for_each_device_and_the_total(tidelog: Command) -> None:
    assert [line.split() for line in tidelog("traffic").out.splitlines()] == [
        ["device", "packets", "up", "down", "plain", "saved"],
        ["phone", "2", "0", "700", "2,000", "65", "%"],
        ["answers", "2", "0", "700", "2,000"],
        ["tablet", "2", "2,080", "8"],
        ["messages", "2", "2,080", "8"],
        ["(total)", "4", "2,080", "708", "2,000", "65", "%"],
        ["messages", "2", "2,080", "8"],
        ["answers", "2", "0", "700", "2,000"],
    ]


@pytest.mark.usefixtures("book")
def test_one_device_needs_no_total(tidelog: Command) -> None:
    assert len(tidelog("traffic", "--device", "phone").out.splitlines()) == 3


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(("days", "down"), [(1, 250), (14, 250), (15, 700)])
def test_days_are_counted_back_from_today(tidelog: Command, days: int, down: int) -> None:
    told = tidelog("traffic", "--device", "phone", "--days", days, "--json").value
    (phone,) = told["devices"]
    assert (phone["device"], phone["bytes_down"], told["total"]["bytes_down"]) == ("phone", down, down)
    assert phone["kinds"]["answers"]["bytes_plain"] == phone["bytes_plain"] > 0
    assert time.strptime(told["since"], "%Y-%m-%d")


@pytest.mark.usefixtures("book")
def test_a_device_without_traffic_is_a_note_and_one_that_is_not_there_an_error(tidelog: Command) -> None:
    told = tidelog("traffic", "--device", "spare")
    assert (told.code, told.out, "no traffic in the last 30 days" in told.err) == (0, "", True)
    assert tidelog("traffic", "--device", "spare", "--json").value["devices"] == []
    refused = tidelog("traffic", "--device", "nobody", "--json")
    assert (refused.code, refused.error["code"]) == (2, "no_device")


def test_a_folder_that_is_not_there_is_not_made(tidelog: Command, tmp_path: Path) -> None:
    assert tidelog("traffic", "--json").error["code"] == "no_data"
    assert not (tmp_path / "data").exists()
