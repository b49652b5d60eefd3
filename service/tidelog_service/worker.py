"""The thread that owns engine and store: packets in batches, one transaction each, acknowledged after it."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from tidelog.wire.errors import TidelogError, Unavailable
from tidelog.wire.topics import reply_topic
from tidelog_service.engine.bookkeeping import Book, Bookkeeper
from tidelog_service.engine.core import Engine, internal_fault
from tidelog_service.engine.gathering import is_foreign
from tidelog_service.engine.packets import Packet, Reply
from tidelog_service.engine.retention import Retention
from tidelog_service.mqtt.ports import Inbound, Token

_IDLE_SECONDS = 3600.0
_RETRY_SECONDS_FIRST = 0.1
_RETRY_SECONDS_MAX = 5.0
_PUSH_SECONDS_MAX = 10.0
"""Pushes that are due later than the longest `coalesce_ms` wait for a clock that has stepped back."""
_SYNC: Final = ("sync",)

REQUESTS_WAITING_MAX: Final = 64
"""Requests of one device that may wait; what comes beyond them is dropped, and the device asks again."""

UNSURE_WAITING_MAX: Final = 4_096
"""The same for its messages at QoS 0. Those at QoS 1 are bounded by the link, which lets the broker wait."""


class Outlet(Protocol):
    """Where replies and acknowledgements go; `tidelog_service.mqtt.link.Link` fits."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 0."""
        ...

    def acknowledge(self, tokens: Iterable[Token]) -> None:
        """Tell the broker that these packets are safe."""
        ...


