"""Pages put together: drafted, primed, compressed side by side, and packed (SPEC.md, "Page")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidelog.codec import offered
from tidelog.codec.dictionaries import BUILTIN, builtin
from tidelog.codec.press import Pressed, PressJob
from tidelog.wire import packed
from tidelog.wire.limits import PACKET_BYTES_MAX
from tidelog.wire.page_frames import Content, Page
from tidelog_service.engine.dictionaries import Library
from tidelog_service.engine.drafting import draft
from tidelog_service.engine.effort import effort
from tidelog_service.engine.experience import Experience
from tidelog_service.engine.inquiries import Inquiry
from tidelog_service.engine.ports import Log, Press, Store, Terminal
from tidelog_service.engine.reading import Memory
from tidelog_service.engine.tokens import Kept
from tidelog_service.engine.works import Work

_FRAME_BYTES: Final = 16
"""A page's fixed fields, generously."""

_DICTIONARY_UNDER_BYTES: Final = (8 << 10, 64 << 10)
"""Of context, up to which the built-in dictionary helps, and a trained one; beyond it they cost bytes."""

_HOLDS_LITTLE: Final = 500
"""Records held, up to which a device is told of a trained dictionary: it pays back slowly."""


class Composer:
    """Puts pages together. One thread owns it.

    Args:
        store: the durable state.
        press: compresses.
        library: the trained dictionaries.
        context_bytes_max: the operator's bound on what primes a page.
    """

    def __init__(self, store: Store, press: Press, *, library: Library, context_bytes_max: int) -> None:
        """See the class."""
        self._store = store
        self._press = press
        self._library = library
        self._context_bytes_max = context_bytes_max
        self._memory = Memory()

    def drafted(
        self,
        terminal: Terminal,
        inquiry: Inquiry,
        logs: dict[str, Log],
        experience: Experience,
        *,
        kept: Kept | None = None,
        token: bytes = b"",
        waiting: int = 1,
    ) -> Work:
        """A page of what an inquiry asks for, but for its bodies.

        Args:
            terminal: who asks.
            inquiry: what for; its account is changed as the page's header tells.
            logs: every channel that the device's user may read, by name.
            experience: of the device.
            kept: what the token of the request stands for.
            token: that one, or the one to be given.
            waiting: requests of the same batch, this one included.

        Raises:
            ProtocolError: it asks for too much at once (code LIMIT).
            Unavailable: the store failed.
        """
        held = sum(one.have.count for one in inquiry.account)
        made = draft(inquiry, logs, self._store, text_bytes_max=experience.text_bytes(inquiry.limit_bytes))
        text_bytes = made.text_bytes
        chosen = effort(
            offered=frozenset(inquiry.terms.codecs) & frozenset(offered()),
            device_max=inquiry.terms.context_bytes if made.primable else 0,
            operator_max=self._context_bytes_max,
            bodies_bytes=text_bytes,
            first_bytes=made.first_bytes,
            waiting=(waiting - 1) / max(self._press.size, 1),
        )
        work = Work(
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

    def _prepare(self, work: Work) -> None:
        """Find the context and say what is to be compressed."""
        if not work.draft.entries:
            return
        work.context = work.draft.primed(
            self._store, self._memory, work.effort.context_bytes, codec=work.effort.codec
        )
        header = len(packed.encode(self.page(work, None)))
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

    def _dictionary(self, work: Work, context_bytes: int) -> bytes:
        """The dictionary of the request, where the context is so small that it helps; else nothing."""
        number = work.inquiry.terms.dictionary
        if not work.effort.codec or context_bytes > _DICTIONARY_UNDER_BYTES[number != BUILTIN]:
            return b""
        if number == BUILTIN:
            return builtin().data
        held = self._library.dictionary(number) if number else None
        return held.data if held is not None else b""

    def pressed(self, jobs: Sequence[PressJob]) -> dict[PressJob, Pressed]:
        """Compress, once where several devices lack the same and hold the same."""
        different = list(dict.fromkeys(jobs))
        return dict(zip(different, self._press.press(different), strict=True)) if different else {}

    def fitted(self, work: Work, pressed: Pressed | None) -> tuple[Content | None, Pressed | None]:
        """Pack; where the estimate of the columns was too low, compress fewer bodies until the page fits.

        Args:
            work: the page; its device's experience learns from it.
            pressed: its bodies.

        Returns:
            the content, and the bodies in it; neither where not one fits.
        """
        while work.job is not None and pressed is not None and pressed.taken:
            content = work.content(pressed)
            size = len(packed.encode(self.page(work, content, taken=pressed.taken)))
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

    def page(self, work: Work, content: Content | None, *, taken: int = 0) -> Page:
        """The page with its content and so many records in it."""
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

    def _offered(self, work: Work) -> int:
        """The trained dictionary for a device that holds little, and has just said so; 0 for none."""
        if work.kept or not work.inquiry.keep or work.inquiry.room or work.held > _HOLDS_LITTLE:
            return 0
        active = self._library.active()
        return 0 if active == work.inquiry.terms.dictionary else active
