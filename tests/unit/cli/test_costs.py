"""What a person reads after a sync."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidelog.replica.steps import SyncReport
from tidelog_cli.costs import summary

REPORT = SyncReport(
    records=20,
    rounds=1,
    bytes_up=32,
    bytes_down=618,
    complete=True,
    seconds=0.312,
    bytes_plain=1_928,
    bytes_full=887_563,
)


def test_new_records_are_told_with_what_others_would_take() -> None:
    assert summary(REPORT) == (
        "20 records in 0.3 s: 650 bytes (32 up, 618 down, 1 round trip) instead of 1,928 one by one, "
        "or 887,563 for everything again"
    )


@pytest.mark.parametrize(("seconds", "told"), [(0.0042, "4 ms"), (0.1, "0.1 s"), (1_234.56, "1,234.6 s")])
def test_a_short_time_is_told_in_milliseconds(seconds: float, told: str) -> None:
    assert summary(replace(REPORT, seconds=seconds)).startswith(f"20 records in {told}: ")


def test_where_nothing_is_missing_there_is_nothing_to_compare() -> None:
    nothing = replace(REPORT, records=0, bytes_down=22, bytes_plain=0)
    assert summary(nothing) == "up to date: 54 bytes (32 up, 22 down)"


@pytest.mark.parametrize("full", [0, 1_928])
def test_a_new_device_has_no_everything_again(full: int) -> None:
    told = summary(replace(REPORT, records=1, rounds=2, bytes_full=full))
    assert told == "1 record in 0.3 s: 650 bytes (32 up, 618 down, 2 round trips) instead of 1,928 one by one"


def test_repetitions_show_also_where_they_were_in_vain() -> None:
    nothing = replace(REPORT, records=0, rounds=3, bytes_up=96, bytes_repeated=64)
    assert summary(nothing) == "up to date: 714 bytes (96 up, 618 down, 3 round trips, 64 of them repeated)"


def test_what_remains_is_said() -> None:
    assert summary(replace(REPORT, complete=False)).endswith("everything again; more remains")
    assert summary(replace(REPORT, complete=False, records=0)).startswith("nothing new: 650 bytes (32 up")
