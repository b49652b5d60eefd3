"""Clocks of devices that are wrong, and what the service makes of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_OFF_MS: Final = (2_000, 2_000, 2_000, 90_000, 7_200_000, 172_800_000)
"""By how much at most, drawn evenly: half of all clocks are set by the network, others by hand or nobody."""


def drawn(source: random.Random) -> int:
    """By how much a device's clock is ahead, milliseconds; below 0 behind."""
    most = source.choice(_OFF_MS)
    return source.randint(-most, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFigures:
    """What the service measured, against what is true.

    Attributes:
        measured: how many clocks.
        skew_ms_max: by how much the worst of these is off.
        error_ms_max: by how much the worst measurement is. A device whose messages all waited in its outbox
            looks behind by as long as the shortest wait.
        error_ms_median: by how much half of the measurements are off, or less.
    """

    measured: int = 0
    skew_ms_max: int = 0
    error_ms_max: int = 0
    error_ms_median: int = 0


def compared(true: Mapping[str, int], told: Mapping[str, int]) -> ClockFigures:
    """Hold what was measured against what is true, both in milliseconds by device."""
    known = true.keys() & told.keys()
    errors = sorted(abs(told[device] - true[device]) for device in known)
    if not errors:
        return ClockFigures()
    return ClockFigures(
        measured=len(errors),
        skew_ms_max=max(abs(true[device]) for device in known),
        error_ms_max=errors[-1],
        error_ms_median=errors[len(errors) // 2],
    )
