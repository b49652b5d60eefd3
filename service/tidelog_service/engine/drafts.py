"""A page before its bodies are compressed: what to tell, which records may go, what primes them.

Work grows with what is missing: what is lacking is told by ranges, and rows are read until a page is full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice, takewhile
from typing import Final

from tidelog.codec import bodies
from tidelog.codec.context import Context, Entry, history_records
from tidelog.codec.page import Lack, prime, seqs_by_channel
from tidelog.wire import cbor, runs
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX, PAGE_RECORDS_MAX, SEQ_STOP, STATEMENTS_MAX
from tidelog.wire.page_frames import Model, Screened
from tidelog.wire.queries import Filter
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import voided_by
from tidelog.wire.standings import Standing, Standings, Told
from tidelog_service.engine.filtering import passing, scoped
from tidelog_service.engine.inquiries import Inquiry
from tidelog_service.engine.ports import Log, Store
from tidelog_service.engine.reading import Line, Memory, StoredHeld, ordered

_TIED_BYTES_MIN: Final = 1_024
"""Smaller pages bring all deletes: their headers may have no room for what one voids."""

_REVISIONS_MAX: Final = 1_024
"""Edits and deletes looked at for a page: a millisecond."""

_REVISIONS_BYTES_MAX: Final = 1 << 16
"""Of their bodies: as sets of single seqs they take some 80 ms to read."""

_REVISION_LOOKS: Final = 32
"""Bytes of them that take as long as a held record."""

_WHOLE_BYTES_MAX: Final = 8 << 20
"""Of bodies read for a page that may have their beginnings only: some 20 ms."""

_NO_BOUND: Final = 1 << 30
"""Room for all that there is to tell, where nothing is sent."""
_NAME_BYTES: Final = 3
"""The length before a string, generously."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """What may go into a page.

    Attributes:
        inquiry: what was asked; its account is as the page's header leaves it.
        logs: the channels in scope, by name.
        places: of the channels in the account that was stated.
        told: the page's header.
        gone: channels of the account that are not to be had, as far as it does not say so.
        untold: whether there is something to tell of channels for which the header has no room.
        hidden: those that can be had, and whose records can not go before they are told.
        primable: whether both sides have the same account of what the device holds; not where the header had
            no room for what became of its channels.
        every: all that the device lacks and asks for.
        lacks: the channels with records in ``entries``, ascending by place.
        entries: records that may go, in the order of the answer.
        lacking: how many records the device lacks in all.
        looked: how many held records were looked at, or as much other work.
        passing: what passes the filter of a query and is lacking, by channel; ``None`` where it is none.
        screened: what the page has to say of it.
    """

    inquiry: Inquiry
    logs: Mapping[str, Log]
    places: Mapping[str, int]
    told: list[Told] = field(default_factory=list)
    gone: tuple[str, ...] = ()
    untold: bool = False
    hidden: list[Log] = field(default_factory=list)
    primable: bool = True
    every: tuple[Lack, ...] = ()
    lacks: list[Lack] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    lacking: int = 0
    looked: int = 0
    passing: dict[str, RangeSet] | None = None
    screened: tuple[Screened, ...] = ()

    @property
    def text_bytes(self) -> int:
        """Of the bodies that may go, with their ends."""
        return sum(bodies.size(entry.body) for entry in self.entries)

    @property
    def first_bytes(self) -> int:
        """Of the first body, with its end; 0 where there is none."""
        return bodies.size(self.entries[0].body) if self.entries else 0

    def primed(self, store: Store, memory: Memory, context_bytes: int, *, codec: int) -> Context:
        """What primes the page, for a budget of context."""
        held = StoredHeld(store, memory, self.logs, self.inquiry.account, self.inquiry.terms.rule)
        history = history_records(len(self.entries))
        found = prime(self.lacks, held, Model(context_bytes), codec=codec, history=history)
        self.looked += held.looked
        return found


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
    account, scope = inquiry.account, made.logs
    room = _miss(made, room=inquiry.limit_bytes // 2)
    if inquiry.filter is not None:
        _choose(made, inquiry.filter, store)
    room = _tell(made, room=room)
    if inquiry.terms.context_bytes:
        room = _bury(made, store, room=room)
    account.tell(made.told, made.gone)
    lacks = _lacks(made, scope)
    made.lacking += sum(lack.seqs.count for lack in lacks)
    lines = {
        lack.channel: Line(
            store,
            scope[lack.channel],
            lack.seqs,
            rule=inquiry.terms.rule,
            others=len(lacks),
            have=_have_of(account, lack.channel) if _ties(inquiry) else None,
            max_body=inquiry.max_body,
        )
        for lack in lacks
    }
    _read(made, list(lines.values()), text_bytes_max)
    if any(line.voids() for line in lines.values()):
        before = sum(lack.seqs.count for lack in lacks)
        room = _void(made, lines, room=room)
        lacks = _lacks(made, scope)
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
    _tell(made, room=_miss(made, room=_NO_BOUND))
    inquiry.account.tell(made.told, made.gone)
    lacks = _lacks(made, made.logs)
    return sum(lack.seqs.count for lack in lacks), len(made.told) + len(made.gone)


def _begun(inquiry: Inquiry, logs: Mapping[str, Log]) -> Draft:
    places = {name: at for at, name in enumerate(inquiry.account.names())}
    scope = logs if inquiry.terms.everywhere else {name: logs[name] for name in places if name in logs}
    return Draft(inquiry=inquiry, logs=scope, places=places)


def _miss(made: Draft, *, room: int) -> int:
    """Name channels of the account that are not to be had, as far as there is room; what is left of it."""
    known = made.inquiry.account
    missing = [one.channel for one in known if not one.gone and _is_over(made, one)]
    sizes = accumulate(_NAME_BYTES + len(name.encode()) for name in missing)
    fitting = list(takewhile(lambda size: size <= room, sizes))
    made.gone = tuple(missing[: len(fitting)])
    made.untold = len(made.gone) < len(missing)
    made.primable = not made.untold
    return room - (fitting[-1] if fitting else 0)


def _is_over(made: Draft, standing: Standing) -> bool:
    """Whether nothing of a channel can ever come again.

    That of one that the user has left is over when the device has it all. It then primes nothing either: what
    is deleted there is not told any more. Who asks for it by name asks for what there is.
    """
    log = made.logs.get(standing.channel)
    if log is None:
        return True
    whole = RangeSet([(log.floor, log.head + 1)])
    return (
        log.left
        and made.inquiry.terms.everywhere
        and standing.epoch == log.epoch
        and not whole - standing.have
    )


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


def _screen(made: Draft, lacks: Sequence[Lack], *, room: int) -> list[Lack]:
    """Say which lacking seqs the page is about: those that may go, as far as there is room to say it."""
    while True:
        seqs = seqs_by_channel(made.entries)
        found = [lack._replace(seqs=seqs[lack.channel]) for lack in lacks if lack.channel in seqs]
        made.screened = tuple(Screened(lack.place, lack.seqs) for lack in found)
        size = sum(_NAME_BYTES + _NAME_BYTES + len(runs.encode(one.seqs)) for one in made.screened)
        if size <= room:
            return found
        del made.entries[len(made.entries) // 2 :]


def _tell(made: Draft, *, room: int) -> int:
    """Say what is new of channels beside records, as far as there is room; what is left of it.

    What became of the device's own channels goes first, as pages are made for what it holds; then those
    that it does not know, the ones written last first. An account that is full gets no more of those.
    """
    account = made.inquiry.account
    free = STATEMENTS_MAX - sum(not one.gone for one in account) + len(made.gone)
    by_place = made.places if made.inquiry.terms.rule.by_channel else {}
    over = {one.channel for one in account if _is_over(made, one)}
    for log in sorted(
        made.logs.values(),
        key=lambda log: (log.name not in account, by_place.get(log.name, 0), -log.time, log.name),
    ):
        standing = account.get(log.name)
        if standing is not None and (standing.epoch, standing.floor) == (log.epoch, log.floor):
            continue
        if standing is not None and log.name in over:
            continue
        if standing is None and made.passing is not None and log.name not in made.passing:
            continue
        takes_place = standing is None or standing.gone
        if takes_place and free <= 0:
            continue
        cost = _told_bytes(log, made.places.get(log.name))
        if made.hidden or cost > room:
            made.untold = True
            made.primable = made.primable and takes_place
            made.hidden.append(log)
            continue
        room -= cost
        free -= takes_place
        named = log.name if standing is None else made.places[log.name]
        made.told.append(Told(named, log.epoch, log.floor))
    return room


def _bury(made: Draft, store: Store, *, room: int) -> int:
    """Say which records of the device's are dead, by edits and deletes that it lacks; the room that is left.

    The service has no such records any more, and the device does not know it: else they would prime on one
    side alone. Where that cannot be said here, nothing primes the page.
    """
    told = {one.channel for one in made.told}
    records_left, bytes_left = _REVISIONS_MAX, _REVISIONS_BYTES_MAX
    for standing in made.inquiry.account:
        log = made.logs.get(standing.channel)
        if log is None or not log.revisions or not standing.have or standing.epoch != log.epoch:
            continue
        if log.name in made.gone:
            continue
        if standing.gone and made.places[log.name] not in told:
            continue
        # Of what lies below all that the device has, nothing can be about it.
        first = max(log.floor, standing.have.runs[0][0])
        # What becomes of it after the user has left is told too: there is no such record any more.
        stop = SEQ_STOP if log.left else log.head + 1
        have = standing.have & RangeSet([(first, max(first, log.head + 1))])
        unknown = RangeSet([(first, max(first, stop))]) - have
        found = store.revisions(log.id, unknown, records_max=records_left, bytes_max=bytes_left)
        size = sum(len(row.body) for row in found)
        records_left -= len(found)
        bytes_left -= size
        made.looked += len(found) + size // _REVISION_LOOKS
        if records_left <= 0 or bytes_left <= 0:
            made.primable = False
            return room
        dead = voided_by((row.kind, row.body) for row in found) & have
        cost = _told_bytes(log, made.places.get(log.name)) + len(runs.encode(dead)) + _NAME_BYTES
        if dead and cost > room:
            made.primable = False
        elif dead:
            room -= cost
            _tell_more(made, standing, dead=dead)
    return room


def _ties(inquiry: Inquiry) -> bool:
    """Whether deletes of nothing that the device has are passed over; with a filter all that pass go."""
    return inquiry.filter is None and inquiry.limit_bytes >= _TIED_BYTES_MIN


def _have_of(account: Standings, channel: str) -> RangeSet:
    standing = account.get(channel)
    return standing.have if standing is not None else EMPTY


def _told_bytes(log: Log, place: int | None) -> int:
    """What it takes to tell of a channel beside its voids, by its place in the account or its name."""
    named = _NAME_BYTES + len(log.name.encode()) if place is None else cbor.head_bytes(place)
    return 1 + named + cbor.head_bytes(log.epoch) + cbor.head_bytes(log.floor)


def _lacks(made: Draft, logs: Mapping[str, Log]) -> list[Lack]:
    found = []
    newest = made.inquiry.terms.rule.newest
    for place, standing in enumerate(made.inquiry.account):
        log = logs.get(standing.channel)
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


def _read(made: Draft, lines: Sequence[Line], text_bytes_max: int) -> None:
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


def _void(made: Draft, lines: Mapping[str, Line], *, room: int) -> int:
    """Numbers without a record need none any more; the device is told, and asks for them no longer.

    Those between the records of a page must be told with it; where there is no room for them, fewer records
    go, and without any as many of the numbers as there is room for. Returns the room that is left.
    """
    some = every = {channel: found for channel, line in lines.items() if (found := line.voids())}
    while made.entries and _void_bytes(made, _tied(some, lines)) > room:
        made.untold = True
        del made.entries[len(made.entries) // 2 :]
        some = _passed(made, every) if made.entries else every
    while _void_bytes(made, _tied(some, lines)) > room:
        some = _halved(some, oldest_first=made.inquiry.terms.rule.oldest_first)
    tied = _tied(some, lines)
    room -= _void_bytes(made, tied)
    for channel, seqs in tied.items():
        made.inquiry.account.add(channel, seqs)
        _tell_voids(made, channel, seqs)
    return room


def _tied(voids: Mapping[str, RangeSet], lines: Mapping[str, Line]) -> dict[str, RangeSet]:
    return {channel: lines[channel].tied(seqs) for channel, seqs in voids.items()}


def _passed(made: Draft, voids: Mapping[str, RangeSet]) -> dict[str, RangeSet]:
    """Those of the voids that lie before the last record of their channel that may go."""
    last = {entry.channel: entry.seq for entry in made.entries}
    oldest_first = made.inquiry.terms.rule.oldest_first
    before = {
        channel: RangeSet([(0, seq) if oldest_first else (seq, max(seq, voids[channel].stop))])
        for channel, seq in last.items()
        if channel in voids
    }
    return {channel: found for channel, seqs in before.items() if (found := voids[channel] & seqs)}


def _halved(voids: Mapping[str, RangeSet], *, oldest_first: bool) -> dict[str, RangeSet]:
    """The first half of the channels, of the runs of the only one, or of the only run."""
    if len(voids) > 1:
        return dict(islice(voids.items(), len(voids) // 2))
    return {
        channel: some
        for channel, seqs in voids.items()
        if (some := _first_half(seqs, oldest_first=oldest_first))
    }


def _first_half(seqs: RangeSet, *, oldest_first: bool) -> RangeSet:
    half = len(seqs.runs) // 2
    if half:
        return RangeSet.of_sorted(seqs.runs[:half] if oldest_first else seqs.runs[-half:])
    return seqs.oldest(seqs.count // 2) if oldest_first else seqs.newest(seqs.count // 2)


def _void_bytes(made: Draft, voids: Mapping[str, RangeSet]) -> int:
    told = {one.channel for one in made.told}
    size = 0
    for channel, seqs in voids.items():
        name = made.places.get(channel, channel)
        size += 0 if name in told else _told_bytes(made.logs[channel], made.places.get(channel))
        size += len(runs.encode(seqs)) + _NAME_BYTES
    return size


def _tell_voids(made: Draft, channel: str, seqs: RangeSet) -> None:
    standing = made.inquiry.account.get(channel)
    if standing is None:
        raise ValueError(f"{channel!r} is not in the account")
    _tell_more(made, standing, voids=seqs)


def _tell_more(made: Draft, standing: Standing, *, voids: RangeSet = EMPTY, dead: RangeSet = EMPTY) -> None:
    """Add to what the header tells of a channel of the account."""
    told = Told(made.places.get(standing.channel, standing.channel), standing.epoch, standing.floor)
    at = next((at for at, one in enumerate(made.told) if one.channel == told.channel), None)
    if at is None:
        made.told.append(told._replace(voids=voids, dead=dead))
    else:
        before = made.told[at]
        made.told[at] = before._replace(voids=before.voids | voids, dead=before.dead | dead)
