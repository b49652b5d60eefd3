"""The service's core: packets in, replies out, the store in between; it has no clock, thread or socket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidelog.wire import payload as wire
from tidelog.wire import topics
from tidelog.wire.enrolling import Enrol
from tidelog.wire.errors import Code, ProtocolError, Unavailable
from tidelog.wire.fetching import Fetch
from tidelog.wire.frames import Fault, Messages, Presence, SyncRequest
from tidelog.wire.marks import MarkRequest
from tidelog.wire.page_frames import Resync
from tidelog.wire.queries import Depth, Filter, Query
from tidelog_service.engine.accounts import Accounts
from tidelog_service.engine.clocks import ClockBook, Clocks
from tidelog_service.engine.delta import answer
from tidelog_service.engine.dictionaries import Lender, Library, NoLibrary
from tidelog_service.engine.enrolling import NoRolls, Serving
from tidelog_service.engine.gathering import Count, Gathering, is_foreign
from tidelog_service.engine.ingest import Add, Draft, Ingested, ingest
from tidelog_service.engine.marking import Asked as Marked
from tidelog_service.engine.marking import Marking
from tidelog_service.engine.packets import Bounds, Kind, Packet, Reply, Tally
from tidelog_service.engine.paging import Asked, Paging
from tidelog_service.engine.ports import Press, Store, Witness
from tidelog_service.engine.presence import Attendance
from tidelog_service.engine.press import InProcessPress
from tidelog_service.engine.pushes import Pushes
from tidelog_service.engine.rates import Rates
from tidelog_service.engine.screening import Question, Refusal, encoding_of, screen
from tidelog_service.engine.sightings import Sightings

_REQUEST_BYTES = 256
"""A request costs one token for each so many bytes of payload: have-sets of thousands of runs are work."""

_ENROL_COST = 20
"""A change of members in requests: it is a transaction of its own, and caches are made anew after it."""


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
        library = library or NoLibrary()
        self._lender = Lender(library, page_bytes_max=self._bounds.page_bytes)
        self._enroller: Serving = enroller or NoRolls()
        self.clocks = Clocks(clocks)
        self._attendance = Attendance()
        self._pushes = Pushes(coalesce_ms=self._bounds.coalesce_ms, primed_max=self._bounds.primed_pushes)
        self._rates = Rates(per_second=self._bounds.requests_per_second, burst=self._bounds.requests_burst)
        self.tally = Tally()
        self._paging = Paging(
            store,
            press or InProcessPress(),
            library=library,
            rates=self._rates,
            attendance=self._attendance,
            bounds=self._bounds,
            tally=self.tally,
        )
        self._marking = Marking(store, attendance=self._attendance, rates=self._rates, tally=self.tally)
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
        for packet in packets:
            if self.gathering is not None and is_foreign(packet.topic):
                foreign.append(packet)
                continue
            screened = screen(packet, self._store)
            received.append((screened.device, packet))
            if isinstance(screened, Refusal):
                replies += self._refuse(screened)
            elif isinstance(screened.frame, Messages):
                drafts += _drafts(screened, screened.frame)
            elif isinstance(screened.frame, Presence):
                self._attendance.saw(screened.terminal.device, screened.frame)
            else:
                requests.append(screened)
        if drafts or foreign:
            replies += self._receive(drafts, foreign, now_ms)
        replies += self._answer_all(requests, now_ms)
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
        gathering = self.gathering
        if gathering is None or not foreign:
            return ingest(drafts, self._store, now_ms)
        counts: list[Count] = []

        def also(add: Add) -> None:
            counts.extend(gathering.gather(foreign, store=self._store, add=add, now_ms=now_ms))

        ingested = ingest(drafts, self._store, now_ms, also=also)
        gathering.settle(counts, self.tally, now_ms)
        return ingested

    def _count(self, ingested: Ingested) -> None:
        self.tally["stored"] += len(ingested.stored)
        self.tally["duplicates"] += ingested.duplicates
        for code, count in ingested.rejections.items():
            self.tally["rejected_" + code.word] += count

    def _answer_all(self, requests: Sequence[Question], now_ms: int) -> Iterator[Reply]:
        """Marks first: a page of the same batch then tells them."""
        marks = [
            Marked(one.terminal, one.frame, one.encoding, one.size)
            for one in requests
            if isinstance(one.frame, MarkRequest)
        ]
        if marks:
            yield from self._marking.answer(marks, now_ms)
        paged: list[Asked] = []
        for question in requests:
            if isinstance(question.frame, MarkRequest):
                continue
            if isinstance(question.frame, Enrol):
                yield from self._enrol(question, question.frame, now_ms)
                continue
            served = self._serve(question, now_ms)
            if isinstance(served, Reply):
                yield served
            else:
                paged.append(served)
        if paged:
            yield from self._paging.answer(paged, now_ms)

    def _serve(self, question: Question, now_ms: int) -> Reply | Asked:
        """Answer a request, or say that it is to be answered with a page."""
        request, device = question.frame, question.terminal.device
        if not isinstance(request, SyncRequest | Resync | Query | Fetch):
            raise TypeError(f"not a request: {request!r}")
        if not self._rates.admit(device, now_ms, cost=1 + question.size // _REQUEST_BYTES):
            return self._busy(question, request, "too many requests")
        filter_ = request.filter if isinstance(request, Query) else None
        inner = request.request if isinstance(request, Query) else request
        if isinstance(request, Query) and request.depth:
            return self._survey(question, request, now_ms)
        if isinstance(inner, Resync) or (isinstance(inner, SyncRequest) and inner.pages):
            return Asked(question.terminal, inner, request if isinstance(request, Query) else None)
        try:
            if isinstance(inner, Fetch):
                return self._lend(question, inner)
            return self._answer(question, inner, filter_, now_ms)
        except Unavailable:
            # Not the whole batch again: its messages are on disk.
            return self._busy(question, request, "the store does not answer")

    def _enrol(self, question: Question, frame: Enrol, now_ms: int) -> Iterator[Reply]:
        """Change members, answer, and tell those whom it concerns and who are there."""
        if not self._rates.admit(question.device, now_ms, cost=_ENROL_COST + len(frame.users)):
            yield self._busy(question, frame, "too many requests")
            return
        try:
            done = self._enroller.serve(frame, question.terminal, now_ms)
        except Unavailable:
            yield self._busy(question, frame, "the store does not answer")
            return
        except ProtocolError as error:
            self.tally["refused_" + error.wire_code.word] += 1
            fault = Fault(code=error.wire_code, rid=frame.rid, text=str(error))
            yield Reply(question.device, wire.encode(fault, question.encoding), Kind.FAULTS)
            return
        self.tally["enrolled"] += 1
        yield Reply(question.device, wire.encode(done.roster, question.encoding))
        for device, roster in done.news.items():
            form = self._attendance.form(device, now_ms)
            if form is not None:
                yield Reply(device, wire.encode(roster, form.encoding), Kind.PUSHES)

    def _busy(
        self, question: Question, request: SyncRequest | Resync | Query | Fetch | Enrol, text: str
    ) -> Reply:
        self.tally["refused_" + Code.BUSY.word] += 1
        bounded = not isinstance(request, Fetch | Enrol) and request.room
        fault = Fault(code=Code.BUSY, rid=request.rid, text="" if bounded else text)
        return Reply(question.device, wire.encode(fault, question.encoding), Kind.FAULTS)

    def _lend(self, question: Question, request: Fetch) -> Reply:
        piece = self._lender.answer(request, question.encoding)
        self.tally["lent"] += 1
        return Reply(question.device, wire.encode(piece, question.encoding))

    def _survey(self, question: Question, query: Query, now_ms: int) -> Reply:
        """Answer a query for less than records."""
        survey = self._paging.manifest if query.depth is Depth.MANIFEST else self._paging.preview
        try:
            payload = survey(Asked(question.terminal, query.request, query), question.encoding, now_ms)
        except ProtocolError as error:
            self.tally["refused_" + error.wire_code.word] += 1
            text = "" if error.wire_code is Code.TOKEN else str(error)
            fault = Fault(code=error.wire_code, rid=query.rid, text=text)
            return Reply(question.device, wire.encode(fault, question.encoding), Kind.FAULTS)
        except Unavailable:
            return self._busy(question, query, "the store does not answer")
        self.tally["surveyed"] += 1
        return Reply(question.device, payload)

    def _answer(self, question: Question, request: SyncRequest, filter_: Filter | None, now_ms: int) -> Reply:
        self._attendance.asked(
            question.device,
            question.encoding,
            live=request.live,
            until_ms=now_ms + self._bounds.lease_ms,
            plain=request.plain,
        )
        page = answer(
            request,
            logs=self._store.logs_of(question.terminal.user_id),
            store=self._store,
            filter_=filter_,
            encoding=question.encoding,
            page_bytes_max=self._bounds.page_bytes,
        )
        self.tally["answered"] += 1
        self.tally["sent"] += page.records
        return Reply(question.device, page.payload, bodies=page.bodies)


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
