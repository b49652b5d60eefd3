"""What the service knows of a device between its requests (SPEC.md, "Tokens").

Sent is not received: an account moves on only when a later request proves by its digest that the page
arrived. Until then both stand, the one before and those that pages may have made of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from hashlib import blake2b
from typing import Any, Final

import cbor2

from tidelog.codec.page import Rule
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import TOKEN_BYTES
from tidelog.wire.page_frames import Resync
from tidelog.wire.standings import Standings, dump, load
from tidelog_service.engine.inquiries import Inquiry, Terms, standing_of

PENDING_MAX: Final = 3
"""Accounts that may have become of the last one: a device asks again while an answer is slow."""

ACCOUNT_BYTES_MAX: Final = 1 << 18
"""A larger account is not kept: the device states it in full, which is work to read but none to keep.

It is four times what one request can state; with those that may become of it a token takes four times that.
"""

_STANDING_BYTES: Final = 16
"""Of a channel beside its name and runs, as it lies in the store."""

_RUN_BYTES: Final = 10
"""Of a run: two seqs below 2^32."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What a page makes of an account where it arrives.

    Attributes:
        digest: of the account then.
        put: standings that it adds or replaces, as `tidelog.wire.standings.dump` writes them: few are read.
        gone: channels that leave it.
    """

    digest: int
    put: bytes
    gone: tuple[str, ...]

    def applied(self, base: Standings) -> Standings:
        """The account then."""
        account = base.copy()
        for standing in load(self.put):
            account.put(standing)
        for channel in self.gone:
            account.remove(channel)
        return account


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a token stands for.

    Attributes:
        terms: of the request that it was given to.
        base: the account that is proven.
        pending: those that may have become of it, the latest last.
        arrived: whether a request has named the latest of them. The one before stands all the same: a device
            that is set back to it need not say everything anew.
        before: what is in the store where this was made of it by a digest; not kept itself.
    """

    terms: Terms
    base: Standings
    pending: tuple[Pending, ...] = ()
    arrived: bool = False
    before: Kept | None = None

    def proven(self, digest: int) -> Kept | None:
        """What it stands for once a device has named a digest; ``None`` where none of its accounts has it."""
        for pending in reversed(self.pending):
            if pending.digest == digest:
                return Kept(terms=self.terms, base=pending.applied(self.base), before=self)
        return self if self.base.digest == digest else None

    def confirmed(self) -> Kept | None:
        """What is to be kept where a request has named this, and asks for no more; ``None`` for no change."""
        before = self.before
        if before is None or before.arrived or before.pending[-1].digest != self.base.digest:
            return None
        return replace(before, arrived=True)

    def answered(self, account: Standings) -> Kept:
        """What it stands for once a page went out that would make this of the account."""
        before = {standing.channel: standing for standing in self.base}
        put = dump(one for one in account if before.get(one.channel) != one)
        gone = tuple(name for name in before if name not in account)
        digest = account.digest  # it takes a step for each channel
        others = [one for one in self.pending if one.digest != digest]
        pending = (*others, Pending(digest, put, gone))[-PENDING_MAX:]
        return Kept(terms=self.terms, base=self.base, pending=pending)

    def dump(self) -> bytes:
        """It as it lies in the store."""
        pending = [[one.digest, one.put, list(one.gone)] for one in self.pending]
        return cbor2.dumps([_terms(self.terms), dump(self.base), pending, *([True] if self.arrived else [])])


def is_kept(account: Standings) -> bool:
    """Whether an account is small enough to be kept."""
    runs = sum(len(one.have.runs) for one in account)
    names = sum(len(one.channel.encode()) for one in account)
    return names + _STANDING_BYTES * len(account) + _RUN_BYTES * runs <= ACCOUNT_BYTES_MAX


def load_kept(blob: bytes) -> Kept:
    """The inverse of `Kept.dump`.

    Raises:
        ProtocolError: it is not what was kept (code TOKEN): the device states everything anew.
    """
    try:
        terms, base, pending, *arrived = cbor2.loads(blob)
        return Kept(
            arrived=bool(arrived),
            terms=_read_terms(terms),
            base=load(base),
            pending=tuple(Pending(digest, put, tuple(gone)) for digest, put, gone in pending),
        )
    except (TypeError, ValueError, cbor2.CBORError) as error:
        raise unknown() from error


def asked(kept: Kept, request: Resync) -> Inquiry:
    """The inquiry of a request by token.

    Args:
        kept: what the token stands for, proven by the request's digest.
        request: what has changed since.

    Raises:
        ProtocolError: a change is of a channel that the account lacks.
    """
    account = kept.base.copy()
    account.change(request.grown, request.changes)
    for statement in request.statements:
        account.put(standing_of(statement))
    return Inquiry(rid=request.rid, terms=kept.terms, account=account, room=request.room, keep=True)


def made(device: str, rid: int, now_ms: int) -> bytes:
    """A token that the device is most unlikely to have already."""
    told = f"{device} {rid} {now_ms}".encode()
    return blake2b(told, digest_size=TOKEN_BYTES).digest()


def unknown() -> ProtocolError:
    """The error for a token that stands for nothing, or for something else than the device means."""
    return ProtocolError("the token is not known, or not with this digest", wire_code=Code.TOKEN)


def _terms(terms: Terms) -> list[Any]:
    return [
        terms.everywhere,
        list(astuple(terms.rule)),
        list(terms.codecs),
        terms.page_bytes,
        terms.context_bytes,
        terms.live,
        terms.plain,
        terms.dictionary,
    ]


def _read_terms(fields: Iterable[Any]) -> Terms:
    everywhere, rule, codecs, page_bytes, context, live, plain, dictionary = fields
    newest, oldest_first, by_channel, seconds = rule
    return Terms(
        everywhere=everywhere,
        rule=Rule(newest=newest, oldest_first=oldest_first, by_channel=by_channel, seconds=seconds),
        codecs=tuple(codecs),
        page_bytes=page_bytes,
        context_bytes=context,
        live=live,
        plain=plain,
        dictionary=dictionary,
    )
