"""What the configuration allows, in the engine's own terms."""

from __future__ import annotations

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
