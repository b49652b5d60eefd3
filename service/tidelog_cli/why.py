"""What a device has and lacks, as the service sees it: rows and sentences, and objects for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tidelog.wire.frames import Presence
from tidelog.wire.json_ranges import from_ranges
from tidelog.wire.ranges import RangeSet
from tidelog_cli.terminal import counted, local_time
from tidelog_service.engine.insight import Insight, Reason
from tidelog_service.store.heartbeat import EVERY_S
from tidelog_service.store.inspection import DeviceFacts, Weight

RANGES_SHOWN: Final = 8
"""Ranges in a line for people; the newest, which are looked for."""

RANGES_TOLD: Final = 64
"""The same for programs, in each list."""

_ALIVE_MS: Final = int(3 * EVERY_S * 1000)
"""A service that runs says so more often."""

_PRESENCES: Final = {
    None: "it never said whether it is online",
    Presence.OFFLINE: "offline",
    Presence.LIVE: "online",
    Presence.QUIET: "online, without live pushes",
}

_WRITERS: Final = ("writer", "owner")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A device and a channel, with what the difference weighs.

    Attributes:
        insight: what the service believes.
        revoked: whether the device may do nothing any more.
        lacks: the weight of what it lacks.
        unasked: of what it lacks and does not ask for.
    """

    insight: Insight
    revoked: bool
    lacks: Weight
    unasked: Weight

    @property
    def may(self) -> list[str]:
        """What the device may do there."""
        one = self.insight.membership
        reads = bool(one.role) and not self.revoked
        return ["read"] * reads + ["write"] * (reads and one.role in _WRITERS and one.last is None)


def weightiest(insight: Insight) -> tuple[int, int, str]:
    """A key that sorts channels: those with the largest difference first."""
    return -insight.lacks.count, -(insight.sent.count + insight.unasked.count), insight.membership.channel


def as_row(view: View) -> dict[str, str]:
    """A channel as a row of a table."""
    one = view.insight
    return {
        "channel": one.membership.channel,
        "may": ", ".join(view.may) or "nothing",
        "head": f"{one.membership.head:,}",
        "has": f"{one.has.count:,}",
        "sent": f"{one.sent.count:,}",
        "wrote": f"{one.wrote.count:,}",
        "lacks": f"{one.lacks.count:,}",
        "bytes": _amount(view.lacks),
        "unasked": f"{one.unasked.count:,}",
        "gone": f"{one.gone.count:,}",
        "shut": f"{one.shut.count:,}",
    }


def sentences(view: View) -> Iterator[str]:
    """Why the device has what it has of a channel, the weightiest reason first."""
    one = view.insight
    if one.lacks:
        records = counted(view.lacks.records, "record") if view.lacks.whole else "too many to look at all"
        yield f"it lacks {shown(one.lacks)}: {records}, {_amount(view.lacks)} bytes"
    for reason in one.reasons:
        yield _SENTENCES[reason](one)
    if one.copies:
        yield f"it has {shown(one.copies)} all the same, from before"


def as_object(view: View) -> dict[str, Any]:
    """The same for programs; ranges are half-open, as everywhere in JSON."""
    one, member = view.insight, view.insight.membership
    return {
        "channel": member.channel,
        "may": view.may,
        "role": member.role or None,
        "epoch": member.epoch,
        "head": member.head,
        "floor": member.floor,
        "first": member.first,
        "last": member.last,
        "asked": one.asked_ms or None,
        "newest": one.newest or None,
        "has": _told(one.has),
        "sent": _told(one.sent),
        "wrote": _told(one.wrote),
        "lacks": _told(one.lacks) | _weighed(view.lacks),
        "unasked": _told(one.unasked) | _weighed(view.unasked),
        "gone": _told(one.gone),
        "shut": _told(one.shut),
        "copies": _told(one.copies),
        "reasons": [reason.value for reason in one.reasons],
        "why": list(sentences(view)),
    }


def presence(facts: DeviceFacts, *, alive_ms: int | None, now_ms: int) -> str:
    """A sentence on whether the device is there, as far as the database knows."""
    if facts.revoked is not None:
        return f"revoked at {local_time(facts.revoked)}"
    there = _PRESENCES[facts.presence]
    seen = (
        f"last heard of at {local_time(facts.seen)}" if facts.seen else "not heard of until ten seconds ago"
    )
    if is_alive(alive_ms, now_ms):
        return f"{there}, {seen}"
    since = f"has not run since {local_time(alive_ms)}" if alive_ms is not None else "has never run"
    return f"the service {since}; the device then: {there}, {seen}"


def is_alive(alive_ms: int | None, now_ms: int) -> bool:
    """Whether a service that was last alive at this time runs still."""
    return alive_ms is not None and now_ms - alive_ms < _ALIVE_MS


def shown(seqs: RangeSet) -> str:
    """Seqs as people write them: ``3, 5-9``, the newest few."""
    parts = [f"{start}" if stop == start + 1 else f"{start}-{stop - 1}" for start, stop in seqs.runs]
    more = len(parts) - RANGES_SHOWN
    head = f"{counted(more, 'range')} below, " if more > 0 else ""
    return head + ", ".join(parts[-RANGES_SHOWN:])


def _told(seqs: RangeSet) -> dict[str, Any]:
    newest = RangeSet.of_sorted(seqs.runs[-RANGES_TOLD:])
    more = len(seqs.runs) - len(newest.runs)
    return {"count": seqs.count, "ranges": from_ranges(newest)} | ({"more_ranges": more} if more else {})


def _weighed(weight: Weight) -> dict[str, Any]:
    return {"records": weight.records, "bytes": weight.bytes, "whole": weight.whole}


def _amount(weight: Weight) -> str:
    return f"{weight.bytes:,}" if weight.whole else f"over {weight.bytes:,}"


def _asked(one: Insight) -> str:
    return f"at {local_time(one.asked_ms)}" if one.asked_ms else "for others"


_SENTENCES: Final[dict[Reason, Callable[[Insight], str]]] = {
    Reason.COMPLETE: lambda _: "it has everything that its user may read",
    Reason.EMPTY: lambda _: "there is nothing that its user may read",
    Reason.NEVER_ASKED: lambda _: "it has never asked, or in JSON alone, which says nothing for later",
    Reason.OUT_OF_SCOPE: lambda _: "it asks for other channels by their names, and not for this one",
    Reason.NEW_EPOCH: lambda _: "the log began anew since it last asked; what it had is of the log before",
    Reason.NOT_YET: lambda one: (
        f"they were stored since it last asked ({_asked(one)}), or are still to come in pages"
    ),
    Reason.UNCONFIRMED: lambda one: (
        f"{counted(one.sent.count, 'number')} went out in answer to its last request, or came with it; the "
        "next one will confirm that"
    ),
    Reason.HOLES: lambda _: "some lie below what it has: it dropped them, or they are still to come in pages",
    Reason.WROTE: lambda one: f"it wrote {shown(one.wrote)} itself, and has not spoken of that since",
    Reason.NEWEST_ONLY: lambda one: f"it asks for the newest {one.newest:,} only",
    Reason.FLOOR: lambda one: f"nothing below {one.membership.floor:,} is kept",
    Reason.WINDOW: lambda one: f"its user may read from {one.membership.first:,} on, from joining",
    Reason.LEFT: lambda one: f"its user has left, and may read up to {one.membership.last:,}",
    Reason.NOT_MEMBER: lambda _: "its user is no member",
    Reason.READER: lambda _: "its user may read and not write",
    Reason.REVOKED: lambda _: "the device is revoked",
}
