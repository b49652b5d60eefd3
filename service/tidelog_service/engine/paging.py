"""Requests for pages, a batch at a time: their bodies are compressed side by side (SPEC.md, "Page")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tidelog.codec import offered
from tidelog.codec.context import Context
from tidelog.codec.dictionaries import BUILTIN, builtin
from tidelog.codec.page import accounted, pack
from tidelog.codec.press import Pressed, PressJob
from tidelog.wire import packed
from tidelog.wire import payload as wire
from tidelog.wire.errors import Code, ProtocolError, TidelogError, Unavailable
from tidelog.wire.frames import Fault, SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX
from tidelog.wire.page_frames import Content, Model, Page, Resync
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Query
from tidelog.wire.standings import Standings
from tidelog_service.engine import tokens
from tidelog_service.engine.dictionaries import Library
from tidelog_service.engine.drafting import draft
from tidelog_service.engine.drafts import Draft
from tidelog_service.engine.effort import Effort, effort
from tidelog_service.engine.experience import Experience, Experiences
from tidelog_service.engine.inquiries import Inquiry, filtered, stated
from tidelog_service.engine.manifest import Survey, in_scope, manifest
from tidelog_service.engine.marks import marked
from tidelog_service.engine.packets import Bounds, Kind, Reply, Tally
from tidelog_service.engine.ports import KeptToken, Log, Press, Store, Terminal
from tidelog_service.engine.presence import Attendance
from tidelog_service.engine.preview import Rehearsal, estimate
from tidelog_service.engine.rates import Rates
from tidelog_service.engine.reading import Memory
from tidelog_service.engine.tokens import Kept

_FRAME_BYTES: Final = 16
"""A page's fixed fields, generously."""

_DICTIONARY_UNDER_BYTES: Final = (8 << 10, 64 << 10)
"""Of context, up to which the built-in dictionary helps, and a trained one; beyond it they cost bytes."""

_HOLDS_LITTLE: Final = 500
"""Records held, up to which a device is told of a trained dictionary: it pays back slowly."""

_KEPT_BYTES: Final = 4_096
"""A request by token costs one more for each so many bytes of what is kept: it is read, and written again."""


_LOOKS_FREE: Final = 8_192
LOOKS: Final = 512
"""A page costs one more for each so many held records looked at, beyond those that a context has."""


class Asked(NamedTuple):
    """A request that may be served."""

    terminal: Terminal
    request: SyncRequest | Resync
    query: Query | None = None


@dataclass(slots=True, kw_only=True)
class _Work:
    """A page on its way."""

    device: str
    user: str
    inquiry: Inquiry
    kept: Kept | None
    token: bytes
    experience: Experience
    draft: Draft
    text_bytes: int
    effort: Effort
    held: int
    context: Context = field(default_factory=Context)
    dictionary: bool = False
    job: PressJob | None = None

    @property
    def limit_bytes(self) -> int:
        return self.inquiry.limit_bytes


