"""The service's core: packets in, replies out, the store in between; it has no clock, thread or socket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidelog.wire import payload as wire
from tidelog.wire import topics
from tidelog.wire.errors import Code, ProtocolError, Unavailable
from tidelog.wire.fetching import Fetch
from tidelog.wire.frames import Fault, Messages, Presence, SyncRequest
from tidelog.wire.large import Ask, Chunk, Portion
from tidelog.wire.page_frames import Resync
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Depth, Filter, Query
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.accounts import Accounts
from tidelog_service.engine.blobs import portion
from tidelog_service.engine.cutting import inline_portion
from tidelog_service.engine.delta import answer
from tidelog_service.engine.dictionaries import Lender, Library, NoLibrary
from tidelog_service.engine.ingest import Draft, Ingested, ingest
from tidelog_service.engine.packets import Bounds, Kind, Packet, Reply, Tally
from tidelog_service.engine.paging import Asked, Paging
from tidelog_service.engine.ports import Log, Press, Store
from tidelog_service.engine.presence import Attendance
from tidelog_service.engine.press import InProcessPress
from tidelog_service.engine.pushes import Pushes
from tidelog_service.engine.rates import Rates
from tidelog_service.engine.screening import Question, Refusal, encoding_of, screen
from tidelog_service.engine.uploads import Sent, Uploads

_REQUEST_BYTES = 256
"""A request costs one token for each so many bytes of payload: have-sets of thousands of runs are work."""


_PORTION_BYTES = 16_384
"""And one for asking for so many bytes of a large body: they are read and sent, nothing more."""


class Engine:
    """Serves packets in batches. One thread owns it.

    Args:
        store: the durable state.
        bounds: the operator's bounds.
        press: compresses pages; in this thread, if not given.
        library: the trained dictionaries; none where it is left out.

    Attributes:
        tally: counts by reason since the start.
        accounts: what the traffic of each device takes.
    """

    def __init__(
        self,
        store: Store,
        *,
        bounds: Bounds | None = None,
        press: Press | None = None,
        library: Library | None = None,
    ) -> None:
        """See the class."""
        self._store = store
        self._bounds = bounds or Bounds()
        library = library or NoLibrary()
        self._lender = Lender(library, page_bytes_max=self._bounds.page_bytes)
        self._attendance = Attendance()
        self._pushes = Pushes(coalesce_ms=self._bounds.coalesce_ms, primed_max=self._bounds.primed_pushes)
        self._rates = Rates(per_second=self._bounds.requests_per_second, burst=self._bounds.requests_burst)
        self._uploads = Uploads(store, rates=self._rates, bytes_max=self._bounds.body_bytes)
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
        self.accounts = Accounts()

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
        for packet in packets:
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
        replies += self._gather(requests, now_ms)
        if drafts:
            replies += self._receive(drafts, now_ms)
        replies += self._respond(requests, now_ms)
        # Only now: a batch that fails is handled again.
        self.accounts.served(received, replies, now_ms)
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
                self.tally["refused_" + frame.code.word] += 1
            kind = Kind.FAULTS if isinstance(frame, Fault) else Kind.ANSWERS
            yield Reply(device, wire.encode(frame, encoding), kind)
        self.tally["chunks"] += len(chunks)

    def _receive(self, drafts: Sequence[Draft], now_ms: int) -> Iterator[Reply]:
        ingested = ingest(drafts, self._store, now_ms, large_max=self._bounds.body_bytes)
        self._count(ingested)
        self._pushes.collect(ingested.stored, now_ms)
        for told in ingested.answers:
            yield Reply(told.device, wire.encode(told.receipts, told.encoding), Kind.RECEIPTS)

    def _count(self, ingested: Ingested) -> None:
        self.tally["stored"] += len(ingested.stored)
        self.tally["duplicates"] += ingested.duplicates
        for code, count in ingested.rejections.items():
            self.tally["rejected_" + code.word] += count

    def _respond(self, requests: Sequence[Question], now_ms: int) -> Iterator[Reply]:
        paged: list[Asked] = []
        for question in requests:
            if isinstance(question.frame, Chunk):
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
        if not isinstance(request, SyncRequest | Resync | Query | Fetch | Ask):
            raise TypeError(f"not a request: {request!r}")
        cost = 1 + question.size // _REQUEST_BYTES
        if isinstance(request, Ask):
            cost += (request.page_bytes - 1) // _PORTION_BYTES
        if not self._rates.admit(device, now_ms, cost=cost):
            return self._busy(question, request, "too many requests")
        filter_ = request.filter if isinstance(request, Query) else None
        inner = request.request if isinstance(request, Query) else request
        if isinstance(request, Query) and request.depth:
            return self._survey(question, request, now_ms)
        if isinstance(inner, Resync) or (isinstance(inner, SyncRequest) and inner.pages):
            return Asked(question.terminal, inner, request if isinstance(request, Query) else None)
        try:
            return self._reply(question, inner, filter_, now_ms)
        except Unavailable:
            # Not the whole batch again: its messages are on disk.
            return self._busy(question, request, "the store does not answer")

    def _reply(
        self, question: Question, request: SyncRequest | Fetch | Ask, filter_: Filter | None, now_ms: int
    ) -> Reply:
        if isinstance(request, Fetch):
            return self._lend(question, request)
        if isinstance(request, Ask):
            return self._hand_out(question, request)
        return self._answer(question, request, filter_, now_ms)

    def _busy(
        self, question: Question, request: SyncRequest | Resync | Query | Fetch | Ask, text: str
    ) -> Reply:
        self.tally["refused_" + Code.BUSY.word] += 1
        bounded = isinstance(request, SyncRequest | Resync) and request.room
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

    def _hand_out(self, question: Question, ask: Ask) -> Reply:
        """A portion of a body, to a user who may read its record now."""
        log = self._store.readable(question.terminal.user_id, ask.channel)
        if log is None:
            return self._no(question, ask, Code.NO_CHANNEL)
        there = log.epoch == ask.epoch and log.floor <= ask.seq <= log.head
        frame = self._portion(ask, log, question.encoding) if there else None
        if frame is None:
            return self._no(question, ask, Code.NO_RECORD)
        self.tally["portions"] += 1
        return Reply(question.device, wire.encode(frame, question.encoding))

    def _portion(self, ask: Ask, log: Log, encoding: Encoding) -> Portion | None:
        blobs, most = self._store.blobs, self._bounds.page_bytes
        blob = blobs.of_record(log.id, ask.seq)
        if blob is not None:
            return portion(ask, blob, blobs, page_bytes_max=most, encoding=encoding)
        one = RangeSet([(ask.seq, ask.seq + 1)])
        rows = self._store.rows(log.id, one, records_max=1, bytes_max=0, newest_first=True)
        return inline_portion(ask, rows[0], page_bytes_max=most, encoding=encoding) if rows else None

    def _no(self, question: Question, ask: Ask, code: Code) -> Reply:
        self.tally["refused_" + code.word] += 1
        fault = Fault(code=code, rid=ask.rid)
        return Reply(question.device, wire.encode(fault, question.encoding), Kind.FAULTS)

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
