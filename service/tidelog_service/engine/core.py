"""The service's core: packets in, replies out, the store in between; it has no clock, thread or socket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidelog.wire import payload as wire
from tidelog.wire import topics
from tidelog.wire.errors import Code, ProtocolError, Unavailable
from tidelog.wire.fetching import Fetch
from tidelog.wire.frames import Fault, Messages, Presence, SyncRequest
from tidelog.wire.marks import MarkRequest
from tidelog.wire.page_frames import Resync
from tidelog_service.engine.accounts import Accounts
from tidelog_service.engine.delta import answer
from tidelog_service.engine.dictionaries import Lender, Library, NoLibrary
from tidelog_service.engine.ingest import Draft, Ingested, ingest
from tidelog_service.engine.marking import Asked as Marked
from tidelog_service.engine.marking import Marking
from tidelog_service.engine.packets import Bounds, Kind, Packet, Reply, Tally
from tidelog_service.engine.paging import Asked, Paging
from tidelog_service.engine.ports import Press, Store
from tidelog_service.engine.presence import Attendance
from tidelog_service.engine.press import InProcessPress
from tidelog_service.engine.pushes import Pushes
from tidelog_service.engine.rates import Rates
from tidelog_service.engine.screening import Question, Refusal, encoding_of, screen

_REQUEST_BYTES = 256
"""A request costs one token for each so many bytes of payload: have-sets of thousands of runs are work."""


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
        if drafts:
            replies += self._receive(drafts, now_ms)
        replies += self._answer_all(requests, now_ms)
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

    def _answer_all(self, requests: Sequence[Question], now_ms: int) -> list[Reply]:
        """Marks first: a page of the same batch then tells them."""
        marks = [
            Marked(one.terminal, one.frame, one.encoding, one.size)
            for one in requests
            if isinstance(one.frame, MarkRequest)
        ]
        replies = self._marking.answer(marks, now_ms) if marks else []
        paged: list[Asked] = []
        for question in requests:
            if isinstance(question.frame, MarkRequest):
                continue
            served = self._serve(question, now_ms)
            if isinstance(served, Reply):
                replies.append(served)
            else:
                paged.append(served)
        return replies + (self._paging.answer(paged, now_ms) if paged else [])

    def _refuse(self, refusal: Refusal) -> Iterator[Reply]:
        self.tally["refused_" + refusal.reason] += 1
        if refusal.fault is not None:
            yield Reply(refusal.device, wire.encode(refusal.fault, refusal.encoding), Kind.FAULTS)

    def _receive(self, drafts: Sequence[Draft], now_ms: int) -> Iterator[Reply]:
        ingested = ingest(drafts, self._store, now_ms)
        self._count(ingested)
        self._pushes.collect(ingested.stored, now_ms)
        for told in ingested.answers:
            yield Reply(told.device, wire.encode(told.receipts, told.encoding), Kind.RECEIPTS)

    def _count(self, ingested: Ingested) -> None:
        self.tally["stored"] += len(ingested.stored)
        self.tally["duplicates"] += ingested.duplicates
        for code, count in ingested.rejections.items():
            self.tally["rejected_" + code.word] += count

    def _serve(self, question: Question, now_ms: int) -> Reply | Asked:
        """Answer a request, or say that it is to be answered with a page."""
        request, device = question.frame, question.terminal.device
        if not isinstance(request, SyncRequest | Resync | Fetch):
            raise TypeError(f"not a request: {request!r}")
        if not self._rates.admit(device, now_ms, cost=1 + question.size // _REQUEST_BYTES):
            return self._busy(question, request, "too many requests")
        if isinstance(request, Resync) or (isinstance(request, SyncRequest) and request.pages):
            return Asked(question.terminal, request)
        try:
            if isinstance(request, Fetch):
                return self._lend(question, request)
            return self._answer(question, request, now_ms)
        except Unavailable:
            # Not the whole batch again: its messages are on disk.
            return self._busy(question, request, "the store does not answer")

    def _busy(self, question: Question, request: SyncRequest | Resync | Fetch, text: str) -> Reply:
        self.tally["refused_" + Code.BUSY.word] += 1
        bounded = not isinstance(request, Fetch) and request.room
        fault = Fault(code=Code.BUSY, rid=request.rid, text="" if bounded else text)
        return Reply(question.device, wire.encode(fault, question.encoding), Kind.FAULTS)

    def _lend(self, question: Question, request: Fetch) -> Reply:
        piece = self._lender.answer(request, question.encoding)
        self.tally["lent"] += 1
        return Reply(question.device, wire.encode(piece, question.encoding))

    def _answer(self, question: Question, request: SyncRequest, now_ms: int) -> Reply:
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