class Worker:
    """Serves what the link receives.

    Args:
        engine: touched by the worker's thread only.
        batch_messages: packets in one transaction at most.
        trouble: told of each failure, on the worker's thread: a store that does not answer (the batch is
            kept and tried again), a packet that the service itself failed on, or one under an ingest rule
            that cannot be stored.
        ended: told when the thread ends, on `stop` or after a fault of its own, which was told before.
        book: where the traffic of each device is written down, every ten seconds and at the end.
        retention: sees to what logs keep no longer, a step after each batch.
        clock_ms: the service's clock, Unix milliseconds.

    Attributes:
        healthy: whether packets are served.
        fault: what ended the thread, where that was not `stop`.
        dropped: packets at QoS 0 that were not served, as their device had too many waiting.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        batch_messages: int,
        trouble: Callable[[Exception], None],
        ended: Callable[[], None] = lambda: None,
        book: Book | None = None,
        retention: Retention | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """See the class."""
        self._engine = engine
        self._outlet: Outlet | None = None
        self._batch_messages = batch_messages
        self._trouble = trouble
        self._ended = ended
        self._books = None
        if book is not None:
            self._books = Bookkeeper(engine.accounts, book, sightings=engine.sightings, trouble=trouble)
        self._retention = retention
        self._clock_ms = clock_ms
        self._inbox: queue.SimpleQueue[Inbound | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tidelog-worker", daemon=True)
        self._waiting: Counter[tuple[str, ...]] = Counter()
        self._waiting_lock = threading.Lock()
        self.healthy = True
        self.fault: Exception | None = None
        self.dropped = 0

    def start(self, outlet: Outlet) -> None:
        """Start the thread.

        Args:
            outlet: the link to the broker.
        """
        self._outlet = outlet
        self._thread.start()

    def stop(self) -> None:
        """Serve what was received, push what waits, end the thread; idempotent."""
        self._stopping.set()
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def look_again(self) -> None:
        """An operator may have changed what is to be kept; for any thread, never blocks."""
        if self._retention is not None:
            self._retention.hurry()
            self._inbox.put(None)

    def receive(self, inbound: Inbound) -> None:
        """Take a packet; for the link's thread, never blocks.

        One at QoS 0 is dropped where its device has too many waiting: a flood would take the memory, and
        everybody else would wait behind it. Once the worker stops, nothing more is taken: what is not
        acknowledged comes again, and a device that never pauses cannot hold up the end.
        """
        if self._stopping.is_set():
            return
        if inbound.qos == 0:
            line = _line(inbound)
            with self._waiting_lock:
                if self._waiting[line] >= (REQUESTS_WAITING_MAX if line[2:] == _SYNC else UNSURE_WAITING_MAX):
                    self.dropped += 1
                    return
                self._waiting[line] += 1
        self._inbox.put(inbound)

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - the thread's last words; whoever runs it ends too
            self.healthy, self.fault = False, error
            self._trouble(error)
        finally:
            self._ended()

    def _work(self) -> None:
        while not (self._stopping.is_set() and self._inbox.empty()):
            batch = self._gather()
            if batch:
                self._serve(batch)
            self._flush(now=self._stopping.is_set())
            if self._books is not None:
                self._books.turn(self._clock_ms())
            if self._retention is not None:
                self._retention.turn(self._clock_ms())
        if self._books is not None:
            self._books.close(self._clock_ms())

    def _gather(self) -> list[Inbound]:
        """Wait for the first packet, then take those that are already there."""
        batch: list[Inbound] = []
        try:
            first = self._inbox.get(timeout=self._patience())
            if first is not None:
                batch.append(first)
            while len(batch) < self._batch_messages:
                more = self._inbox.get_nowait()
                if more is not None:
                    batch.append(more)
        except queue.Empty:
            pass
        self._no_longer_wait(batch)
        return batch

    def _no_longer_wait(self, batch: Sequence[Inbound]) -> None:
        with self._waiting_lock:
            for inbound in batch:
                if inbound.qos == 0:
                    line = _line(inbound)
                    self._waiting[line] -= 1
                    if not self._waiting[line]:
                        del self._waiting[line]

    def _patience(self) -> float:
        others = (self._books, self._retention)
        due = (self._engine.due_ms, *(other.due_ms for other in others if other is not None))
        due_ms = min((time_ms for time_ms in due if time_ms is not None), default=None)
        if due_ms is None:
            return _IDLE_SECONDS
        return min(_PUSH_SECONDS_MAX, max(0.0, (due_ms - self._clock_ms()) / 1000))

    def _serve(self, batch: Sequence[Inbound]) -> None:
        packets = [_packet(inbound) for inbound in batch if _is_news(inbound)]
        replies = self._handle(packets)
        if replies is None:
            return
        self._publish(replies)
        for notice in self._engine.gathering.notices() if self._engine.gathering is not None else ():
            self._trouble(notice)
        if self._outlet is not None:
            self._outlet.acknowledge([inbound.token for inbound in batch if inbound.token])

    def _publish(self, replies: Sequence[Reply]) -> None:
        if self._outlet is not None:
            for reply in replies:
                self._outlet.publish(reply_topic(reply.device), reply.payload)

    def _handle(self, packets: Sequence[Packet]) -> Sequence[Reply] | None:
        """Serve a batch, waiting for the store as long as it takes.

        Returns:
            the replies, or ``None`` where the service stops first: nothing is acknowledged then, and the
            broker delivers the packets again.
        """
        wait = _RETRY_SECONDS_FIRST
        while True:
            try:
                replies = self._engine.handle(packets, self._clock_ms())
            except Unavailable as error:
                self.healthy = False
                self._trouble(error)
                if self._stopping.wait(wait):
                    return None
                wait = min(_RETRY_SECONDS_MAX, wait * 2)
            except Exception as error:  # noqa: BLE001 - told, and the packet at fault is singled out
                return self._single_out(packets, error)
            else:
                self.healthy = True
                return replies

    def _single_out(self, packets: Sequence[Packet], error: Exception) -> Sequence[Reply] | None:
        """A fault of the service's own: the other packets of the batch must not suffer from it.

        The packet at fault is answered and acknowledged, so that it does not come again for ever; without a
        receipt its device keeps the message.
        """
        if len(packets) > 1:
            replies: list[Reply] = []
            for packet in packets:
                served = self._handle([packet])
                if served is None:
                    return None
                replies += served
            return replies
        self._trouble(error)
        self._engine.tally["failed_internal"] += 1
        fault = internal_fault(packets[0])
        return [] if fault is None else [fault]

    def _flush(self, *, now: bool) -> None:
        due_ms = self._engine.due_ms
        if due_ms is None:
            return
        wait_s = (due_ms - self._clock_ms()) / 1000
        if 0 < wait_s <= _PUSH_SECONDS_MAX and not now:
            return
        try:
            replies = self._engine.flush(self._clock_ms())
        except TidelogError as error:
            self._trouble(error)
            return
        self._publish(replies)


def _line(inbound: Inbound) -> tuple[str, ...]:
    """Device and verb: what is bounded together, whatever channel the topic names.

    The first level alone of a topic that an ingest rule selects: rules name it, publishers the others.
    """
    levels = inbound.topic.split("/", 3)
    return tuple(levels[:1] if is_foreign(inbound.topic) else levels[:3])


def _packet(inbound: Inbound) -> Packet:
    return Packet(inbound.topic, inbound.payload, inbound.qos, inbound.retain)


def _is_news(inbound: Inbound) -> bool:
    """Whether a packet is to be served: a retained message would come again at every SUBSCRIBE.

    Retained statuses are what presence is made of, and of the topics of ingest rules the rules decide.
    """
    # By its levels, not its end: a channel may be called `status`, and Mosquitto retains on every topic.
    return not inbound.retain or is_foreign(inbound.topic) or inbound.topic.split("/")[2:] == ["status"]
