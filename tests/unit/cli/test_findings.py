"""What an audit found, in a line that a person understands."""

from __future__ import annotations

import pytest

from tidelog.replica.steps import AuditReport
from tidelog_cli.findings import finding, places

TOOK = "1,204 records compared; 55 bytes (33 up, 22 down)"


def report(**fields: object) -> AuditReport:
    given = {"complete": True, "equal": True, "records": 1204, "bytes_up": 33, "bytes_down": 22, **fields}
    return AuditReport(**given)  # type: ignore[arg-type]  # each test gives fitting ones


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "complete and equal"),
        ({"repaired": 1, "repairs": 1}, "complete and equal after 1 record was brought anew"),
        ({"repaired": 2, "repairs": 1}, "complete and equal after 2 records were brought anew"),
        ({"complete": False, "lacking": 3}, "3 records lacking"),
        ({"complete": False}, "not complete"),
        (
            {"complete": False, "equal": False, "lacking": 1},
            "1 record lacking, what is held can be compared after a sync",
        ),
        ({"equal": False, "differing": {"room1": ((7, 8),)}}, "1 record differs"),
        (
            {"equal": False, "differing": {"room1": ((7, 9),), "room2": ((1, 2),)}, "repairs": 3},
            "3 records differ after 3 repairs",
        ),
        ({"equal": False}, "what is held differs"),
    ],
)
def test_one_line_says_it(fields: dict[str, object], state: str) -> None:
    assert finding(report(**fields)) == f"{state}: {TOOK}"


def test_what_could_not_be_compared_is_told() -> None:
    told = finding(report(records=2, beginnings=1))
    assert told.startswith("complete and equal: 2 records compared, 1 not: only their beginnings are here; ")


def test_where_records_differ_is_told_by_channel() -> None:
    many = tuple((at, at + 1) for at in range(10, 40, 3))
    told = report(equal=False, differing={"room2": many, "room1": ((7, 8), (10, 13))})
    assert list(places(told)) == [
        "channel room1: 7, 10 to 12",
        "channel room2: 10, 13, 16, 19, 22, 25, 28, 31 and 2 more ranges",
    ]
