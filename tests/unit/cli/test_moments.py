"""Points in time on the command line."""

from __future__ import annotations

import pytest

from tidelog.wire.errors import UsageError
from tidelog_cli.moments import moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1772350200", 1_772_350_200.0),
        ("1772350200.5", 1_772_350_200.5),
        ("2026-03-01T07:30:00Z", 1_772_350_200.0),
        ("2026-03-01T08:30+01:00", 1_772_350_200.0),
        ("90s", 910.0),
        ("1.5m", 910.0),
        ("2h", -6_200.0),
        ("3d", 1_000.0 - 259_200),
        ("1w", 1_000.0 - 604_800),
    ],
)
def test_a_time_is_absolute_or_so_long_ago(text: str, seconds: float) -> None:
    assert moment(text, now=1_000.0) == seconds


def test_none_is_none_and_a_day_begins_at_midnight_here() -> None:
    assert moment(None) is None
    assert moment("2026-03-01") == moment("2026-03-01T00:00")


@pytest.mark.parametrize("text", ["", "yesterday", "2 h", "2026-13-01", "3y"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        moment(text)
