"""A page on its way, from its draft to what its arrival makes of the account."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidelog.codec.context import Context
from tidelog.codec.page import accounted, pack
from tidelog.codec.press import Pressed, PressJob
from tidelog.wire.page_frames import Content, Model
from tidelog.wire.standings import Standings
from tidelog_service.engine import tokens
from tidelog_service.engine.drafts import Draft
from tidelog_service.engine.effort import Effort
from tidelog_service.engine.experience import Experience
from tidelog_service.engine.inquiries import Inquiry
from tidelog_service.engine.tokens import Kept


@dataclass(slots=True, kw_only=True)
class Work:
    """A page on its way.

    Attributes:
        device: which gets it.
        user: whose it is.
        inquiry: what was asked.
        kept: what the token of the request stands for; ``None`` where it has none.
        token: that one, or the one to be given; empty for none.
        experience: of the device, from which it learns.
        draft: what may go.
        text_bytes: of the bodies that may go, with their ends.
        effort: how hard these are compressed.
        held: how many records the device has.
        context: what primes the page.
        dictionary: whether one comes before the context.
        job: the bodies to be compressed; ``None`` where none go.
    """

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
        """What its payload may take."""
        return self.inquiry.limit_bytes

    def content(self, pressed: Pressed) -> Content:
        """The records whose bodies were taken, packed."""
        return pack(
            list(self.inquiry.account),
            self.draft.lacks,
            self.draft.entries[: pressed.taken],
            primed=self.context,
            pressed=pressed,
            model=Model(
                self.effort.context_bytes, pressed.memory_bytes or Model().memory_bytes, self.effort.order
            ),
            dictionary=self.dictionary,
        )

    def arrived(self, pressed: Pressed | None) -> Standings:
        """The account once the page has arrived."""
        account = self.inquiry.account
        taken = self.draft.entries[: pressed.taken] if pressed else ()
        for channel, seqs in accounted(taken).items():
            account.add(channel, seqs)
        return account

    def moved_on(self, account: Standings, before: Kept | None) -> Kept | None:
        """What the token stands for from now on; ``None`` where nothing is to be written.

        Args:
            account: once it has arrived.
            before: what another page of the same batch made of the token: a device asks again while it waits.
        """
        if not self.token or not tokens.is_kept(account):
            return None
        if self.kept is None:
            # A device that reads no marks has what the rest of the page makes of it.
            fresh = Kept(terms=self.inquiry.terms, base=self.inquiry.account)
            return fresh if account is self.inquiry.account else fresh.answered(account)
        if self.kept.base.digest == account.digest:
            return self.kept.confirmed() if before is None else None
        same = before is not None and before.base.digest == self.kept.base.digest
        return (before if before is not None and same else self.kept).answered(account)
