"""How many records a sync would bring, and what it would take (SPEC.md, "Estimate").

The first page is made as it would be and thrown away. Where it holds all, that is the answer. Else pages from
further on are made too, as if what comes before had arrived, and what lies between is taken to be alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

from tidelog.codec.page import Lack
from tidelog.wire.limits import STATEMENTS_MAX, STUB_FIRST_BYTES_MAX
from tidelog.wire.queries import Estimate, Filter
from tidelog.wire.ranges import EMPTY
from tidelog.wire.standings import Standing
from tidelog_service.engine.inquiries import Inquiry
from tidelog_service.engine.ports import Log, Store

_PARTS: Final = (0.0, 0.4, 0.8)
"""How much of what lies behind the first page has arrived before the others that are made for an estimate.

A device that holds nothing gains most by its first page: the second one says more of the rest.
"""

_TOLD_BYTES: Final = 9
"""What it takes to tell of a channel beside its name."""

_SIZES_MAX: Final = 1_000_000
"""Records whose sizes are added up: a second. Beyond it the rest counts as being like them."""


class Rehearsal(NamedTuple):
    """A page as it would go out.

    Attributes:
        payload_bytes: of the page.
        body_bytes: of the bodies in it, as far as they travel.
        taken: how many records are in it.
        lacks: what the device lacks and asks for, all of it; nothing of channels that are yet to be told.
        untold: whether there are such.
    """

    payload_bytes: int
    body_bytes: int
    taken: int
    lacks: tuple[Lack, ...]
    untold: bool = False

    @property
    def ratio(self) -> float:
        """Payload for each byte of bodies."""
        return self.payload_bytes / max(self.body_bytes, 1)


def estimate(
    inquiry: Inquiry, logs: dict[str, Log], store: Store, rehearse: Callable[[Inquiry], Rehearsal]
) -> Estimate:
    """Say what a sync would bring and take.

    Args:
        inquiry: what the device has and asks for; left as it is.
        logs: every channel that the device's user may read, by name.
        store: asked for sizes; they are read by index and key, bodies only for the pages made.
        rehearse: makes a page of an inquiry, whose account it may change.

    Raises:
        ProtocolError: the filter asks for too much at once (code LIMIT).
        Unavailable: the store failed.
    """
    first = rehearse(_as_if(inquiry, logs, (), 0.0))
    header_bytes, fill_bytes = 0, first.payload_bytes
    if first.untold:
        known, inquiry = inquiry.account, _told(inquiry, logs)
        first = rehearse(_as_if(inquiry, logs, (), 0.0))
        fresh = [lack.channel for lack in first.lacks if known.get(lack.channel) is None]
        header_bytes = sum(_TOLD_BYTES + len(name.encode()) for name in fresh)
        fill_bytes = inquiry.limit_bytes * 2 // 3
    records, body_bytes = _totals(first.lacks, logs, store, inquiry.max_body)
    if not header_bytes and (first.taken >= records or not first.taken):
        return Estimate(
            rid=inquiry.rid,
            records=first.taken,
            pages=1,
            page_bytes=first.payload_bytes,
            body_bytes=first.body_bytes,
        )
    begun = first.taken / max(records, 1)
    points = []
    for part in _PARTS:
        arrived = begun + (1 - begun) * part
        further = rehearse(_as_if(inquiry, logs, first.lacks, arrived))
        points.append((arrived, further.ratio if further.taken else first.ratio))
    rest_bytes = (body_bytes - first.body_bytes) * _mean([*points, (1.0, points[-1][1])]) + header_bytes
    return Estimate(
        rid=inquiry.rid,
        records=records,
        pages=1 + -(-int(rest_bytes) // max(fill_bytes, 1)),
        page_bytes=first.payload_bytes + int(rest_bytes),
        body_bytes=body_bytes,
    )


def _told(inquiry: Inquiry, logs: Mapping[str, Log]) -> Inquiry:
    """The inquiry once every channel has been told, which takes several pages where they are many."""
    account = inquiry.account.copy()
    names = logs if inquiry.terms.everywhere else [name for name in account.names() if name in logs]
    free = STATEMENTS_MAX - len(account.names())
    for name in names:
        log, before = logs[name], account.get(name)
        free -= before is None
        if before is not None and (before.epoch, before.floor) == (log.epoch, log.floor):
            continue
        if before is not None or (free >= 0 and (inquiry.filter or Filter()).admits(name)):
            had = before.have if before is not None and before.epoch == log.epoch else EMPTY
            want = before.want if before is not None else None
            account.put(Standing(name, log.epoch, had, log.floor, want))
    return replace(inquiry, account=account)


def _as_if(inquiry: Inquiry, logs: Mapping[str, Log], lacks: tuple[Lack, ...], part: float) -> Inquiry:
    """The inquiry once so much of what is lacking has arrived, of each channel alike."""
    account = inquiry.account.copy()
    oldest_first = inquiry.terms.rule.oldest_first
    for lack in lacks:
        count = int(lack.seqs.count * part)
        arrived = lack.seqs.oldest(count) if oldest_first else lack.seqs.newest(count)
        log, before = logs[lack.channel], account.get(lack.channel)
        had = before.have if before is not None and before.epoch == log.epoch else EMPTY
        want = before.want if before is not None else None
        account.put(Standing(log.name, log.epoch, had | arrived, log.floor, want))
    return replace(inquiry, account=account)


def _totals(lacks: tuple[Lack, ...], logs: dict[str, Log], store: Store, max_body: int) -> tuple[int, int]:
    """Records of what is lacking, and bytes of their bodies as far as they travel."""
    records = size = numbers = 0
    left = _SIZES_MAX
    for lack in lacks:
        if left > 0:
            sizes = store.sizes(logs[lack.channel].id, lack.seqs, records_max=left)
            records += len(sizes)
            size += sum(_travels(each, max_body) for _, each in sizes)
            left -= len(sizes)
            numbers += lack.seqs.count if left > 0 else len(sizes)
    every = sum(lack.seqs.count for lack in lacks)
    if left > 0 or not numbers:
        return records, size
    return records * every // numbers, size * every // numbers


def _travels(size: int, max_body: int) -> int:
    """Of a body of this size; edits, which have a little more, are not told apart here."""
    return STUB_FIRST_BYTES_MAX if 0 < max_body < size else size


def _mean(points: list[tuple[float, float]]) -> float:
    """Of a line through these points, over the span of the first coordinates."""
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
    span = points[-1][0] - points[0][0]
    return area / span if span else points[0][1]
