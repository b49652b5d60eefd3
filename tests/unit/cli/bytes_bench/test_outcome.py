"""Means over windows, verdicts and tables."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from tidelog_cli.bytes_bench.outcome import Outcome, Sample, as_object, markdown, summed, tables
from tidelog_cli.bytes_bench.rig import Taken
from tidelog_cli.bytes_bench.rivals import Rivals

RIVALS = Rivals(raw=1_000, publishes=1_200, deflate=500, zstd=None)
SAMPLE = Sample(records=20, taken=Taken(40, 60, 1, 2.0), bound=100.0, limit=200.0, rivals=RIVALS)
OTHER = Sample(
    records=20,
    taken=Taken(50, 80, 2, 3.0),
    bound=110.0,
    limit=220.0,
    rivals=replace(RIVALS, deflate=600, zstd=400),
)


@pytest.fixture
def outcome() -> Outcome:
    return summed("chat", "S1/20", "the newest 20", [SAMPLE, OTHER])


def printed(outcome: Outcome, width: int | None) -> str:
    page = io.StringIO()
    console = Console(file=page, width=width or 250)
    console.print(*tables("chat", [outcome], width=width), sep="")
    return page.getvalue()


def test_figures_are_means(outcome: Outcome) -> None:
    assert (outcome.bytes_up, outcome.bytes_down, outcome.total) == (45, 70, 115)
    assert (outcome.rounds, outcome.cpu_ms, outcome.bound, outcome.limit) == (1.5, 2.5, 105, 210)
    assert outcome.rivals == Rivals(raw=1_000, publishes=1_200, deflate=550, zstd=400)
    assert (outcome.windows, outcome.records) == (2, 20)


@pytest.mark.parametrize(("limit", "verdict"), [(115.0, "met"), (114.9, "missed")])
def test_a_goal_is_met_up_to_its_limit(outcome: Outcome, limit: float, verdict: str) -> None:
    assert replace(outcome, limit=limit).verdict == verdict
    assert replace(outcome, limit=limit).met == (verdict == "met")


def test_what_cannot_be_measured_does_not_meet_its_goal() -> None:
    absent = summed("chat", "S5", "the newest 100", [replace(SAMPLE, taken=None)])
    assert (absent.total, absent.cpu_ms, absent.met) == (None, None, False)
    assert absent.verdict == "not in this version"
    assert absent.bound == 100


def test_json_has_all_of_it(outcome: Outcome) -> None:
    told = json.loads(json.dumps(as_object(outcome)))
    assert told["total"] == 115
    assert told["verdict"] == "met"
    assert told["rivals"] == {"raw": 1000, "publishes": 1200, "deflate": 550, "zstd": 400}


def test_a_table_has_a_line_a_scenario(outcome: Outcome) -> None:
    [line] = [line for line in printed(outcome, None).splitlines() if "S1/20" in line]
    figures = ["45", "70", "115", "210", "met", "105.0", "1.5", "2.5", "1,000", "1,200", "550", "400"]
    assert line.split() == ["S1/20", "the", "newest", "20", *figures]


def test_where_it_is_narrow_the_rivals_have_a_table_of_their_own(outcome: Outcome) -> None:
    lines = [line.split() for line in printed(outcome, 100).splitlines() if "S1/20" in line]
    assert lines[0][-1] == "2.5"
    assert lines[1] == ["S1/20", "1,000", "1,200", "550", "400"]


def test_markdown_is_the_same_table(outcome: Outcome) -> None:
    heading, rule, line = markdown([outcome])
    assert heading.count("|") == rule.count("|") == line.count("|")
    assert line.startswith("| S1/20 | the newest 20 | 45 | 70 | 115 | 210 | met |")