class Paging:
    """Answers requests for pages. One thread owns it.

    Args:
        store: the durable state.
        press: compresses.
        library: the trained dictionaries.
        attendance: told of who wants live pushes.
        bounds: the operator's.
        rates: how much a device may ask: a token's account is work too.
        tally: counts.
    """

    def __init__(
        self,
        store: Store,
        press: Press,
        *,
        library: Library,
        rates: Rates,
        attendance: Attendance,
        bounds: Bounds,
        tally: Tally,
    ) -> None:
        """See the class."""
        self._store = store
        self._library = library
        self._rates = rates
        self._press = press
        self._attendance = attendance
        self._bounds = bounds
        self._tally = tally
        self._experiences = Experiences()
        self._memory = Memory()

    def answer(self, batch: Sequence[Asked], now_ms: int) -> list[Reply]:
        """Answer each request with a page, or a fault.

        Args:
            batch: in the order of arrival.
            now_ms: the service's clock, Unix milliseconds.
        """
        replies: list[Reply] = []
        works: list[_Work] = []
        for asked in batch:
            try:
                works.append(self._begin(asked, now_ms, waiting=len(batch)))
            except TidelogError as error:
                replies.append(self._fault(asked, error))
        pressed = self._pressed([work.job for work in works if work.job is not None])
        moved: dict[tuple[str, bytes], Kept] = {}
        replies += [
            self._finish(work, pressed[work.job] if work.job is not None else None, moved) for work in works
        ]
        fresh = {(work.device, work.token) for work in works if work.kept is None}
        if moved:
            self._keep(
                [KeptToken(*key, kept.dump(), fresh=key in fresh) for key, kept in moved.items()], now_ms
            )
        return replies

    def manifest(self, asked: Asked, encoding: Encoding, now_ms: int) -> bytes:
        """The numbers of what a query asks for: the payload of one page.

        Raises:
            ProtocolError: the token is not known (code TOKEN), too many requests (BUSY), or the filter asks
                for too much at once (LIMIT).
            Unavailable: the store failed.
        """
        inquiry, _ = self._inquiry(asked, now_ms)
        survey = Survey(
            inquiry=inquiry,
            logs=in_scope(inquiry, self._store.logs_of(asked.terminal.user_id)),
            after=asked.query.after if asked.query is not None else None,
            encoding=encoding,
            page_bytes=inquiry.limit_bytes,
        )
        payload, looked = manifest(survey, self._store)
        self._rates.charge(asked.terminal.device, now_ms, cost=looked // LOOKS)
        return payload

    def preview(self, asked: Asked, encoding: Encoding, now_ms: int) -> bytes:
        """What a query would bring and take: the payload of the answer.

        Raises:
            ProtocolError: as in `manifest`.
            Unavailable: the store failed.
        """
        inquiry, _ = self._inquiry(asked, now_ms)
        device = asked.terminal.device
        logs = self._store.logs_of(asked.terminal.user_id)
        experience = replace(self._experiences.of(device))

        def rehearse(as_if: Inquiry) -> Rehearsal:
            work = self._drafted(asked.terminal, as_if, logs, experience)
            pressed = self._pressed([work.job])[work.job] if work.job is not None else None
            content, pressed = self._fitted(work, pressed)
            taken = work.draft.entries[: pressed.taken] if pressed else []
            payload = packed.encode(self._page(work, content, taken=len(taken)))
            looked = work.draft.looked // LOOKS
            self._rates.charge(device, now_ms, cost=1 + looked)
            return Rehearsal(
                payload_bytes=len(payload),
                body_bytes=sum(len(entry.body) for entry in taken),
                taken=len(taken),
                lacks=work.draft.every,
                untold=work.draft.untold,
            )

        found = estimate(inquiry, logs, self._store, rehearse)
        self._rates.charge(device, now_ms, cost=found.records // LOOKS)
        return wire.encode(found, encoding)

    def _pressed(self, jobs: Sequence[PressJob]) -> dict[PressJob, Pressed]:
        """Compress, once where several devices lack the same and hold the same."""
        different = list(dict.fromkeys(jobs))
        return dict(zip(different, self._press.press(different), strict=True)) if different else {}

    def _keep(self, kept: Sequence[KeptToken], now_ms: int) -> None:
        """Where the store fails the tokens are lost: devices learn it with their next request."""
        try:
            self._store.keep_tokens(kept, now_ms)
        except Unavailable:
            self._tally["tokens_lost"] += len(kept)

    def _fault(self, asked: Asked, error: TidelogError) -> Reply:
        code = error.wire_code if isinstance(error, ProtocolError) else Code.BUSY
        self._tally["refused_" + code.word] += 1
        text = "" if code is Code.TOKEN or asked.request.room else str(error)
        fault = Fault(code=code, rid=asked.request.rid, text=text)
        return Reply(asked.terminal.device, packed.encode(fault), Kind.FAULTS)

    # Before the bodies are compressed

    def _begin(self, asked: Asked, now_ms: int, *, waiting: int) -> _Work:
        device = asked.terminal.device
        if not self._rates.admit(device, now_ms, cost=0):
            # What it asked for before has taken more than was known when this was admitted.
            raise _too_many()
        inquiry, kept = self._inquiry(asked, now_ms)
        token = b""
        if isinstance(asked.request, Resync):
            token = asked.request.token
        elif inquiry.keep:
            token = tokens.made(device, inquiry.rid, now_ms)
        self._attendance.asked(
            device,
            Encoding.PACKED,
            live=inquiry.terms.live,
            until_ms=now_ms,
            plain=inquiry.terms.plain,
        )
        logs = self._store.logs_of(asked.terminal.user_id)
        work = self._drafted(
            asked.terminal,
            inquiry,
            logs,
            self._experiences.of(device),
            kept=kept,
            token=token,
            waiting=waiting,
        )
        looked = max(work.draft.looked - _LOOKS_FREE, 0)
        if looked:
            self._rates.charge(device, now_ms, cost=-(-looked // LOOKS))
        return work

    def _inquiry(self, asked: Asked, now_ms: int) -> tuple[Inquiry, Kept | None]:
        """What is asked, and what the token of the request stands for."""
        kept: Kept | None = None
        if isinstance(asked.request, Resync):
            kept = proven(self._store, self._rates, asked.terminal.device, asked.request, now_ms)
            inquiry = tokens.asked(kept, asked.request)
        else:
            inquiry = stated(asked.request)
        if asked.query is not None:
            inquiry = filtered(inquiry, asked.query.filter)
        return self._bounded(inquiry), kept

    def _drafted(
        self,
        terminal: Terminal,
        inquiry: Inquiry,
        logs: dict[str, Log],
        experience: Experience,
        *,
        kept: Kept | None = None,
        token: bytes = b"",
        waiting: int = 1,
    ) -> _Work:
        """A page of what an inquiry asks for, but for its bodies."""
        held = sum(one.have.count for one in inquiry.account)
        made = draft(inquiry, logs, self._store, text_bytes_max=experience.text_bytes(inquiry.limit_bytes))
        text_bytes = made.text_bytes
        chosen = effort(
            offered=frozenset(inquiry.terms.codecs) & frozenset(offered()),
            device_max=inquiry.terms.context_bytes if made.primable else 0,
            operator_max=self._bounds.context_bytes_max,
            bodies_bytes=text_bytes,
            first_bytes=made.first_bytes,
            waiting=(waiting - 1) / max(self._press.size, 1),
        )
        work = _Work(
            device=terminal.device,
            user=terminal.user,
            inquiry=inquiry,
            kept=kept,
            token=token,
            experience=experience,
            draft=made,
            text_bytes=text_bytes,
            effort=chosen,
            held=held,
        )
        self._prepare(work)
        return work

    def _bounded(self, inquiry: Inquiry) -> Inquiry:
        terms = replace(inquiry.terms, page_bytes=min(inquiry.terms.page_bytes, self._bounds.page_bytes))
        return replace(inquiry, terms=terms)

    def _prepare(self, work: _Work) -> None:
        """Find the context and say what is to be compressed."""
        if not work.draft.entries:
            return
        work.context = work.draft.primed(
            self._store, self._memory, work.effort.context_bytes, codec=work.effort.codec
        )
        header = len(packed.encode(self._page(work, None)))
        room = work.limit_bytes - header - _FRAME_BYTES
        columns = work.experience.columns_bytes(work.text_bytes, len(work.draft.entries), room)
        context = work.context.text()
        before = self._dictionary(work, len(context))
        work.dictionary = bool(before)
        work.job = PressJob(
            codec=work.effort.codec,
            order=work.effort.order,
            context=before + context,
            bodies=tuple([entry.body for entry in work.draft.entries]),
            room_bytes=max(room - columns, 0),
            first_always=not work.inquiry.room,
        )

    def _dictionary(self, work: _Work, context_bytes: int) -> bytes:
        """The dictionary of the request, where the context is so small that it helps; else nothing."""
        number = work.inquiry.terms.dictionary
        if not work.effort.codec or context_bytes > _DICTIONARY_UNDER_BYTES[number != BUILTIN]:
            return b""
        if number == BUILTIN:
            return builtin().data
        held = self._library.dictionary(number) if number else None
        return held.data if held is not None else b""

    # After that

    def _finish(self, work: _Work, pressed: Pressed | None, moved: dict[tuple[str, bytes], Kept]) -> Reply:
        content, pressed = self._fitted(work, pressed)
        account = self._moved(work, pressed)
        page = self._page(work, content, taken=pressed.taken if pressed else 0)
        if content is None:
            page = replace(page, screened=())
        if work.token and not (page.more or work.inquiry.room):
            page, account = marked(
                page,
                account,
                work.draft.logs,
                self._store,
                user=work.user,
                limit_bytes=work.limit_bytes,
            )
        key = work.device, work.token
        kept = self._moved_on(work, account, moved.get(key))
        if kept is not None:
            moved[key] = kept
        elif not work.kept:
            page = replace(page, token=b"")
        self._tally["answered"] += 1
        self._tally["sent"] += pressed.taken if pressed else 0
        bodies = tuple(len(entry.body) for entry in work.draft.entries[: pressed.taken if pressed else 0])
        return Reply(work.device, packed.encode(page), bodies=bodies)

    def _fitted(self, work: _Work, pressed: Pressed | None) -> tuple[Content | None, Pressed | None]:
        """Pack; where the estimate of the columns was too low, compress fewer bodies until the page fits."""
        while work.job is not None and pressed is not None and pressed.taken:
            content = self._content(work, pressed)
            size = len(packed.encode(self._page(work, content, taken=pressed.taken)))
            over = size - work.limit_bytes
            alone = pressed.taken == 1 and work.job.first_always and size <= PACKET_BYTES_MAX
            if over <= 0 or alone:
                work.experience.learn(
                    work.draft.entries[: pressed.taken],
                    data_bytes=len(pressed.data),
                    columns_bytes=len(content.columns),
                )
                return content, pressed
            share = max(1, pressed.taken * over // size)
            work.job = work.job._replace(
                bodies=work.job.bodies[: pressed.taken - share],
                room_bytes=max(min(work.job.room_bytes, len(pressed.data)) - over, 0),
            )
            if not work.job.bodies:
                break
            (pressed,) = self._press.press([work.job])
        return None, None

    def _content(self, work: _Work, pressed: Pressed) -> Content:
        return pack(
            list(work.inquiry.account),
            work.draft.lacks,
            work.draft.entries[: pressed.taken],
            primed=work.context,
            pressed=pressed,
            model=Model(
                work.effort.context_bytes, pressed.memory_bytes or Model().memory_bytes, work.effort.order
            ),
            dictionary=work.dictionary,
        )

    def _page(self, work: _Work, content: Content | None, *, taken: int = 0) -> Page:
        return Page(
            rid=work.inquiry.rid,
            more=work.draft.untold or taken < work.draft.lacking,
            told=tuple(work.draft.told),
            gone=work.draft.gone,
            token=b"" if work.kept else work.token,
            dictionary=self._offered(work),
            screened=work.draft.screened,
            content=content,
        )

    def _offered(self, work: _Work) -> int:
        """The trained dictionary for a device that holds little, and has just said so; 0 for none."""
        if work.kept or not work.inquiry.keep or work.inquiry.room or work.held > _HOLDS_LITTLE:
            return 0
        active = self._library.active()
        return 0 if active == work.inquiry.terms.dictionary else active

    def _moved(self, work: _Work, pressed: Pressed | None) -> Standings:
        """The account once the page has arrived."""
        account = work.inquiry.account
        taken = work.draft.entries[: pressed.taken] if pressed else ()
        for channel, seqs in accounted(taken).items():
            account.add(channel, seqs)
        return account

    def _moved_on(self, work: _Work, account: Standings, before: Kept | None) -> Kept | None:
        """What the token stands for from now on; ``None`` where nothing is to be written.

        Args:
            work: the page.
            account: once it has arrived.
            before: what another page of the same batch made of the token: a device asks again while it waits.
        """
        if not work.token or not tokens.is_kept(account):
            return None
        if work.kept is None:
            # A device that reads no marks has what the rest of the page makes of it.
            fresh = Kept(terms=work.inquiry.terms, base=work.inquiry.account)
            return fresh if account is work.inquiry.account else fresh.answered(account)
        if work.kept.base.digest == account.digest:
            return None
        same = before is not None and before.base.digest == work.kept.base.digest
        return (before if before is not None and same else work.kept).answered(account)


def proven(store: Store, rates: Rates, device: str, request: Resync, now_ms: int) -> Kept:
    """What a device's token stands for, with the account that the request's digest proves.

    Raises:
        ProtocolError: the token stands for nothing such (code TOKEN), or the device asks too much (BUSY).
        Unavailable: the store failed.
    """
    blob = store.token(device, request.token)
    if blob is not None and not rates.admit(device, now_ms, cost=len(blob) // _KEPT_BYTES):
        raise _too_many()
    kept = tokens.load_kept(blob).proven(request.digest) if blob is not None else None
    if kept is None:
        raise tokens.unknown()
    return kept


def _too_many() -> ProtocolError:
    return ProtocolError("too many requests", wire_code=Code.BUSY)
