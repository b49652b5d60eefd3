"""Large bodies in bad weather: one device sends them, another fetches them, and all ends go down at will."""

from __future__ import annotations

from collections import Counter
from random import Random

from simulated.network import CALM, Network, storm
from simulated.server import Server
from simulated.terminal import PowerCut, Terminal
from simulated.timeline import Timeline
from tidelog.bodies import as_sent
from tidelog.replica.ports import Changes, Record
from tidelog.replica.steps import BodyEnded, Event
from tidelog.replica.tuning import Tuning
from tidelog.store.memory import MemoryStore
from tidelog.wire import payload as wire
from tidelog.wire.errors import TidelogError
from tidelog.wire.large import Chunk
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.stubs import stub_of
from tidelog_service.engine.packets import Bounds
from tidelog_service.store.database import open_database
from tidelog_service.store.registry import Registry

CHANNEL = "room"
_STEP_S = 1.0
_PATIENCE_S = 3_600.0


class Harbour:
    """Ann's phone, which sends, Bob's, which fetches, and a service.

    Args:
        seed: decides all that happens.
        page_bytes: of both devices.

    Attributes:
        sent: the bodies that Ann's application has sent.
        counted: bytes of chunks and of portions that set out, by the device; repetitions included.
        errors: fetches that failed.
    """

    def __init__(self, seed: int, *, page_bytes: int = 16_384) -> None:
        self.rng = Random(seed)
        self.timeline = Timeline()
        self.network = Network(self.timeline, Random(self.rng.random()))
        self.database = open_database(":memory:")
        registry = Registry(self.database, now_ms=lambda: self.timeline.now_ms)
        for user in ("ann", "bob"):
            registry.add_user(user)
            registry.add_device(user, f"{user}-phone", secret="secret")
        registry.add_channel(CHANNEL, ["ann", "bob"])
        registry.close()
        self.server = Server(
            self.network.broker,
            timeline=self.timeline,
            database=self.database,
            rng=Random(self.rng.random()),
            bounds=Bounds(requests_burst=10**6),
        )
        self.tuning = Tuning(page_bytes=page_bytes)
        self.sent: list[bytes] = []
        self.counted: Counter[str] = Counter()
        self.errors: list[TidelogError] = []
        self.ann, self.bob = self._terminal("ann-phone"), self._terminal("bob-phone")

    def send(self, size: int) -> None:
        """Ann sends another body of so many bytes, or one that she has sent before."""
        again = self.sent and self.rng.random() < 0.3
        body = self.rng.choice(self.sent) if again else self.rng.randbytes(size)
        self.sent.append(body)
        short, kind, whole = as_sent(body, 0)
        self.ann.write(CHANNEL, short, kind=kind, content_type="", sent=self.timeline.now_ms, whole=whole)

    def storm(self, seconds: float) -> None:
        """Let everything go wrong for a while."""
        stop = self.timeline.now + seconds
        ends = [self._cut, self._cut, self._crash, self._kill]
        trouble = [self._change_weather, *ends, self._fetch, self._fetch]
        while self.timeline.now < stop:
            self.rng.choice(trouble)()
            self.timeline.run_until(self.timeline.now + self.rng.expovariate(1 / _STEP_S))

    def calm(self) -> None:
        """Peace, until everything is sent and fetched."""
        self.network.weather = CALM
        if not self.server.up:
            self.server.start()
        for terminal in (self.ann, self.bob):
            terminal.power_cut = None
            terminal.link.restore()
        assert self.timeline.run_while(lambda: bool(self.ann.machine.outbox.entries), longest=_PATIENCE_S)
        self.bob.sync()
        assert self.timeline.run_while(lambda: bool(self.bob.syncs), longest=_PATIENCE_S)
        for record in self.records(self.bob):
            self.bob.fetch(CHANNEL, record.seq)
        assert self.timeline.run_while(lambda: bool(self.bob.fetches), longest=_PATIENCE_S)

    def records(self, terminal: Terminal) -> list[Record]:
        """What a device holds."""
        holding = terminal.machine.holdings.get(CHANNEL)
        epoch = holding.epoch if holding is not None else 0
        return terminal.store.records(CHANNEL, epoch, start=1, stop=SEQ_STOP, limit=1_000)

    def bodies(self, terminal: Terminal) -> list[bytes]:
        """The bodies in a device's store, whole or not."""
        stubs = [stub_of(record.kind, record.body) for record in self.records(terminal)]
        return [terminal.store.part(stub.digest, 0, stub.size) for stub in stubs if stub is not None]

    # What the terminals' witness sees

    def saw_packet(self, device: str, payload: bytes) -> None:
        """Nothing to note."""

    def saw_changes(self, device: str, changes: Changes) -> None:
        """Portions that came, those that were there already excepted."""
        self.counted[device] += sum(len(part.data) for part in changes.parts)

    def saw_event(self, device: str, event: Event) -> None:  # noqa: ARG002 - whoever it is
        """A fetch that failed is an error whatever the weather."""
        if isinstance(event, BodyEnded) and event.error is not None:
            self.errors.append(event.error)

    # What goes wrong

    def _terminal(self, device: str) -> Terminal:
        terminal = Terminal(
            device,
            store=MemoryStore(random_bytes=self.rng.randbytes),
            broker=self.network.broker,
            timeline=self.timeline,
            chance=Random(self.rng.random()),
            witness=self,
            tuning=self.tuning,
            codecs=(1,),
        )
        publish = terminal.link.publish

        def counting(topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
            frame, _ = wire.decode(payload)
            if isinstance(frame, Chunk):
                self.counted["chunks"] += len(frame.data)
            return publish(topic, payload, qos=qos, retain=retain)

        terminal.link.publish = counting  # type: ignore[method-assign] # what sets out is counted
        terminal.link.restore()
        return terminal

    def _change_weather(self) -> None:
        self.network.weather = storm(self.rng)

    def _any(self) -> Terminal:
        return self.rng.choice([self.ann, self.bob])

    def _cut(self) -> None:
        terminal = self._any()
        terminal.link.cut()
        self.timeline.after(self.rng.uniform(0.0, 5.0), terminal.link.restore)

    def _crash(self) -> None:
        terminal = self._any()
        where = self.rng.choice([None, PowerCut.BEFORE_PERSIST, PowerCut.BEFORE_SEND])
        if where is None:
            terminal.boot()
        terminal.power_cut = where
        self.timeline.after(self.rng.uniform(0.5, 5.0), terminal.link.restore)

    def _kill(self) -> None:
        if self.server.up:
            self.server.kill(redelivered=self.rng.random() < 0.5)
            self.timeline.after(self.rng.uniform(0.0, 8.0), self._start)

    def _start(self) -> None:
        if not self.server.up:
            self.server.start()

    def _fetch(self) -> None:
        if not self.bob.syncs:
            self.bob.sync()
        for record in self.records(self.bob):
            if self.rng.random() < 0.5:
                self.bob.fetch(CHANNEL, record.seq)
