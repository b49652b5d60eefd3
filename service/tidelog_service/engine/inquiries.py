"""What a device asks for in pages, whether it says so in full or by a token (SPEC.md, "Resync")."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidelog.codec.page import Rule
from tidelog.wire.frames import SyncRequest
from tidelog.wire.queries import Filter
from tidelog.wire.standings import Standing, Standings
from tidelog.wire.statements import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a token stands for beside what the device has.

    Attributes:
        everywhere: whether all of the user's channels are in scope, else those of the account.
        rule: which records come, and in what order.
        codecs: ids that the device can decode.
        page_bytes: what the payload of a page should not exceed.
        context_bytes: of held bodies that may prime a page.
        live: whether the device wants live pushes.
        plain: whether it cannot read primed ones.
        dictionary: id of the one that may come before the context; 0 for none.
    """

    everywhere: bool
    rule: Rule
    codecs: tuple[int, ...]
    page_bytes: int
    context_bytes: int
    live: bool
    plain: bool
    dictionary: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A request for a page.

    Attributes:
        rid: echoed in the answer.
        terms: what it is bound to.
        account: what the device has; the answer may change it.
        filter: which records are asked for; ``None`` where it is no query, and all are.
        room: a strict bound on the answer's payload, bytes; 0 for none.
        keep: whether a token is to be given or moved on.
    """

    rid: int
    terms: Terms
    account: Standings
    filter: Filter | None = None
    room: int = 0
    keep: bool = False

    @property
    def max_body(self) -> int:
        """Of larger bodies only the beginning is asked for; 0 for all of any."""
        return self.filter.max_body if self.filter is not None else 0

    @property
    def limit_bytes(self) -> int:
        """What the payload of the answer may take."""
        return min(self.terms.page_bytes, self.room) if self.room else self.terms.page_bytes


def stated(request: SyncRequest) -> Inquiry:
    """The inquiry of a request that states everything."""
    terms = Terms(
        everywhere=request.everywhere,
        rule=Rule(
            newest=request.newest,
            oldest_first=request.oldest_first,
            by_channel=request.by_channel,
            seconds=request.seconds,
        ),
        codecs=request.codecs,
        page_bytes=request.page_bytes,
        context_bytes=request.context_bytes,
        live=request.live,
        plain=request.plain,
        dictionary=request.dictionary,
    )
    whole = all(statement.want is None for statement in request.statements)
    return Inquiry(
        rid=request.rid,
        terms=terms,
        account=Standings(standing_of(statement) for statement in request.statements),
        room=request.room,
        keep=request.keep and whole,
    )


def filtered(inquiry: Inquiry, filter_: Filter) -> Inquiry:
    """The inquiry of a query: what `newest` of its request says, its filter says."""
    terms = replace(inquiry.terms, rule=replace(inquiry.terms.rule, newest=0))
    return replace(inquiry, terms=terms, filter=filter_)


def unfiltered(inquiry: Inquiry) -> Inquiry:
    """The inquiry as a request has it that is no query, where its filter says no more than such a one can."""
    filter_ = inquiry.filter
    if filter_ is None or replace(filter_, newest=0) != Filter():
        return inquiry
    terms = replace(inquiry.terms, rule=replace(inquiry.terms.rule, newest=filter_.newest))
    return replace(inquiry, terms=terms, filter=None)


def standing_of(statement: Statement) -> Standing:
    """What a statement says, as an account has it."""
    return Standing(statement.channel, statement.epoch, statement.have, want=statement.want)
