"""The service of the simulation: the real engine on a real database, killed and started again at will."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random

from simulated.restores import Vault
from simulated.timeline import Timeline
from tidelog.mqtt.loopback_broker import Delivery, LoopbackBroker, LoopbackLink
from tidelog.wire import payload as wire
from tidelog.wire import topics
from tidelog.wire.errors import Code, ProtocolError, Unavailable
from tidelog.wire.frames import Fault
from tidelog.wire.limits import PACKET_BYTES_MAX
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.topics import SERVICE, SERVICE_STATUS, SERVICE_SUBSCRIPTIONS, reply_topic
from tidelog_service.engine.bookkeeping import Bookkeeper
from tidelog_service.engine.core import Engine
from tidelog_service.engine.enrolling import Enroller
from tidelog_service.engine.gathering import Count, Gathering, is_foreign
from tidelog_service.engine.packets import Bounds, Packet, Reply
from tidelog_service.engine.ports import OutboxKey, Row, Taken
from tidelog_service.engine.rolls import Policy
from tidelog_service.engine.rules import IngestRules
from tidelog_service.engine.status import OFFLINE, details_of, online
from tidelog_service.store.clocks import ClockStore
from tidelog_service.store.database import Database
from tidelog_service.store.enrolment import new_epoch
from tidelog_service.store.gathered import GatheredStore
from tidelog_service.store.records import RecordStore
from tidelog_service.store.rolls import RollStore
from tidelog_service.store.traffic import TrafficBook

Faults = Callable[[str], bool]
"""Asked at each place where the service can fail, by name, whether it does."""

NO_FAULTS: Faults = lambda _place: False  # noqa: E731 - a constant of a callable type


def _is_parcel(packet: Packet) -> bool:
    if not packet.topic.endswith("/msg"):
        return False
    try:
        return isinstance(wire.decode(packet.payload)[0], Parcel)
    except ProtocolError:
        return False


def _without_context(packet: Packet) -> Reply:
    """The answer of a service whose records are others than the device thinks."""
    fault = Fault(code=Code.CONTEXT, text="the storm took them")
    return Reply(topics.parse(packet.topic).device, wire.encode(fault, Encoding.PACKED))


class ShakyStore(RecordStore):
    """A store whose disk fails now and then, at the worst moment: when all but the commit is done.

    Args:
        database: see `RecordStore`.
        faults: asked at ``"disk"``.

    Attributes:
        buried: records that it erased, or was about to when it failed, by the channel's key and seq.
    """

    def __init__(self, database: Database, faults: Faults) -> None:
        super().__init__(database)
        self._faults = faults
        self.buried: dict[tuple[int, int], Row] = {}

    def erase(self, channel_id: int, seqs: RangeSet) -> None:
        self.bury(channel_id, seqs)
        super().erase(channel_id, seqs)

    def bury(self, channel_id: int, seqs: RangeSet) -> None:
        """Keep what is about to go."""
        rows = self.rows(channel_id, seqs, records_max=10**6, bytes_max=10**9, newest_first=False)
        self.buried.update(((channel_id, row.seq), row) for row in rows)

    def remember(
        self, taken: Sequence[tuple[OutboxKey, Taken]], numbers: Mapping[OutboxKey, RangeSet]
    ) -> None:
        super().remember(taken, numbers)
        if self._faults("disk"):
            raise Unavailable("the disk failed", code="store_failed")


class ShakyShelf(GatheredStore):
    """The same for what ingest rules keep.

    Args:
        database: see `GatheredStore`.
        faults: asked at ``"disk"``.
        epochs: see `GatheredStore`.
    """

    def __init__(self, database: Database, faults: Faults, epochs: Callable[[], int]) -> None:
        super().__init__(database, epochs=epochs)
        self._faults = faults

    def count(self, day: int, counts: Sequence[Count], now_ms: int) -> None:
        super().count(day, counts, now_ms)
        if self._faults("disk"):
            raise Unavailable("the disk failed", code="store_failed")


class Server:
    """One service behind a broker.

    Args:
        broker: where it connects.
        timeline: its clock.
        rng: how long it takes.
        database: outlives every crash.
        faults: where it fails; see `serve` for the places.
        bounds: of the engine.
        policy: what devices may do about channels.
        epochs: of the channels that devices and ingest rules make.
        vault: with the database's witness, which is looked at when it starts; without one there is none.
        observed: whether it keeps what operators look at (clocks, accounts, sightings), and its status.

    Attributes:
        engine: the one of this life.
        up: whether it runs.
        skew_ms: how wrong its clock is.
        packets: how often each packet reached it.
        buried: see `ShakyStore`.
    """

    def __init__(  # noqa: PLR0913 - a service has so many parts
        self,
        broker: LoopbackBroker,
        *,
        timeline: Timeline,
        database: Database,
        rng: Random | None = None,
        faults: Faults = NO_FAULTS,
        bounds: Bounds | None = None,
        policy: Policy | None = None,
        epochs: Callable[[], int] = new_epoch,
        vault: Vault | None = None,
        observed: bool = False,
    ) -> None:
        self.up = False
        self.skew_ms = 0
        self.packets: Counter[Packet] = Counter()
        self._broker = broker
        self._timeline = timeline
        self._rng = rng
        # One for all lives: it keeps nothing but caches, and compiling its statements takes a while.
        self._store = ShakyStore(database, faults)
        self._rolls = RollStore(database, epochs=epochs)
        self._policy = policy or Policy()
        self.buried, self.bury = self._store.buried, self._store.bury
        self._faults = faults
        self._gathering = Gathering(ShakyShelf(database, faults, epochs))
        self._bounds = bounds
        self._vault = vault
        self._observed = observed
        self._clocks = ClockStore(database) if observed else None
        self._book = TrafficBook(database) if observed else None
        self._alive_ms: int | None = None
        self._inbox: list[Packet] = []
        self._busy = False
        self._life = 0
        self.start()

    @property
    def now_ms(self) -> int:
        """The service's clock, Unix milliseconds."""
        return self._timeline.now_ms + self.skew_ms

    def start(self) -> None:
        """Connect, with an engine that knows nothing but the database; retained statuses come again."""
        self.up = True
        witness = self._vault.witness() if self._vault is not None else None
        self.engine = Engine(
            self._store,
            bounds=self._bounds,
            enroller=Enroller(self._rolls, self._policy),
            gathering=self._gathering,
            witness=witness,
            clocks=self._clocks,
        )
        engine = self.engine
        self._books = (
            Bookkeeper(engine.accounts, self._book, sightings=engine.sightings, trouble=_raise)
            if self._book is not None
            else None
        )
        will = (SERVICE_STATUS, OFFLINE) if self._observed else None
        self._link = LoopbackLink(self._broker, SERVICE, self._receive, will=will)
        for pattern, qos in SERVICE_SUBSCRIPTIONS:
            self._link.subscribe(pattern, qos=qos)
        for pattern in self._gathering.rules.filters:
            self._link.subscribe(pattern, qos=1)
        self._say_online()
        self._wake()

    def use(self, rules: IngestRules) -> None:
        """Put ingest rules in force."""
        self._gathering.rules = rules
        for pattern in rules.filters:
            self._link.subscribe(pattern, qos=1)

    def kill(self, *, redelivered: bool) -> None:
        """End at once.

        Args:
            redelivered: whether the broker keeps what was not acknowledged, as Mosquitto does and amqtt not.
        """
        self.up = False
        self._life += 1
        self._busy = False
        self._alive_ms = self.now_ms
        self._link.cut()
        lost, self._inbox = self._inbox, []
        for packet in lost:
            sure = is_foreign(packet.topic) or "/msg" in packet.topic or "/put" in packet.topic
            if redelivered and sure:
                self._take(packet)

    def _receive(self, delivery: Delivery) -> None:
        retained = delivery.retain and is_foreign(delivery.topic)
        self._take(Packet(delivery.topic, delivery.payload, retained=retained))
        self._wake()

    def _take(self, packet: Packet) -> None:
        self.packets[packet] += 1
        self._inbox.append(packet)

    def _wake(self) -> None:
        if self._inbox and not self._busy:
            self._busy = True
            self._later(self._pace(), self._serve)

    def _pace(self) -> float:
        return self._rng.uniform(0.0, 0.05) if self._rng else 0.0

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        life = self._life
        self._timeline.after(seconds, lambda: action() if life == self._life else None)

    def _serve(self) -> None:
        """Take the batch that waits; the service may be killed before or after the commit."""
        self._busy = False
        batch = self._inbox
        if self._faults("kill before commit"):
            self.kill(redelivered=self._faults("redelivery"))
            return
        refused = [packet for packet in batch if _is_parcel(packet) and self._faults("context")]
        try:
            replies = self.engine.handle([one for one in batch if one not in refused], self.now_ms)
        except Unavailable:
            self._wake()
            return
        if self._faults("kill after commit"):
            self.kill(redelivered=self._faults("redelivery"))
            return
        self._inbox = []
        self._send([*replies, *map(_without_context, refused)])
        self._plan_flush()
        self._keep_books()

    def _plan_flush(self) -> None:
        due_ms = self.engine.due_ms
        if due_ms is not None:
            self._later((due_ms - self.now_ms) / 1000, self._flush)

    def _flush(self) -> None:
        due_ms = self.engine.due_ms
        if due_ms is not None and due_ms <= self.now_ms:
            self._send(self.engine.flush(self.now_ms))
            self._keep_books()

    def _keep_books(self) -> None:
        """Write down what is due, and come again for the rest."""
        if self._books is None:
            return
        self._books.turn(self.now_ms)
        due_ms = self._books.due_ms
        if due_ms is not None:
            self._later(max(0, due_ms - self.now_ms) / 1000, self._keep_books)

    def _say_online(self) -> None:
        if self._observed:
            bounds = self._bounds or Bounds()
            told = details_of(bounds, PACKET_BYTES_MAX, now_ms=self.now_ms, down_from_ms=self._alive_ms)
            self._link.send(SERVICE_STATUS, online(told), qos=0, retain=True)

    def _send(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            self._link.send(reply_topic(reply.device), reply.payload, qos=0)


def _raise(error: Exception) -> None:
    raise error
