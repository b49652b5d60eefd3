"""What goes into the engine and what comes out, and what it counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tidelog.wire import limits
from tidelog.wire import payload as wire
from tidelog.wire.frames import Fault
from tidelog.wire.payload import Encoding


class Kind(StrEnum):
    """What a packet is for: the heads under which traffic is accounted."""

    MESSAGES = "messages"
    REQUESTS = "requests"
    ANSWERS = "answers"
    PUSHES = "pushes"
    RECEIPTS = "receipts"
    FAULTS = "faults"
    STATUS = "status"


class Packet(NamedTuple):
    """A PUBLISH from a device, as the broker delivered it.

    Attributes:
        topic: its topic.
        payload: its payload.
        qos: as it reached the service, 0 or 1.
        retained: the broker gives again what it kept: the device sent it some time before.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retained: bool = False


class Reply(NamedTuple):
    """A PUBLISH to a device's reply topic, QoS 0, not retained.

    Attributes:
        device: whom to.
        payload: an encoded frame.
        kind: what it is.
        bodies: the length of the body of each record in it, bytes.
    """

    device: str
    payload: bytes
    kind: Kind = Kind.ANSWERS
    bodies: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The operator's bounds on the engine's work, within those of `tidelog.wire.limits`.

    Attributes:
        page_bytes: the largest page of an answer, payload bytes.
        context_bytes_max: of held bodies that prime a page: what an answer may cost in time.
        coalesce_ms: how long stored records wait for others before they are pushed.
        primed_pushes: pushes of one flush that are told after other records, each about a millisecond of
            work; further ones go as they are.
        lease_ms: how long a JSON request keeps live pushes in JSON coming.
        body_bytes: the largest large body that is taken.
        requests_per_second: sustained requests of one device; above it they are answered BUSY.
        requests_burst: requests that a device may send at once.
    """

    page_bytes: int = limits.PAGE_BYTES_MAX
    context_bytes_max: int = limits.CONTEXT_BYTES_MAX
    coalesce_ms: int = 30
    primed_pushes: int = 8
    lease_ms: int = 300_000
    body_bytes: int = 16 << 20
    requests_per_second: int = 200
    requests_burst: int = 400


Tally = Counter[str]
"""Counts by reason: packets dropped, faults answered, records stored, duplicates and the like."""


def refused(tally: Tally, device: str, fault: Fault, encoding: Encoding = Encoding.PACKED) -> Reply:
    """A fault as a reply; it is counted by its code."""
    tally["refused_" + fault.code.word] += 1
    return Reply(device, wire.encode(fault, encoding), Kind.FAULTS)
