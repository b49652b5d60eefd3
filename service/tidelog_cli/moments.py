"""Points in time as people write them on a command line."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Final

from tidelog.wire.errors import UsageError

_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def moment(text: str | None, *, now: float | None = None) -> float | None:
    """Unix seconds of a point in time.

    Args:
        text: ISO 8601 (local time where it has no zone), Unix seconds, or so long ago: ``90s``, ``15m``,
            ``2h``, ``3d``, ``1w``; ``None`` for none.
        now: Unix seconds, of the clock if not given.

    Raises:
        UsageError: it is none of these.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return (time.time() if now is None else now) - float(ago[1]) * _SECONDS[ago[2]]
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise UsageError(
            f"not a time: {text!r}",
            hint="2026-03-01, 2026-03-01T08:30+01:00, 1772350200, or 2h for two hours ago",
        ) from None
