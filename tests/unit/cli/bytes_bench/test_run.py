"""From a corpus to outcomes: each scenario once a window, on the log that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tidelog_cli.bytes_bench import run
from tidelog_cli.bytes_bench.corpus import Corpus, Row
from tidelog_cli.bytes_bench.rig import Taken
from tidelog_cli.bytes_bench.scenarios import SCENARIOS, Case, Scenario
from tidelog_service.store.transfer import ImportLine

CORPUS = Corpus(
    name="talk",
    lines=tuple(ImportLine(n, f"c{n % 2}", "me", n, n, b"message %d" % n) for n in range(1, 387)),
)


class FakeRig:
    """Takes a byte up for each record that is missing, and can do all but S5."""

    seen: list[tuple[str, int]]

    def __init__(self, log: Sequence[Row]) -> None:
        self.channels = len({row.channel for row in log})

    def measure(self, scenario: Scenario, case: Case) -> Taken | None:
        self.seen.append((scenario.key, self.channels))
        return None if scenario.key == "S5" else Taken(len(case.missing), 10, 1, 0.5)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What was measured: keys, and the channels of their logs."""
    FakeRig.seen = []

    @contextmanager
    def rigged(log: Sequence[Row], *, codec: str) -> Iterator[FakeRig]:
        assert codec == "none"
        yield FakeRig(log)

    monkeypatch.setattr(run, "rigged", rigged)
    return FakeRig.seen


def test_every_scenario_has_its_windows(seen: list[tuple[str, int]]) -> None:
    plan = run.Plan(windows=2, records=250, codec="none")
    told: list[str] = []
    outcomes = {each.key: each for each in run.measured(CORPUS, plan, told.append)}
    assert list(outcomes) == [scenario.key for scenario in SCENARIOS]
    assert len(told) == plan.steps == len(seen) == 2 * len(SCENARIOS)
    assert set(seen) == {(scenario.key, 2 if scenario.every_channel else 1) for scenario in SCENARIOS}
    assert {each.windows for each in outcomes.values()} == {2}


def test_outcomes_are_of_what_was_missing(seen: list[tuple[str, int]]) -> None:
    plan = run.Plan(windows=1, records=250, codec="none")
    outcomes = {each.key: each for each in run.measured(CORPUS, plan, lambda _done: None)}
    assert seen
    assert [outcomes[key].bytes_up for key in ("S1/20", "S2", "S3", "S4", "S6")] == [20, 0, 200, 375, 4]
    assert (outcomes["S5"].total, outcomes["S5"].met) == (None, False)
    wanted = outcomes["S6"]
    assert wanted.limit == pytest.approx(1.3 * wanted.bound + 80 + 2 * 2)
    assert outcomes["S1/5"].rivals.raw == sum(len(b"message %d" % n) for n in range(252, 257))
