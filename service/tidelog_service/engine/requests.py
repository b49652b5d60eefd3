"""Requests for pages: what each asks for, in full or by a token (SPEC.md, "Sync", "Resync")."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import SyncRequest
from tidelog.wire.page_frames import Resync
from tidelog.wire.queries import Query
from tidelog_service.engine import tokens
from tidelog_service.engine.inquiries import Inquiry, filtered, stated
from tidelog_service.engine.ports import Store, Terminal
from tidelog_service.engine.rates import Rates
from tidelog_service.engine.tokens import Kept

_KEPT_BYTES: Final = 4_096
"""A request by token costs one more for each so many bytes of what is kept: it is read, and written again."""


class Asked(NamedTuple):
    """A request that may be served."""

    terminal: Terminal
    request: SyncRequest | Resync
    query: Query | None = None


def inquired(
    asked: Asked, store: Store, rates: Rates, now_ms: int, *, page_bytes_max: int
) -> tuple[Inquiry, Kept | None]:
    """What a request asks for, and what its token stands for; ``None`` where it has none.

    Args:
        asked: the request.
        store: asked for the token.
        rates: how much the device may ask: a token's account is work too.
        now_ms: the service's clock, Unix milliseconds.
        page_bytes_max: the operator's bound on a page.

    Raises:
        ProtocolError: as `proven`.
        Unavailable: the store failed.
    """
    kept: Kept | None = None
    if isinstance(asked.request, Resync):
        kept = proven(store, rates, asked.terminal.device, asked.request, now_ms)
        inquiry = tokens.asked(kept, asked.request)
    else:
        inquiry = stated(asked.request)
    if asked.query is not None:
        inquiry = filtered(inquiry, asked.query.filter)
    terms = replace(inquiry.terms, page_bytes=min(inquiry.terms.page_bytes, page_bytes_max))
    return replace(inquiry, terms=terms), kept


def proven(store: Store, rates: Rates, device: str, request: Resync, now_ms: int) -> Kept:
    """What a device's token stands for, with the account that the request's digest proves.

    Raises:
        ProtocolError: the token stands for nothing such (code TOKEN), or the device asks too much (BUSY).
        Unavailable: the store failed.
    """
    blob = store.token(device, request.token)
    if blob is not None and not rates.admit(device, now_ms, cost=len(blob) // _KEPT_BYTES):
        raise too_many()
    kept = tokens.load_kept(blob).proven(request.digest) if blob is not None else None
    if kept is None:
        raise tokens.unknown()
    return kept


def too_many() -> ProtocolError:
    """The error for a device that asks more than it may for now (code BUSY)."""
    return ProtocolError("too many requests", wire_code=Code.BUSY)
