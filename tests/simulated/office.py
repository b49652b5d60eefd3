"""What an operator sees: what the service says of devices, their clocks and itself, as lines of a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator

from simulated.trace import at, shown
from tidelog.mqtt.loopback_broker import LoopbackBroker
from tidelog.wire.frames import Presence
from tidelog.wire.ranges import EMPTY
from tidelog.wire.topics import SERVICE_STATUS
from tidelog_cli.why import View, weightiest
from tidelog_service.engine.insight import insight
from tidelog_service.store.database import Database
from tidelog_service.store.inspection import DeviceFacts, Inspection
from tidelog_service.store.registry import Registry

_SETS = ("has", "sent", "wrote", "lacks", "unasked", "gone", "shut", "copies")


def why(database: Database, device: str, channel: str = "") -> Iterator[str]:
    """What `tidelog why` says, the reasons by their words and all sets half-open."""
    inspection = Inspection(database)
    facts = inspection.device(device)
    yield f"{device} of {facts.user}: {_presence(facts)}"
    claims, written = inspection.claims(device), inspection.written(device)
    revoked = facts.revoked is not None
    memberships = (
        [inspection.membership(facts.user_id, channel)] if channel else inspection.memberships(facts.user_id)
    )
    found = [
        insight(one, claims, revoked=revoked, written=written.get(one.channel_id, EMPTY))
        for one in memberships
    ]
    for one in sorted(found, key=weightiest):
        key = one.membership.channel_id
        weights = inspection.weigh(key, one.lacks), inspection.weigh(key, one.unasked)
        yield from _row(View(insight=one, revoked=revoked, lacks=weights[0], unasked=weights[1]))


def clocks(registry: Registry) -> Iterator[str]:
    """By how much the clocks of devices are ahead, as `tidelog device list` has it."""
    for one in registry.devices():
        if one.skew is None or one.measured is None:
            yield f"{one.device}: not measured"
        else:
            yield f"{one.device}: {one.skew / 1000:+.10g}s, measured at {at(one.measured)}"


def status(broker: LoopbackBroker) -> str:
    """What the broker tells whoever asks for the service's status."""
    told = json.loads(broker.retained[SERVICE_STATUS])
    if not told["online"]:
        return "service: offline"
    start, stop = told.get("down", (0, 0))
    down = f", was down from {at(start)} to {at(stop)}" if stop else ""
    return f"service: online since {at(told['since'])}{down}"


def _row(view: View) -> Iterator[str]:
    one, member = view.insight, view.insight.membership
    sets = [f"{name} {shown(getattr(one, name))}" for name in _SETS if getattr(one, name)]
    may = " and ".join(view.may) or "nothing"
    stands = f"{member.channel} epoch {member.epoch} to {member.head}"
    yield f"{stands}: may {may}; {', '.join(sets) or 'nothing is there'}"
    weights = {"lacks": view.lacks, "unasked": view.unasked}
    told = [
        f"{name} {one.records} records of {one.bytes} bytes" for name, one in weights.items() if one.records
    ]
    yield f"    {', '.join([*one.reasons, *told])}"


def _presence(facts: DeviceFacts) -> str:
    words = {None: "said nothing", Presence.LIVE: "online", Presence.QUIET: "online, quiet"}
    there = words.get(facts.presence, "offline")
    return f"{there}, heard of at {at(facts.seen)}" if facts.seen else f"{there}, not heard of"
