"""A device without the SDK, as a script would be: JSON, plain topics, a few lines of memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from simulated.timeline import Timeline
from tidelog.mqtt.loopback import LoopbackTransport
from tidelog.mqtt.loopback_broker import LoopbackBroker
from tidelog.wire import payload as wire
from tidelog.wire.enrolling import Enrol
from tidelog.wire.errors import TidelogError
from tidelog.wire.frames import (
    Delta,
    Message,
    Messages,
    Part,
    Presence,
    Push,
    Receipts,
    Record,
    SyncRequest,
)
from tidelog.wire.marks import Mark, MarkRequest
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Depth, Filter, Query
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import voided_by
from tidelog.wire.statements import Statement
from tidelog.wire.topics import messages_topic, put_topic, sync_topic

_RETRY_S = 7.0


class Ids(Protocol):
    """Where request ids come from; `random.Random` fits."""

    def randrange(self, start: int, stop: int, /) -> int:
        """A whole number from ``start`` up to ``stop``."""
        ...


@dataclass(slots=True)
class Copy:
    """What the script keeps of a channel."""

    epoch: int
    records: dict[int, Record] = field(default_factory=dict)
    void: RangeSet = EMPTY

    @property
    def have(self) -> RangeSet:
        """What it has accounted for."""
        return self.void | RangeSet.of(self.records)


class PlainDevice:
    """Publishes ``msg/<channel>`` and ``put/<n>/<channel>``, asks in JSON, keeps what it gets in a dict.

    Args:
        device: its id.
        broker: where it connects.
        timeline: its clock.
        rng: request ids.

    Attributes:
        copies: records by channel.
        unconfirmed: puts without receipt or refusal, by number.
        receipts: those that arrived, newest last.
        asking: whether a sync is not over.
    """

    def __init__(self, device: str, *, broker: LoopbackBroker, timeline: Timeline, rng: Ids) -> None:
        self.device = device
        self.link = LoopbackTransport(broker, device, live=Presence.QUIET, up=False)
        self.copies: dict[str, Copy] = {}
        self.unconfirmed: dict[int, tuple[str, bytes]] = {}
        self.receipts: list[Receipts] = []
        self.asking = False
        self._timeline = timeline
        self._rng = rng
        self._next_n = 1
        self._rid = 0
        self.link.start(self)

    def enrol(self, frame: Enrol) -> None:
        """Ask about a channel and its members; nobody looks at the answer."""
        self.link.publish(sync_topic(self.device), wire.encode(frame, Encoding.JSON), qos=0)

    def publish(self, channel: str, body: bytes) -> None:
        """Send a message that nobody confirms."""
        self.link.publish(messages_topic(self.device, channel), body, qos=1)

    def revise(self, channel: str, kind: int, body: bytes) -> None:
        """Send an edit or a delete that nobody confirms."""
        message = Message(n=0, channel=channel, body=body, kind=kind)
        payload = wire.encode(Messages(outbox=b"", messages=(message,)), Encoding.JSON)
        self.link.publish(messages_topic(self.device), payload, qos=1)

    def mark(self, channel: str, seq: int) -> None:
        """Say how far it has read, in whatever epoch."""
        request = MarkRequest(rid=self._rng.randrange(1, 65_536), marks=(Mark(channel, 0, seq, seq),))
        self.link.publish(sync_topic(self.device), wire.encode(request, Encoding.JSON), qos=0)

    def put(self, channel: str, body: bytes) -> int:
        """Send a message with a number, again and again until its receipt is in."""
        n, self._next_n = self._next_n, self._next_n + 1
        self.unconfirmed[n] = (channel, body)
        self._try(n)
        return n

    def sync(self, *, live: bool = True) -> None:
        """Ask for everything that it lacks, page by page."""
        self.asking = True
        self._ask(live=live)

    def choose(self, chosen: Filter, depth: Depth) -> None:
        """Ask by a filter, or for less than records; one page, of whatever it has."""
        self.asking = True
        self._rid = self._rng.randrange(1, 65_536)
        request = SyncRequest(rid=self._rid, statements=())
        query = Query(request=request, depth=depth, filter=chosen)
        self.link.publish(sync_topic(self.device), wire.encode(query, Encoding.JSON), qos=0)

    def on_online(self, *, session_present: bool) -> None:
        """Nothing happens by itself."""

    def on_offline(self, reason: TidelogError) -> None:
        """Nothing happens by itself."""

    def on_packet(self, topic: str, payload: bytes, size: int) -> None:  # noqa: ARG002 - see Listener
        """Keep what it tells."""
        frame, encoding = wire.decode(payload)
        assert encoding is Encoding.JSON, f"{self.device} speaks JSON only"
        match frame:
            case Receipts():
                self.receipts.append(frame)
                told = [receipt.n for receipt in frame.receipts] + [refused.n for refused in frame.rejections]
                for n in told:
                    self.unconfirmed.pop(n, None)
            case Push():
                self._keep(frame.part)
            case Delta():
                self._take(frame)

    def _try(self, n: int) -> None:
        if n in self.unconfirmed:
            channel, body = self.unconfirmed[n]
            self.link.publish(put_topic(self.device, n, channel), body, qos=1)
            self._timeline.after(_RETRY_S, lambda: self._try(n))

    def _ask(self, *, live: bool) -> None:
        self._rid = rid = self._rng.randrange(1, 65_536)
        statements = tuple(
            Statement(channel=name, epoch=copy.epoch, have=copy.have)
            for name, copy in sorted(self.copies.items())
        )
        request = SyncRequest(rid=rid, statements=statements, page_bytes=2048, live=live)
        self.link.publish(sync_topic(self.device), wire.encode(request, Encoding.JSON), qos=0)
        self._timeline.after(_RETRY_S, lambda: self._ask(live=live) if self._waits_for(rid) else None)

    def _waits_for(self, rid: int) -> bool:
        return self.asking and self._rid == rid

    def _take(self, delta: Delta) -> None:
        for part in delta.parts:
            self._keep(part)
        if self._waits_for(delta.rid):
            self.asking = delta.more
            if delta.more:
                self._ask(live=True)

    def _keep(self, part: Part) -> None:
        copy = self.copies.get(part.channel)
        if copy is None or copy.epoch != part.epoch:
            copy = self.copies[part.channel] = Copy(part.epoch)
        copy.records.update((record.seq, record) for record in part.records)
        copy.void |= part.voids | voided_by((one.kind, one.body) for one in part.records)
        copy.records = {seq: record for seq, record in copy.records.items() if seq not in copy.void}
