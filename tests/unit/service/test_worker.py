"""The worker: batches, acknowledgements after the commit, a store that fails, packets at fault."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from stacks import eventually
from tidelog.wire.errors import Unavailable
from tidelog_service.engine.accounts import Account
from tidelog_service.engine.bookkeeping import WRITE_MS
from tidelog_service.engine.core import Engine
from tidelog_service.engine.gathering import Gathering
from tidelog_service.engine.packets import Kind, Packet, Reply
from tidelog_service.engine.rules import IngestRule, IngestRules
from tidelog_service.mqtt.ports import Inbound, Token
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.gathered import GatheredStore
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.traffic import TrafficBook
from tidelog_service.worker import REQUESTS_WAITING_MAX, UNSURE_WAITING_MAX, Worker


@dataclass
class Outlet:
    """Keeps what was published and acknowledged, in one order."""

    log: list[tuple[str, object]] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert not retain
        self.log.append((topic, json.loads(payload)))

    def acknowledge(self, tokens: Iterable[Token]) -> None:
        self.log.append(("ack", list(tokens)))

    @property
    def acknowledged(self) -> list[int]:
        return [token for kind, tokens in self.log if kind == "ack" for token in tokens]  # type: ignore[attr-defined]

    def replies(self, kind: str) -> list[dict[str, object]]:
        return [reply for _, reply in self.log if isinstance(reply, dict) and reply["type"] == kind]


class Stubborn(Engine):
    """An engine whose store fails at first, or that stumbles over one payload."""

    failures = 0
    stumbles_over = b""

    def handle(self, packets: Sequence[Packet], now_ms: int) -> tuple[Reply, ...]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the disk is full", code="store_full")
        if any(packet.payload == self.stumbles_over for packet in packets):
            raise ZeroDivisionError("a bug")
        return super().handle(packets, now_ms)


@pytest.fixture
def database() -> Iterator[Database]:
    with open_database(":memory:") as made:
        registry = Registry(made)
        registry.add_user("alice")
        registry.add_channel("room1", ["alice"])
        registry.add_device("alice", "aphone")
        yield made


@pytest.fixture
def engine(database: Database) -> Stubborn:
    return Stubborn(RecordStore(database))


@dataclass
class Bench:
    worker: Worker
    outlet: Outlet
    troubles: list[Exception]

    def put(self, n: int, payload: bytes) -> None:
        self.worker.receive(Inbound(f"tl1/aphone/put/{n}/room1", payload, 1, retain=False, token=Token(n)))


@pytest.fixture
def bench(engine: Stubborn) -> Iterator[Bench]:
    troubles: list[Exception] = []
    worker = Worker(engine, batch_messages=10, trouble=troubles.append)
    made = Bench(worker, Outlet(), troubles)
    yield made
    worker.stop()
    assert "tidelog-worker" not in {thread.name for thread in threading.enumerate()}


def test_packets_that_wait_become_batches_and_are_acknowledged_after_their_receipts(
    bench: Bench, engine: Stubborn
) -> None:
    for n in range(1, 26):
        bench.put(n, b"message")
    bench.worker.start(bench.outlet)
    eventually(lambda: len(bench.outlet.acknowledged) == 25)
    assert [kind for kind, _ in bench.outlet.log] == ["tl1/aphone/re", "ack"] * 3
    assert engine.tally["stored"] == 25


def test_a_store_that_fails_keeps_the_batch_until_it_answers(bench: Bench, engine: Stubborn) -> None:
    engine.failures = 2
    bench.put(1, b"message")
    bench.worker.start(bench.outlet)
    eventually(lambda: bench.outlet.acknowledged == [1])
    assert [str(trouble) for trouble in bench.troubles] == ["the disk is full"] * 2
    assert bench.worker.healthy
    assert engine.tally["stored"] == 1


def test_a_service_that_stops_while_the_store_fails_acknowledges_nothing(
    bench: Bench, engine: Stubborn
) -> None:
    engine.failures = 10**9
    bench.put(1, b"message")
    bench.worker.start(bench.outlet)
    eventually(lambda: not bench.worker.healthy)
    bench.worker.stop()
    assert bench.outlet.log == []


def test_a_packet_that_the_service_fails_on_does_not_hold_up_the_others(
    bench: Bench, engine: Stubborn
) -> None:
    engine.stumbles_over = b"poison"
    for n, payload in enumerate((b"one", b"poison", b"three"), start=1):
        bench.put(n, payload)
    bench.worker.start(bench.outlet)
    eventually(lambda: len(bench.outlet.acknowledged) == 3)
    assert engine.tally["stored"] == 2
    assert engine.tally["failed_internal"] == 1
    assert [type(trouble) for trouble in bench.troubles] == [ZeroDivisionError]


def test_stopping_serves_what_was_received(bench: Bench, engine: Stubborn) -> None:
    for n in range(1, 31):
        bench.put(n, b"message")
    bench.worker.start(bench.outlet)
    bench.worker.stop()
    assert engine.tally["stored"] == 30
    assert len(bench.outlet.acknowledged) == 30


def test_a_retained_message_is_not_stored_again_even_in_a_channel_called_status(
    bench: Bench, engine: Stubborn, database: Database
) -> None:
    Registry(database).add_channel("room1/status", ["alice"])
    topic = "tl1/aphone/msg/room1/status"
    bench.worker.receive(Inbound(topic, b"as stored", 1, retain=False, token=Token(1)))
    bench.worker.receive(Inbound(topic, b"as stored", 1, retain=True, token=Token(2)))
    bench.worker.start(bench.outlet)
    eventually(lambda: len(bench.outlet.acknowledged) == 2)
    assert engine.tally["stored"] == 1


def test_what_an_ingest_rule_cannot_store_is_told_and_acknowledged(database: Database) -> None:
    rules = IngestRules([IngestRule.parse(topic="sensors/+/+", channel="{1}/{2}")])
    engine = Engine(RecordStore(database), gathering=Gathering(GatheredStore(database), rules))
    troubles: list[Exception] = []
    outlet, worker = Outlet(), Worker(engine, batch_messages=10, trouble=troubles.append)
    for token, (topic, retain) in enumerate(
        [("sensors/a/temp", False), ("sensors/a/temp", True), ("sensors//temp", False)], start=1
    ):
        worker.receive(Inbound(topic, b"21", 1, retain=retain, token=Token(token)))
    worker.start(outlet)
    eventually(lambda: len(outlet.acknowledged) == 3)
    worker.stop()
    assert [str(trouble).split(" under")[0] for trouble in troubles] == ["a message on 'sensors//temp'"]
    assert (engine.tally["ingest_stored"], engine.tally["ingest_retained"]) == (1, 1)


def test_a_fleet_that_floods_at_qos_0_is_bounded_whatever_topics_it_makes_up(database: Database) -> None:
    rules = IngestRules([IngestRule.parse(topic="sensors/#", channel="all")])
    engine = Engine(RecordStore(database), gathering=Gathering(GatheredStore(database), rules))
    worker = Worker(engine, batch_messages=1_000, trouble=lambda _: None)
    for n in range(UNSURE_WAITING_MAX + 10):
        worker.receive(Inbound(f"sensors/{n}/x/y", b"21", 0, retain=False, token=Token(0)))
    assert worker.dropped == 10
    worker.start(Outlet())
    eventually(lambda: engine.tally["ingest_stored"] == UNSURE_WAITING_MAX)
    worker.stop()


def test_a_device_that_floods_has_a_few_requests_waiting_and_the_others_are_served(
    bench: Bench, engine: Stubborn, database: Database
) -> None:
    Registry(database).add_device("alice", "atablet")
    for device, count in (("aphone", 10 * REQUESTS_WAITING_MAX), ("atablet", 3)):
        for _ in range(count):
            topic = f"tl1/{device}/sync"
            bench.worker.receive(Inbound(topic, b'{"type":"sync"}', 0, retain=False, token=Token(0)))
    bench.put(1, b"message")
    bench.worker.start(bench.outlet)
    eventually(lambda: engine.tally["answered"] == REQUESTS_WAITING_MAX + 3 and bench.outlet.acknowledged)
    assert bench.worker.dropped == 9 * REQUESTS_WAITING_MAX
    bench.worker.receive(Inbound("tl1/aphone/sync", b'{"type":"sync"}', 0, retain=False, token=Token(0)))
    eventually(lambda: engine.tally["answered"] == REQUESTS_WAITING_MAX + 4)


def test_pushes_go_out_even_where_the_clock_has_stepped_back_by_an_hour(engine: Stubborn) -> None:
    engine.handle([Packet("tl1/aphone/sync", b'{"type":"sync","live":true}')], 3_600_000)
    engine.handle([Packet("tl1/aphone/put/1/room1", b"before the step")], 3_600_000)
    outlet = Outlet()
    worker = Worker(engine, batch_messages=10, trouble=lambda _: None, clock_ms=lambda: 0)
    worker.start(outlet)
    worker.receive(Inbound("tl1/aphone/sync", b'{"type":"sync"}', 0, retain=False, token=Token(0)))
    eventually(lambda: engine.due_ms is None)
    worker.stop()


def test_packets_that_never_pause_do_not_hold_up_the_end(bench: Bench, engine: Stubborn) -> None:
    handle, numbers = engine.handle, iter(range(2, 10**9))

    def handle_and_feed(packets: Sequence[Packet], now_ms: int) -> tuple[Reply, ...]:
        bench.put(next(numbers), b"message")
        return handle(packets, now_ms)

    engine.handle = handle_and_feed  # type: ignore[method-assign]  # a device that sends on and on
    bench.put(1, b"message")
    bench.worker.start(bench.outlet)
    eventually(lambda: engine.tally["stored"] > 3)
    stopper = threading.Thread(target=bench.worker.stop, daemon=True)
    stopper.start()
    stopper.join(10)
    assert not stopper.is_alive()


def test_traffic_is_written_down_at_the_end(engine: Stubborn, database: Database) -> None:
    book = TrafficBook(database)
    worker = Worker(engine, batch_messages=10, trouble=lambda _: None, book=book, clock_ms=lambda: 5)
    worker.start(Outlet())
    worker.receive(Inbound("tl1/aphone/put/1/room1", b"hello", 1, retain=False, token=Token(1)))
    worker.receive(Inbound("tl1/aphone/status", b"1", 0, retain=False, token=Token(0)))
    worker.receive(Inbound("tl1/aphone/status", b"1", 0, retain=True, token=Token(0)))
    eventually(lambda: engine.tally["stored"] == 1)
    assert book.sums(0) == {}
    worker.stop()
    kept = book.sums(0)["aphone"]
    assert kept[Kind.MESSAGES] == Account(packets=1, bytes_up=2 + 2 + 22 + 2 + 5, bytes_down=4)
    assert kept[Kind.STATUS] == Account(packets=1, bytes_up=2 + 2 + 17 + 1)
    assert kept[Kind.RECEIPTS].packets == 1


def test_traffic_is_written_down_every_ten_seconds_though_nothing_comes(
    engine: Stubborn, database: Database
) -> None:
    """The clock goes on by itself: the first look after the packet is a moment before the writing."""
    book, clock = TrafficBook(database), itertools.count(0, WRITE_MS - 10)
    worker = Worker(
        engine, batch_messages=10, trouble=lambda _: None, book=book, clock_ms=lambda: next(clock)
    )
    worker.start(Outlet())
    worker.receive(Inbound("tl1/aphone/status", b"1", 0, retain=False, token=Token(0)))
    eventually(lambda: book.sums(0))
    worker.stop()
