"""Drafts of pages: what is told of channels, what is lacking, and the records that may go.

Work grows with what is missing: what is lacking is told by ranges, and rows are read until a page is full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tidelog.codec import bodies
from tidelog.codec.context import Entry
from tidelog.codec.page import Lack, seqs_by_channel
from tidelog.wire import runs
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX, PAGE_RECORDS_MAX
from tidelog.wire.page_frames import Screened
from tidelog.wire.queries import Filter
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standings
from tidelog_service.engine.burying import bury
from tidelog_service.engine.drafts import Draft
from tidelog_service.engine.filtering import passing, scoped
from tidelog_service.engine.inquiries import Inquiry
from tidelog_service.engine.ports import Log, Store
from tidelog_service.engine.reading import Line, ordered
from tidelog_service.engine.telling import NAME_BYTES, NO_BOUND, miss, tell
from tidelog_service.engine.voiding import void

_TIED_BYTES_MIN: Final = 1_024
"""Smaller pages bring all deletes: their headers may have no room for what one voids."""

_WHOLE_BYTES_MAX: Final = 8 << 20
"""Of bodies read for a page that may have their beginnings only: some 20 ms."""


def draft(inquiry: Inquiry, logs: Mapping[str, Log], store: Store, *, text_bytes_max: int) -> Draft:
    """Find what a page may have.

    Args:
        inquiry: what the device has and asks for; its account is changed as the page's header tells.
        logs: every channel that the device's user may read, by name; nothing else is ever looked at.
        store: read by primary-key ranges only.
        text_bytes_max: bodies beyond so many bytes are not read: the page will hold no more.

    Raises:
        Unavailable: the store failed.
        ProtocolError: the request states more channels than an account may have (code LIMIT).
    """
    made = _begun(inquiry, logs)
    room = miss(made, room=inquiry.limit_bytes // 2)
    if inquiry.filter is not None:
        _choose(made, inquiry.filter, store)
    room = tell(made, room=room)
    if inquiry.terms.context_bytes:
        room = bury(made, store, room=room)
    inquiry.account.tell(made.told, made.gone)
    lacks = _lacks(made)
    made.lacking += sum(lack.seqs.count for lack in lacks)
    lines = _lines(made, lacks, store)
    _read(made, list(lines.values()), text_bytes_max)
    if any(line.voids() for line in lines.values()):
        before = sum(lack.seqs.count for lack in lacks)
        room = void(made, lines, room=room)
        lacks = _lacks(made)
        made.lacking += sum(lack.seqs.count for lack in lacks) - before
    made.every = tuple(lacks)
    if made.passing is not None:
        lacks = _screen(made, lacks, room=room)
    concerned = {entry.channel for entry in made.entries}
    made.lacks = [lack for lack in lacks if lack.channel in concerned]
    return made


def outstanding(inquiry: Inquiry, logs: Mapping[str, Log], store: Store) -> tuple[int, int]:
    """How much a device is yet to be told.

    Args:
        inquiry: what the device has and asks for; its account is changed as pages would tell.
        logs: every channel that the device's user may read, by name.
        store: asked where the inquiry has a filter, by index.

    Returns:
        how many records it lacks, and of how many channels there is something else to tell.

    Raises:
        ProtocolError: as `draft`.
    """
    made = _begun(inquiry, logs)
    if inquiry.filter is not None:
        _choose(made, inquiry.filter, store)
    tell(made, room=miss(made, room=NO_BOUND))
    inquiry.account.tell(made.told, made.gone)
    lacks = _lacks(made)
    return sum(lack.seqs.count for lack in lacks), len(made.told) + len(made.gone)


def _begun(inquiry: Inquiry, logs: Mapping[str, Log]) -> Draft:
    places = {name: at for at, name in enumerate(inquiry.account.names())}
    scope = logs if inquiry.terms.everywhere else {name: logs[name] for name in places if name in logs}
    return Draft(inquiry=inquiry, logs=scope, places=places)


def _choose(made: Draft, filter_: Filter, store: Store) -> None:
    """Find what passes and is lacking, of every channel in scope."""
    made.passing = {}
    for name, log in scoped(filter_, made.logs).items():
        standing = made.inquiry.account.get(name)
        known = standing is not None and standing.epoch == log.epoch
        found = passing(
            filter_,
            log,
            store,
            have=standing.have if standing is not None and known else EMPTY,
            want=standing.want if standing is not None else None,
            count_max=PAGE_RECORDS_MAX,
            oldest_first=made.inquiry.terms.rule.oldest_first,
        )
        made.looked += found.looked
        # More passes than fits a page: that there is more is all that is to be known of it here.
        made.lacking += bool(found.rest)
        if found.seqs:
            made.passing[name] = found.seqs


def _lacks(made: Draft) -> list[Lack]:
    """What is lacking of every channel in scope, ascending by place."""
    found = []
    newest = made.inquiry.terms.rule.newest
    for place, standing in enumerate(made.inquiry.account):
        log = made.logs.get(standing.channel)
        if log is None or log.epoch != standing.epoch:
            continue
        if made.passing is not None:
            if seqs := made.passing.get(log.name, EMPTY) - standing.have:
                found.append(Lack(place, standing.channel, log.head, seqs))
            continue
        if standing.want is None and not newest and standing.have.runs == ((log.floor, log.head + 1),):
            continue  # the rule, and there may be a thousand of them
        seqs = standing.lacking(log.head, newest=newest)
        if seqs:
            found.append(Lack(place, standing.channel, log.head, seqs))
    return found


def _lines(made: Draft, lacks: Sequence[Lack], store: Store) -> dict[str, Line]:
    """What is lacking, to be read, by channel."""
    inquiry = made.inquiry
    return {
        lack.channel: Line(
            store,
            made.logs[lack.channel],
            lack.seqs,
            rule=inquiry.terms.rule,
            others=len(lacks),
            have=_have_of(inquiry.account, lack.channel) if _ties(inquiry) else None,
            max_body=inquiry.max_body,
        )
        for lack in lacks
    }


def _ties(inquiry: Inquiry) -> bool:
    """Whether deletes of nothing that the device has are passed over; with a filter all that pass go."""
    return inquiry.filter is None and inquiry.limit_bytes >= _TIED_BYTES_MIN


def _have_of(account: Standings, channel: str) -> RangeSet:
    standing = account.get(channel)
    return standing.have if standing is not None else EMPTY


def _read(made: Draft, lines: Sequence[Line], text_bytes_max: int) -> None:
    """Read records until the page is full, or one comes that may not go yet."""
    left, unread = min(text_bytes_max, PAGE_BODIES_BYTES_MAX), _WHOLE_BYTES_MAX
    hides = _hider(made)
    for entry in ordered(lines, made.inquiry.terms.rule):
        if hides(entry):
            return
        left -= bodies.size(entry.body)
        unread -= entry.body_bytes
        if made.entries and (min(left, unread) < 0 or len(made.entries) >= PAGE_RECORDS_MAX):
            return
        made.entries.append(entry)


def _hider(made: Draft) -> Callable[[Entry], bool]:
    """Tells of a record whether one of a hidden channel may come before it."""
    rule = made.inquiry.terms.rule
    if not made.hidden:
        return lambda _entry: False
    if rule.by_channel:
        first = min(made.places.get(log.name, len(made.places)) for log in made.hidden)
        return lambda entry: made.places.get(entry.channel, first) > first
    if rule.oldest_first:
        return lambda _entry: True
    time = max(log.time for log in made.hidden)
    return lambda entry: entry.meta.time <= time


def _screen(made: Draft, lacks: Sequence[Lack], *, room: int) -> list[Lack]:
    """Say which lacking seqs the page is about: those that may go, as far as there is room to say it."""
    while True:
        seqs = seqs_by_channel(made.entries)
        found = [lack._replace(seqs=seqs[lack.channel]) for lack in lacks if lack.channel in seqs]
        made.screened = tuple(Screened(lack.place, lack.seqs) for lack in found)
        size = sum(NAME_BYTES + NAME_BYTES + len(runs.encode(one.seqs)) for one in made.screened)
        if size <= room:
            return found
        del made.entries[len(made.entries) // 2 :]
