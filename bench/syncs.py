"""MQTT bytes of syncs against their targets: the bench of ``tidelog bench bytes``.

It needs corpora: the folder that the environment variable TIDELOG_CORPORA names, else ``../shared/corpora``.
Run ``python -m bench.syncs``; the command itself shows more, the bound and what others take.
"""

from __future__ import annotations

from typing import Final

from bench.report import Result, show
from tidelog_cli.bytes_bench.corpus import found_corpora, read_corpus
from tidelog_cli.bytes_bench.outcome import Outcome
from tidelog_cli.bytes_bench.run import Plan, measured
from tidelog_service import logs

_PLAN: Final = Plan(windows=9, records=10_000)


def run() -> list[Result]:
    """Measure every scenario on every corpus; one that this version cannot do is a goal missed."""
    logs.configure(level="error", style="console")
    corpora = [read_corpus(path) for path in found_corpora([])]
    return [_result(outcome) for corpus in corpora for outcome in measured(corpus, _PLAN, lambda _done: None)]


def _result(outcome: Outcome) -> Result:
    total = float("inf") if outcome.total is None else outcome.total
    return Result(
        name=f"{outcome.corpus} {outcome.key}: {outcome.title}",
        value=total,
        reference=outcome.limit,
        unit="bytes",
        ratio=total / outcome.limit,
        most=1.0,
    )


if __name__ == "__main__":
    show("MQTT bytes of a sync, up and down, against the target", run())
