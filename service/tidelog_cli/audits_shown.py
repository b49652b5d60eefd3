"""Audits and verdicts as `tidelog decode` shows them."""

from __future__ import annotations

from typing import Any

from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.json_ranges import from_ranges


def audit(frame: Audit) -> dict[str, Any]:
    """An audit without the request in it; sums in hexadecimal digits."""
    told: dict[str, Any] = {"type": "audit", "id": frame.rid}
    if frame.total is not None:
        told["sum"] = f"{frame.total:016x}"
    if frame.channels:
        told["channels"] = _sums(frame.channels)
    if frame.spans:
        told["spans"] = [
            {"place": one.place, "start": one.start, "stop": one.stop, "sums": _sums(one.sums)}
            for one in frame.spans
        ]
    if frame.patterns:
        told["patterns"] = list(frame.patterns)
    return told


def verdict(frame: Verdict) -> dict[str, Any]:
    """The answer."""
    return {
        "type": "verdict",
        "id": frame.rid,
        "lacking": frame.lacking,
        "news": frame.news,
        "differing": from_ranges(frame.differing),
    }


def _sums(sums: tuple[int, ...]) -> list[str]:
    return [f"{one:08x}" for one in sums]
