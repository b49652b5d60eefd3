"""What the configuration allows, in the engine's own terms."""

from __future__ import annotations

import time

from tidelog_service.config import Settings
from tidelog_service.config_sections import PROCESSES_AUTO, PROCESSES_AUTO_MAX
from tidelog_service.engine.packets import Bounds
from tidelog_service.engine.retention import Policy as Keeping
from tidelog_service.engine.rolls import Policy
from tidelog_service.presses import cores


def bounds_of(settings: Settings) -> Bounds:
    """Of the engine."""
    return Bounds(
        page_bytes=settings.limits.page_bytes,
        body_bytes=settings.limits.body_bytes,
        coalesce_ms=settings.live.coalesce_ms,
        primed_pushes=settings.live.primed_pushes,
        lease_ms=settings.live.lease_s * 1000,
        context_bytes_max=settings.codec.context_kib_max << 10,
    )


def policy_of(settings: Settings) -> Policy:
    """What devices may do to channels."""
    channels = settings.channels
    return Policy(
        create=channels.create,
        direct=channels.direct,
        invite=channels.invite,
        leave=channels.leave,
        channels_max=channels.per_user_max,
        members_max=channels.members_max,
    )


def keeping_of(settings: Settings) -> Keeping:
    """What is kept of a log that has no bounds of its own."""
    section = settings.retention
    return Keeping(days=section.keep_days, records=section.keep_records, body_bytes=section.keep_bytes)


def processes_of(settings: Settings) -> int:
    """How many compress."""
    processes = settings.codec.processes
    return min(cores(), PROCESSES_AUTO_MAX) if processes == PROCESSES_AUTO else processes


def status_of(bounds: Bounds, packet_bytes: int, *, down_from_ms: int | None) -> dict[str, object]:
    """What the retained status says beside ``online`` and the version (SPEC.md, "Presence").

    Args:
        bounds: of the engine.
        packet_bytes: the largest payload taken.
        down_from_ms: when the service that ran before was last alive, Unix milliseconds; ``None`` for never.
    """
    now_ms = time.time_ns() // 1_000_000
    limits = {
        "packet_bytes": packet_bytes,
        "page_bytes": bounds.page_bytes,
        "body_bytes": bounds.body_bytes,
        "requests_per_second": bounds.requests_per_second,
        "requests_burst": bounds.requests_burst,
    }
    status: dict[str, object] = {"since": now_ms, "limits": limits}
    return status if down_from_ms is None else status | {"down": [min(down_from_ms, now_ms), now_ms]}
