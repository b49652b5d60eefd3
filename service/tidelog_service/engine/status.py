"""What the service says of itself, retained, while it is there, and what the broker says when it is gone.

See SPEC.md, "Presence".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

from tidelog.wire.limits import VERSION
from tidelog_service.engine.packets import Bounds

OFFLINE: Final = b'{"online":false}'
"""The last will, and what it says when it stops."""


def online(details: Mapping[str, object]) -> bytes:
    """The payload while it runs, compact JSON.

    Args:
        details: added to ``online`` and the versions, JSON values.
    """
    status = {"online": True, "version": version("tidelog"), "protocol": VERSION, **details}
    return json.dumps(status, separators=(",", ":")).encode()


def details_of(
    bounds: Bounds, packet_bytes: int, *, now_ms: int, down_from_ms: int | None
) -> dict[str, object]:
    """Since when it runs, when it did not, and what it takes.

    Args:
        bounds: of the engine.
        packet_bytes: the largest payload taken.
        now_ms: when it starts, Unix milliseconds.
        down_from_ms: when the service that ran before was last alive, Unix milliseconds; ``None`` for never.
    """
    limits = {
        "packet_bytes": packet_bytes,
        "page_bytes": bounds.page_bytes,
        "body_bytes": bounds.body_bytes,
        "requests_per_second": bounds.requests_per_second,
        "requests_burst": bounds.requests_burst,
    }
    status: dict[str, object] = {"since": now_ms, "limits": limits}
    # A clock that was put back would tell a window that ends before it begins.
    return status if down_from_ms is None else status | {"down": [min(down_from_ms, now_ms), now_ms]}
