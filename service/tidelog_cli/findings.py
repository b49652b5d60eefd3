"""What an audit found, in one line for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidelog.replica.steps import AuditReport
from tidelog_cli.terminal import counted

_RANGES_SHOWN: Final = 8


def finding(report: AuditReport) -> str:
    """A report in one line.

    ``complete and equal: 1,204 records; 55 bytes (33 up, 22 down)``; where something was repaired
    ``complete and equal after 1 record was brought anew: ...``.
    """
    took = (
        f"{report.bytes_up + report.bytes_down:,} bytes ({report.bytes_up:,} up, {report.bytes_down:,} down)"
    )
    left = f", {report.beginnings:,} not: only their beginnings are here" if report.beginnings else ""
    return f"{_state(report)}: {counted(report.records, 'record')} compared{left}; {took}"


def _state(report: AuditReport) -> str:
    if report.complete and report.equal:
        if not report.repaired:
            return "complete and equal"
        brought = "was" if report.repaired == 1 else "were"
        return f"complete and equal after {counted(report.repaired, 'record')} {brought} brought anew"
    parts = []
    if not report.complete:
        parts.append(f"{counted(report.lacking, 'record')} lacking" if report.lacking else "not complete")
    if report.differing:
        count = sum(stop - start for runs in report.differing.values() for start, stop in runs)
        tries = f" after {counted(report.repairs, 'repair')}" if report.repairs else ""
        verb = "differs" if count == 1 else "differ"
        parts.append(f"{counted(count, 'record')} {verb}{tries}")
    elif not report.equal:
        parts.append(
            "what is held differs" if report.complete else "what is held can be compared after a sync"
        )
    return ", ".join(parts)


def places(report: AuditReport) -> Iterator[str]:
    """Where records differ: a line for each channel."""
    for channel, runs in sorted(report.differing.items()):
        shown = [f"{start}" if stop == start + 1 else f"{start} to {stop - 1}" for start, stop in runs]
        more = f" and {len(shown) - _RANGES_SHOWN:,} more ranges" if len(shown) > _RANGES_SHOWN else ""
        yield f"channel {channel}: {', '.join(shown[:_RANGES_SHOWN])}{more}"
