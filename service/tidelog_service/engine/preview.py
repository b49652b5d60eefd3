"""How many records a sync would bring, and what it would take (SPEC.md, "Estimate").

The first pages are made as they would be and thrown away. Where they hold all, that is the answer. Else pages
from further on are made too, as if what comes before had arrived, and what lies between is taken to be alike.
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
from tidelog.wire.standings import Standing, Standings
from tidelog_service.engine.inquiries import Inquiry
from tidelog_service.engine.ports import Log, Store

_PAGES: Final = 4
"""Pages that are made one after the other. A device that holds nothing gains most by its first ones, and a
sync of so many is foreseen to the byte."""

_PARTS: Final = (0.4, 0.8)
"""How much of the rest has arrived before each of the others that are made."""

_TOLD_BYTES: Final = 9
"""What it takes to tell of a channel beside its name."""

_RUN_LOOKS: Final = 4
"""What adding up a run of numbers by the sums that are kept takes, as sizes read one by one."""

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
        more: whether another page comes after it.
        account: what the device has once it has arrived.
    """

    payload_bytes: int
    body_bytes: int
    taken: int
    lacks: tuple[Lack, ...]
    untold: bool
    more: bool
    account: Standings

    @property
    def ratio(self) -> float:
        """Payload for each byte of bodies."""
        return self.payload_bytes / max(self.body_bytes, 1)


class _Rest(NamedTuple):
    """What is foreseen of pages that are not made: as in an `Estimate`, and how much goes into one."""

    records: int
    body_bytes: int
    payload_bytes: int
    fill_bytes: int


_NOTHING: Final = _Rest(0, 0, 0, 0)


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
    pages = [rehearse(replace(inquiry, account=inquiry.account.copy()))]
    while pages[-1].more and len(pages) < _PAGES:
        pages.append(rehearse(replace(inquiry, account=pages[-1].account)))
    last, rest = pages[-1], _NOTHING
    if last.more:
        rest = _foreseen(replace(inquiry, account=last.account), logs, store, rehearse, untold=last.untold)
    return Estimate(
        rid=inquiry.rid,
        records=sum(page.taken for page in pages) + rest.records,
        pages=len(pages) + -(-rest.payload_bytes // max(rest.fill_bytes, 1)),
        page_bytes=sum(page.payload_bytes for page in pages) + rest.payload_bytes,
        body_bytes=sum(page.body_bytes for page in pages) + rest.body_bytes,
    )


def _foreseen(
    inquiry: Inquiry,
    logs: dict[str, Log],
    store: Store,
    rehearse: Callable[[Inquiry], Rehearsal],
    *,
    untold: bool,
) -> _Rest:
    """What is left when the first pages have arrived, by some pages from further on."""
    header_bytes = 0
    if untold:
        known, inquiry = inquiry.account, _told(inquiry, logs)
        fresh = [name for name in inquiry.account.names() if known.get(name) is None]
        header_bytes = sum(_TOLD_BYTES + len(name.encode()) for name in fresh)
    following = rehearse(_as_if(inquiry, logs, (), 0.0))
    lacks = following.lacks
    records, body_bytes = _totals(lacks, logs, store, inquiry.max_body)
    points = [(0.0, following.ratio)]
    for part in _PARTS:
        further = rehearse(_as_if(inquiry, logs, lacks, part))
        points.append((part, further.ratio if further.taken else points[-1][1]))
    travel_bytes = int(body_bytes * _mean([*points, (1.0, points[-1][1])]))
    fill_bytes = following.payload_bytes if following.more else inquiry.limit_bytes
    return _Rest(records, body_bytes, travel_bytes + header_bytes, fill_bytes)


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
        log_id, numbered = logs[lack.channel].id, lack.seqs.count
        if not max_body and len(lack.seqs.runs) * _RUN_LOOKS < numbered:
            found = store.tally(log_id, lack.seqs)
            records += found.records
            size += found.body_bytes
            numbers += numbered
        elif left > 0:
            sizes = store.sizes(log_id, lack.seqs, records_max=left)
            records += len(sizes)
            size += sum(_travels(each, max_body) for _, each in sizes)
            left -= len(sizes)
            numbers += numbered if left > 0 else len(sizes)
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
