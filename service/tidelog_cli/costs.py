"""What a sync brought and took, in one line for people."""

from __future__ import annotations

from typing import Final

from tidelog.replica.steps import SyncReport
from tidelog_cli.terminal import counted

_SHORT_SECONDS: Final = 0.1
"""Below it a time is told in milliseconds: in tenths of a second it would be none."""


def summary(report: SyncReport) -> str:
    """A report in one line.

    ``20 records in 0.3 s: 650 bytes (32 up, 618 down, 1 round trip) instead of 1,928 one by one, or 887,563
    for everything again``; where nothing was missing ``up to date: 54 bytes (32 up, 22 down)``.
    """
    rest = "" if report.complete else "; more remains"
    total = f"{report.bytes_up + report.bytes_down:,} bytes ({', '.join(_shares(report))})"
    if not report.records:
        return f"{'up to date' if report.complete else 'nothing new'}: {total}{rest}"
    brought = f"{counted(report.records, 'record')} in {_time(report.seconds)}"
    return f"{brought}: {total}{_others(report)}{rest}"


def _time(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds >= _SHORT_SECONDS else f"{seconds * 1000:.0f} ms"


def _shares(report: SyncReport) -> list[str]:
    shares = [f"{report.bytes_up:,} up", f"{report.bytes_down:,} down"]
    if report.records or report.rounds > 1:
        shares.append(counted(report.rounds, "round trip"))
    if report.bytes_repeated:
        shares.append(f"{report.bytes_repeated:,} of them repeated")
    return shares


def _others(report: SyncReport) -> str:
    """What the same would have taken otherwise; everything again only where that is more."""
    if not report.bytes_plain:
        return ""
    again = f", or {report.bytes_full:,} for everything again"
    return f" instead of {report.bytes_plain:,} one by one" + again * (report.bytes_full > report.bytes_plain)
