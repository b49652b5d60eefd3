"""Answers with pages, a batch at a time: their bodies are compressed side by side (SPEC.md, "Page")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tidelog.codec.press import Pressed
from tidelog.wire import packed
from tidelog.wire import payload as wire
from tidelog.wire.errors import Code, ProtocolError, TidelogError, Unavailable
from tidelog.wire.frames import Fault
from tidelog.wire.page_frames import Resync
from tidelog.wire.payload import Encoding
from tidelog_service.engine import tokens
from tidelog_service.engine.composing import Composer
from tidelog_service.engine.dictionaries import Library
from tidelog_service.engine.experience import Experiences
from tidelog_service.engine.inquiries import Inquiry, unfiltered
from tidelog_service.engine.manifest import Survey, in_scope, manifest
from tidelog_service.engine.marks import marked
from tidelog_service.engine.packets import Bounds, Reply, Tally, refused
from tidelog_service.engine.ports import KeptToken, Press, Store
from tidelog_service.engine.presence import Attendance
from tidelog_service.engine.preview import Rehearsal, estimate
from tidelog_service.engine.rates import Rates
from tidelog_service.engine.requests import Asked, inquired, too_many
from tidelog_service.engine.tokens import Kept
from tidelog_service.engine.works import Work

_LOOKS_FREE: Final = 8_192
LOOKS: Final = 512
"""A page costs one more for each so many held records looked at, beyond those that a context has."""


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
        self._rates = rates
        self._attendance = attendance
        self._bounds = bounds
        self._tally = tally
        self._experiences = Experiences()
        self._composer = Composer(store, press, library=library, context_bytes_max=bounds.context_bytes_max)

    def answer(self, batch: Sequence[Asked], now_ms: int) -> list[Reply]:
        """Answer each request with a page, or a fault.

        Args:
            batch: in the order of arrival.
            now_ms: the service's clock, Unix milliseconds.
        """
        replies: list[Reply] = []
        works: list[Work] = []
        for asked in batch:
            try:
                works.append(self._begin(asked, now_ms, waiting=len(batch)))
            except TidelogError as error:
                replies.append(self._fault(asked, error))
        pressed = self._composer.pressed([work.job for work in works if work.job is not None])
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
        # What is previewed is a sync, and one that chooses nothing is asked for by a plain request.
        inquiry = unfiltered(inquiry)
        device = asked.terminal.device
        logs = self._store.logs_of(asked.terminal.user_id)
        experience = replace(self._experiences.of(device))

        def rehearse(as_if: Inquiry) -> Rehearsal:
            work = self._composer.drafted(asked.terminal, as_if, logs, experience)
            pressed = self._composer.pressed([work.job])[work.job] if work.job is not None else None
            content, pressed = self._composer.fitted(work, pressed)
            taken = work.draft.entries[: pressed.taken] if pressed else []
            page = self._composer.page(work, content, taken=len(taken))
            looked = work.draft.looked // LOOKS
            self._rates.charge(device, now_ms, cost=1 + looked)
            return Rehearsal(
                payload_bytes=len(packed.encode(page)),
                body_bytes=sum(len(entry.body) for entry in taken),
                taken=len(taken),
                lacks=work.draft.every,
                untold=work.draft.untold,
                more=page.more,
                account=work.arrived(pressed),
            )

        found = estimate(inquiry, logs, self._store, rehearse)
        self._rates.charge(device, now_ms, cost=found.records // LOOKS)
        return wire.encode(found, encoding)

    def _inquiry(self, asked: Asked, now_ms: int) -> tuple[Inquiry, Kept | None]:
        return inquired(asked, self._store, self._rates, now_ms, page_bytes_max=self._bounds.page_bytes)

    def _keep(self, kept: Sequence[KeptToken], now_ms: int) -> None:
        """Where the store fails the tokens are lost: devices learn it with their next request."""
        try:
            self._store.keep_tokens(kept, now_ms)
        except Unavailable:
            self._tally["tokens_lost"] += len(kept)

    def _fault(self, asked: Asked, error: TidelogError) -> Reply:
        code = error.wire_code if isinstance(error, ProtocolError) else Code.BUSY
        text = "" if code is Code.TOKEN or asked.request.room else str(error)
        fault = Fault(code=code, rid=asked.request.rid, text=text)
        return refused(self._tally, asked.terminal.device, fault)

    # Before the bodies are compressed

    def _begin(self, asked: Asked, now_ms: int, *, waiting: int) -> Work:
        device = asked.terminal.device
        if not self._rates.admit(device, now_ms, cost=0):
            # What it asked for before has taken more than was known when this was admitted.
            raise too_many()
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
        work = self._composer.drafted(
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

    # After that

    def _finish(self, work: Work, pressed: Pressed | None, moved: dict[tuple[str, bytes], Kept]) -> Reply:
        content, pressed = self._composer.fitted(work, pressed)
        account = work.arrived(pressed)
        page = self._composer.page(work, content, taken=pressed.taken if pressed else 0)
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
        kept = work.moved_on(account, moved.get(key))
        if kept is not None:
            moved[key] = kept
        elif not work.kept:
            page = replace(page, token=b"")
        self._tally["answered"] += 1
        self._tally["sent"] += pressed.taken if pressed else 0
        bodies = tuple(len(entry.body) for entry in work.draft.entries[: pressed.taken if pressed else 0])
        return Reply(work.device, packed.encode(page), bodies=bodies)
