"""What devices ask for, each request answered by the part of the engine that knows how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidelog.wire import payload as wire
from tidelog.wire.audit_frames import Audit
from tidelog.wire.enrolling import Enrol
from tidelog.wire.errors import Code, ProtocolError, Unavailable
from tidelog.wire.fetching import Fetch
from tidelog.wire.frames import Fault, SyncRequest
from tidelog.wire.large import Ask, Chunk, Portion
from tidelog.wire.marks import MarkRequest
from tidelog.wire.page_frames import Resync
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Depth, Filter, Query
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.audits import Auditor
from tidelog_service.engine.blobs import portion
from tidelog_service.engine.cutting import inline_portion
from tidelog_service.engine.delta import answer
from tidelog_service.engine.dictionaries import Lender, Library
from tidelog_service.engine.enrolling import Serving
from tidelog_service.engine.marking import Asked as Marked
from tidelog_service.engine.marking import Marking
from tidelog_service.engine.packets import Bounds, Kind, Reply, Tally, refused
from tidelog_service.engine.paging import LOOKS, Paging
from tidelog_service.engine.ports import Log, Press, Store
from tidelog_service.engine.presence import Attendance
from tidelog_service.engine.rates import Rates
from tidelog_service.engine.requests import Asked
from tidelog_service.engine.screening import Question

_REQUEST_BYTES = 256
"""A request costs one token for each so many bytes of payload: have-sets of thousands of runs are work."""

_ENROL_COST = 20
"""A change of members in requests: it is a transaction of its own, and caches are made anew after it."""

_PORTION_BYTES = 16_384
"""And one for asking for so many bytes of a large body: they are read and sent, nothing more."""


_Request = SyncRequest | Resync | Query | Fetch | Enrol | Ask | Audit


class Answering:
    """Answers requests.

    Args:
        store: the durable state.
        bounds: the operator's bounds.
        press: compresses pages.
        library: the trained dictionaries.
        enroller: changes channels and members for devices.
        attendance: learns who wants live pushes.
        rates: what each device may ask for.
        tally: counts by reason.
    """

    def __init__(  # noqa: PLR0913 - the engine's own parts
        self,
        store: Store,
        *,
        bounds: Bounds,
        press: Press,
        library: Library,
        enroller: Serving,
        attendance: Attendance,
        rates: Rates,
        tally: Tally,
    ) -> None:
        """See the class."""
        self._store = store
        self._bounds = bounds
        self._lender = Lender(library, page_bytes_max=bounds.page_bytes)
        self._enroller = enroller
        self._attendance = attendance
        self._rates = rates
        self._paging = Paging(
            store, press, library=library, rates=rates, attendance=attendance, bounds=bounds, tally=tally
        )
        self._auditor = Auditor(store, rates=rates)
        self._marking = Marking(store, attendance=attendance, rates=rates, tally=tally)
        self._tally = tally

    def answer(self, requests: Sequence[Question], now_ms: int) -> Iterator[Reply]:
        """Answer what was asked of a batch, whose messages are on disk.

        Marks come first: a page of the same batch then tells them.

        Args:
            requests: in the order of arrival; chunks of large bodies among them are passed over.
            now_ms: the service's clock, Unix milliseconds.

        Returns:
            answers, faults, and what others hear of what was changed.
        """
        marks = [
            Marked(one.terminal, one.frame, one.encoding, one.size)
            for one in requests
            if isinstance(one.frame, MarkRequest)
        ]
        if marks:
            yield from self._marking.answer(marks, now_ms)
        paged: list[Asked] = []
        for question in requests:
            if isinstance(question.frame, MarkRequest | Chunk):
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
        if not isinstance(request, SyncRequest | Resync | Query | Fetch | Ask | Audit):
            raise TypeError(f"not a request: {request!r}")
        cost = 1 + question.size // _REQUEST_BYTES
        if isinstance(request, Ask):
            cost += (request.page_bytes - 1) // _PORTION_BYTES
        if not self._rates.admit(device, now_ms, cost=cost):
            return self._fault(question, request, Code.BUSY, "too many requests")
        asked = _asked(question)
        if asked is not None:
            return asked
        try:
            return self._reply(question, now_ms)
        except (Unavailable, ProtocolError) as error:
            return self._refused(question, request, error)

    def _reply(self, question: Question, now_ms: int) -> Reply:
        request = question.frame
        match request:
            case Fetch():
                return self._lend(question, request)
            case Ask():
                return self._hand_out(question, request)
            case Audit():
                return self._compare(question, request, now_ms)
            case Query() if request.depth:
                return self._survey(question, request, now_ms)
            case Query(request=SyncRequest() as inner):
                return self._answer(question, inner, request.filter, now_ms)
            case SyncRequest():
                return self._answer(question, request, None, now_ms)
        raise TypeError(f"not a request: {request!r}")

    def _enrol(self, question: Question, frame: Enrol, now_ms: int) -> Iterator[Reply]:
        """Change members, answer, and tell those whom it concerns and who are there."""
        if not self._rates.admit(question.device, now_ms, cost=_ENROL_COST + len(frame.users)):
            yield self._fault(question, frame, Code.BUSY, "too many requests")
            return
        try:
            done = self._enroller.serve(frame, question.terminal, now_ms)
        except (Unavailable, ProtocolError) as error:
            yield self._refused(question, frame, error)
            return
        self._tally["enrolled"] += 1
        yield Reply(question.device, wire.encode(done.roster, question.encoding))
        for device, roster in done.news.items():
            form = self._attendance.form(device, now_ms)
            if form is not None:
                yield Reply(device, wire.encode(roster, form.encoding), Kind.PUSHES)

    def _refused(self, question: Question, request: _Request, error: Unavailable | ProtocolError) -> Reply:
        if isinstance(error, Unavailable):
            # Not the whole batch again: its messages are on disk.
            return self._fault(question, request, Code.BUSY, "the store does not answer")
        text = "" if error.wire_code is Code.TOKEN else str(error)
        return self._fault(question, request, error.wire_code, text)

    def _fault(self, question: Question, request: _Request, code: Code, text: str = "") -> Reply:
        """No, and why, for people, unless the answer has a bound."""
        bounded = isinstance(request, SyncRequest | Resync | Query | Audit) and request.room
        fault = Fault(code=code, rid=request.rid, text="" if bounded else text)
        return refused(self._tally, question.device, fault, question.encoding)

    def _lend(self, question: Question, request: Fetch) -> Reply:
        piece = self._lender.answer(request, question.encoding)
        self._tally["lent"] += 1
        return Reply(question.device, wire.encode(piece, question.encoding))

    def _survey(self, question: Question, query: Query, now_ms: int) -> Reply:
        """Answer a query for less than records."""
        survey = self._paging.manifest if query.depth is Depth.MANIFEST else self._paging.preview
        payload = survey(Asked(question.terminal, query.request, query), question.encoding, now_ms)
        self._tally["surveyed"] += 1
        return Reply(question.device, payload)

    def _compare(self, question: Question, audit: Audit, now_ms: int) -> Reply:
        verdict = self._auditor.answer(question.terminal, audit, now_ms)
        self._tally["audited"] += 1
        return Reply(question.device, wire.encode(verdict, question.encoding))

    def _hand_out(self, question: Question, ask: Ask) -> Reply:
        """A portion of a body, to a user who may read its record now."""
        log = self._store.readable(question.terminal.user_id, ask.channel)
        if log is None:
            return self._fault(question, ask, Code.NO_CHANNEL)
        there = log.epoch == ask.epoch and log.floor <= ask.seq <= log.head
        frame = self._portion(ask, log, question.encoding) if there else None
        if frame is None:
            return self._fault(question, ask, Code.NO_RECORD)
        self._tally["portions"] += 1
        return Reply(question.device, wire.encode(frame, question.encoding))

    def _portion(self, ask: Ask, log: Log, encoding: Encoding) -> Portion | None:
        blobs, most = self._store.blobs, self._bounds.page_bytes
        blob = blobs.of_record(log.id, ask.seq)
        if blob is not None:
            return portion(ask, blob, blobs, page_bytes_max=most, encoding=encoding)
        one = RangeSet([(ask.seq, ask.seq + 1)])
        rows = self._store.rows(log.id, one, records_max=1, bytes_max=0, newest_first=True)
        return inline_portion(ask, rows[0], page_bytes_max=most, encoding=encoding) if rows else None

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
        self._tally["answered"] += 1
        self._tally["sent"] += page.records
        self._rates.charge(question.device, now_ms, cost=page.looked // LOOKS)
        return Reply(question.device, page.payload, bodies=page.bodies)


def _asked(question: Question) -> Asked | None:
    """A request that is answered with a page, together with others."""
    request = question.frame
    query = request if isinstance(request, Query) else None
    inner = query.request if query is not None else request
    if query is not None and query.depth:
        return None
    if isinstance(inner, Resync) or (isinstance(inner, SyncRequest) and inner.pages):
        return Asked(question.terminal, inner, query)
    return None
