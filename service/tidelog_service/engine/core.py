"""The service's core: packets in, replies out, the store in between; it has no clock, thread or socket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from tidelog.wire import payload as wire
from tidelog.wire import topics
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Fault, Messages, Presence
from tidelog.wire.large import Chunk
from tidelog_service.engine.accounts import Accounts
from tidelog_service.engine.answering import Answering
from tidelog_service.engine.clocks import ClockBook, Clocks
from tidelog_service.engine.dictionaries import Library, NoLibrary
from tidelog_service.engine.enrolling import NoRolls, Serving
from tidelog_service.engine.gathering import Count, Gathering, is_foreign
from tidelog_service.engine.ingest import Add, Draft, Ingested, ingest
from tidelog_service.engine.packets import Bounds, Kind, Packet, Reply, Tally, refused
from tidelog_service.engine.ports import Press, Store, Witness
from tidelog_service.engine.presence import Attendance
from tidelog_service.engine.press import InProcessPress
from tidelog_service.engine.pushes import Pushes
from tidelog_service.engine.rates import Rates
from tidelog_service.engine.screening import Question, Refusal, encoding_of, screen
from tidelog_service.engine.sightings import Sightings
from tidelog_service.engine.uploads import Sent, Uploads


class Engine:
    """Serves packets in batches. One thread owns it.

    Args:
        store: the durable state.
        bounds: the operator's bounds.
        press: compresses pages; in this thread, if not given.
        library: the trained dictionaries; none where it is left out.
        clocks: where it is kept how wrong the clocks of devices are; nowhere where it is left out.
        enroller: changes channels and members for devices; else none of them may.
        gathering: takes what ingest rules select; nothing of it where it is left out.
        witness: told of what each batch adds.

    Attributes:
        tally: counts by reason since the start.
        accounts: what the traffic of each device takes.
        clocks: how wrong the clock of each device is.
        gathering: as given.
        sightings: when each device was last heard of.
    """

    def __init__(  # noqa: PLR0913 - all named
        self,
        store: Store,
        *,
        bounds: Bounds | None = None,
        press: Press | None = None,
        library: Library | None = None,
        enroller: Serving | None = None,
        clocks: ClockBook | None = None,
        gathering: Gathering | None = None,
        witness: Witness | None = None,
    ) -> None:
        """See the class."""
        self._store = store
        self._witness = witness
        self.gathering = gathering
        self._bounds = bounds or Bounds()
        self.clocks = Clocks(clocks)
        self._attendance = Attendance()
        self._pushes = Pushes(coalesce_ms=self._bounds.coalesce_ms, primed_max=self._bounds.primed_pushes)
        rates = Rates(per_second=self._bounds.requests_per_second, burst=self._bounds.requests_burst)
        self._uploads = Uploads(store, rates=rates, bytes_max=self._bounds.body_bytes)
        self.tally = Tally()
        self._answering = Answering(
            store,
            bounds=self._bounds,
            press=press or InProcessPress(),
            library=library or NoLibrary(),
            enroller=enroller or NoRolls(),
            attendance=self._attendance,
            rates=rates,
            tally=self.tally,
        )
        self.accounts = Accounts()
        self.sightings = Sightings()

    @property
    def due_ms(self) -> int | None:
        """When `flush` is to be called next, Unix milliseconds; ``None`` where nothing waits."""
        return self._pushes.due_ms

    def handle(self, packets: Sequence[Packet], now_ms: int) -> tuple[Reply, ...]:
        """Serve a batch: messages are stored in one transaction, then requests are answered.

        On return everything stored is on disk: publish the replies and acknowledge the packets, in any
        order.

        Args:
            packets: in the order of arrival.
            now_ms: the service's clock, Unix milliseconds.

        Raises:
            Unavailable: the store failed; nothing was kept, the same batch may be handled again. Where it
                fails only after the messages are on disk, requests are answered BUSY.
        """
        replies: list[Reply] = []
        drafts: list[Draft] = []
        requests: list[Question] = []
        received: list[tuple[str, Packet]] = []
        foreign: list[Packet] = []
        # A batch is short: who was there at its beginning is there until its end.
        terminals = cache(self._store.terminal)
        for packet in packets:
            if self.gathering is not None and is_foreign(packet.topic):
                foreign.append(packet)
                continue
            screened = screen(packet, self._store, terminals)
            received.append((screened.device, packet))
            if isinstance(screened, Refusal):
                replies += self._refuse(screened)
            elif isinstance(screened.frame, Messages):
                drafts += _drafts(screened, screened.frame)
            elif isinstance(screened.frame, Presence):
                self._attendance.saw(screened.terminal.device, screened.frame)
            else:
                requests.append(screened)
        replies += self._gather(requests, now_ms)
        if drafts or foreign:
            replies += self._receive(drafts, foreign, now_ms)
        replies += self._answering.answer(requests, now_ms)
        # Only now: a batch that fails is handled again.
        self.accounts.served(received, replies, now_ms)
        self.sightings.served(received, now_ms)
        return tuple(replies)

    def flush(self, now_ms: int) -> tuple[Reply, ...]:
        """Live pushes that are due.

        Raises:
            Unavailable: the store failed; devices will see the gap and ask.
        """
        replies = tuple(self._pushes.flush(store=self._store, attendance=self._attendance, now_ms=now_ms))
        self.tally["pushed"] += len(replies)
        self.accounts.served((), replies, now_ms)
        return replies

    def _refuse(self, refusal: Refusal) -> Iterator[Reply]:
        self.tally["refused_" + refusal.reason] += 1
        if refusal.fault is not None:
            yield Reply(refusal.device, wire.encode(refusal.fault, refusal.encoding), Kind.FAULTS)

    def _gather(self, requests: Sequence[Question], now_ms: int) -> Iterator[Reply]:
        """Keep the chunks among what was asked."""
        chunks = [
            Sent(question.device, question.frame, question.encoding)
            for question in requests
            if isinstance(question.frame, Chunk)
        ]
        if not chunks:
            return
        for device, frame, encoding in self._uploads.receive(chunks, now_ms):
            if isinstance(frame, Fault):
                yield refused(self.tally, device, frame, encoding)
            else:
                yield Reply(device, wire.encode(frame, encoding))
        self.tally["chunks"] += len(chunks)

    def _receive(self, drafts: Sequence[Draft], foreign: Sequence[Packet], now_ms: int) -> Iterator[Reply]:
        ingested = self._ingest(drafts, foreign, now_ms)
        if self._witness is not None and ingested.stored:
            self._witness.saw(ingested.stands())
        self._count(ingested)
        self._pushes.collect(ingested.stored, now_ms)
        self.clocks.heard(ingested.stored, now_ms)
        for told in ingested.answers:
            yield Reply(told.device, wire.encode(told.receipts, told.encoding), Kind.RECEIPTS)

    def _ingest(self, drafts: Sequence[Draft], foreign: Sequence[Packet], now_ms: int) -> Ingested:
        gathering, large_max = self.gathering, self._bounds.body_bytes
        if gathering is None or not foreign:
            return ingest(drafts, self._store, now_ms, large_max=large_max)
        counts: list[Count] = []

        def also(add: Add) -> None:
            counts.extend(gathering.gather(foreign, store=self._store, add=add, now_ms=now_ms))

        ingested = ingest(drafts, self._store, now_ms, also=also, large_max=large_max)
        gathering.settle(counts, self.tally, now_ms)
        return ingested

    def _count(self, ingested: Ingested) -> None:
        self.tally["stored"] += len(ingested.stored)
        self.tally["duplicates"] += ingested.duplicates
        for code, count in ingested.rejections.items():
            self.tally["rejected_" + code.word] += count


def internal_fault(packet: Packet) -> Reply | None:
    """What to answer where serving a packet failed by a fault of the service's own.

    Returns:
        the reply, or ``None`` where the topic names no device.
    """
    try:
        address = topics.parse(packet.topic)
    except ProtocolError:
        return None
    fault = Fault(code=Code.INTERNAL, text="the service failed on this packet")
    return Reply(address.device, wire.encode(fault, encoding_of(packet, address)), Kind.FAULTS)


def _drafts(question: Question, frame: Messages) -> Iterator[Draft]:
    for message in frame.messages:
        yield Draft(question.terminal, frame.outbox, message, question.encoding)
