"""The bench from corpora to outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tidelog_cli.bytes_bench.bound import bound_bytes
from tidelog_cli.bytes_bench.corpus import Corpus, Row
from tidelog_cli.bytes_bench.outcome import Outcome, Sample, summed
from tidelog_cli.bytes_bench.rig import rigged
from tidelog_cli.bytes_bench.rivals import rivals
from tidelog_cli.bytes_bench.scenarios import GROWTH, SCENARIOS, Scenario, grown

Advance = Callable[[str], None]
"""Told what was done, once for each window of each scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    Attributes:
        windows: of each scenario.
        records: the length of a log of one channel, at least (it grows by `GROWTH`); of all channels, the
            shortest's.
        codec: what devices offer.
    """

    windows: int
    records: int
    codec: str = "auto"

    @property
    def steps(self) -> int:
        """How often ``advance`` is called for a corpus."""
        return self.windows * len(SCENARIOS)


def measured(corpus: Corpus, plan: Plan, advance: Advance) -> list[Outcome]:
    """Measure every scenario on one corpus.

    Raises:
        UsageError: the corpus is too short.
        TidelogError: a sync failed or disagrees with its socket; see `tidelog_cli.bytes_bench.rig.Rig`.
    """
    whole = {
        False: corpus.windows(count=plan.windows, records=plan.records + GROWTH),
        True: corpus.stretches(count=plan.windows, records=plan.records),
    }
    samples: dict[str, list[Sample]] = {scenario.key: [] for scenario in SCENARIOS}
    for every_channel, logs in whole.items():
        chosen = [scenario for scenario in SCENARIOS if scenario.every_channel == every_channel]
        for window, log in enumerate(logs):
            for scenario, sample in _sampled(chosen, log, window, plan.codec):
                samples[scenario.key].append(sample)
                advance(f"{corpus.name} {scenario.key}")
    return [summed(corpus.name, each.key, each.title, samples[each.key]) for each in SCENARIOS]


def _sampled(
    chosen: Sequence[Scenario], log: Sequence[Row], window: int, codec: str
) -> Iterator[tuple[Scenario, Sample]]:
    """Measure first, compute after: an idle connection is not kept waiting."""
    cases, stored = grown(chosen, log, window)
    with rigged(stored, codec=codec) as rig:
        taken = [rig.measure(scenario, case) for scenario, case in zip(chosen, cases, strict=True)]
    for scenario, case, each in zip(chosen, cases, taken, strict=True):
        bound = bound_bytes(case)
        yield (
            scenario,
            Sample(
                records=len(case.missing),
                taken=each,
                bound=bound,
                limit=scenario.goal.limit_bytes(bound, case.channels),
                rivals=rivals(case.missing),
            ),
        )
