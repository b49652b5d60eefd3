"""A device and the service's engine, with nothing in between but the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulated.bench import Bench
from tidelog.codec import offered
from tidelog.codec.page import Rule
from tidelog.replica.requests import Job
from tidelog.replica.steps import AuditEnded, AuditReport, Event, SyncEnded, SyncReport
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.mqttsize import publish_bytes
from tidelog.wire.page_frames import Page
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.topics import reply_topic
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet


class Pair:
    """A bench and the service's engine: the test carries packets from one to the other.

    Args:
        bench: online.
        engine: with the device and its channels in its store.

    Attributes:
        up: payloads of requests that the service got, oldest first.
        down: payloads that the device got.
        bytes: MQTT bytes of all of these.
        on_way_up: called with each packet of the device; what it returns goes on, ``None`` for lost.
        on_way_down: likewise with each payload for the device.
    """

    def __init__(self, bench: Bench, engine: Engine) -> None:
        self.bench = bench
        self.engine = engine
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.bytes = 0
        self.on_way_up: Callable[[bytes], bytes | None] = lambda payload: payload
        self.on_way_down: Callable[[bytes], bytes | None] = lambda payload: payload
        bench.connect()

    def carry(self) -> list[bytes]:
        """Take to the service what the device has sent.

        Returns:
            the service's replies, which are not delivered yet.
        """
        sent, self.bench.sent = self.bench.sent, []
        packets = []
        for one in sent:
            size = publish_bytes(one.topic, len(one.payload), qos=one.qos)
            self.bench.machine.sent(one, size)
            self.bytes += size
            self.up.append(one.payload)
            payload = self.on_way_up(one.payload)
            packets += [] if payload is None else [Packet(one.topic, payload)]
        replies = self.engine.handle(packets, self.now_ms) if packets else ()
        return [reply.payload for reply in replies if reply.device == self.bench.device]

    def deliver(self, payload: bytes) -> Sequence[Event]:
        """Take to the device what the service has sent, once."""
        size = publish_bytes(reply_topic(self.bench.device), len(payload), qos=0)
        self.bytes += size
        self.down.append(payload)
        return self.bench.do(self.bench.machine.received(payload, size, self.bench.now))

    def run(self) -> None:
        """Carry everything to and fro until neither side has anything to say."""
        while replies := self.carry():
            for reply in replies:
                payload = self.on_way_down(reply)
                if payload is not None:
                    self.deliver(payload)

    def wait(self) -> None:
        """Let time pass until something is due, and carry what comes of it."""
        due = self.bench.machine.due()
        assert due is not None
        self.bench.now = max(self.bench.now, due)
        self.bench.tick()
        self.run()

    def sync(
        self, *channels: str, wanted: bool = False, rule: Rule | None = None, max_bytes: int = 0
    ) -> SyncReport:
        """A whole sync; what it cost is in `up`, `down` and `bytes`.

        Raises:
            TidelogError: it ended so.
        """
        job = Job(
            id=0,
            channels=channels or None,
            wanted_only=wanted,
            rule=rule or Rule(),
            max_bytes=max_bytes,
        )
        over = self.end(job)
        assert over.report is not None
        return over.report

    def end(self, job: Job) -> SyncEnded:
        """A job, to its end; what it cost is in `up`, `down` and `bytes`.

        Raises:
            TidelogError: it ended so.
        """
        self.bench.now += 10.0
        self.up, self.down, self.bytes = [], [], 0
        number = self.bench.start(job)
        self.run()
        while not (over := self.ended(number)):
            self.wait()
        if over.error is not None:
            raise over.error
        return over

    def audit(self, *channels: str, repair: bool = True) -> AuditReport:
        """A whole audit; what it cost is in `up`, `down` and `bytes`.

        Raises:
            TidelogError: it ended so.
        """
        self.bench.now += 10.0
        self.up, self.down, self.bytes = [], [], 0
        number = self.bench.audit(*channels, repair=repair)
        self.run()
        while not (over := [one for one in self.bench.events if isinstance(one, AuditEnded)]):
            self.wait()
        self.bench.events = [one for one in self.bench.events if not isinstance(one, AuditEnded)]
        (ended,) = over
        assert ended.job == number
        if ended.error is not None:
            raise ended.error
        assert ended.report is not None
        return ended.report

    def ended(self, number: int) -> SyncEnded | None:
        """How a sync ended, where it did."""
        found = [one for one in self.bench.events if isinstance(one, SyncEnded) and one.job == number]
        assert len(found) <= 1, "ended twice"
        return found[0] if found else None

    def push(self) -> None:
        """Deliver the live pushes that wait."""
        while self.engine.due_ms is not None:
            for reply in self.engine.flush(self.engine.due_ms):
                if reply.device == self.bench.device:
                    self.deliver(reply.payload)

    @property
    def now_ms(self) -> int:
        """The service's clock."""
        return 1_000_000 + int(self.bench.now * 1_000)

    def frames(self) -> list[Frame]:
        """What the device sent in the last sync."""
        return [wire.decode(payload)[0] for payload in self.up]

    def pages(self) -> list[Page]:
        """The pages that it got in the last sync."""
        frames = [wire.decode(payload)[0] for payload in self.down]
        return [frame for frame in frames if isinstance(frame, Page)]

    def have(self, channel: str) -> RangeSet:
        """What the device has of a channel."""
        holding = self.bench.machine.holdings.get(channel)
        return EMPTY if holding is None else holding.have


def paired(engine: Engine, *, device: str = "ann-phone", live: bool = False, **options: object) -> Pair:
    """A device that asks for pages and this engine; it wants no live pushes where nothing else is said."""
    bench = Bench(
        tuning=Tuning(live=live, **options),  # type: ignore[arg-type]  # each test gives fitting ones
        device=device,
        pages=True,
        codecs=offered(),
    )
    return Pair(bench, engine)
