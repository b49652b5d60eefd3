"""A page before its bodies are compressed: what to tell, which records may go, what primes them.

Work grows with what is missing: what is lacking is told by ranges, and rows are read until a page is full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tidelog.codec import bodies
from tidelog.codec.context import Context, Entry, choose, history_records
from tidelog.codec.page import Lack
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX, PAGE_RECORDS_MAX
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standings, Told
from tidelog_service.engine.inquiries import Inquiry
from tidelog_service.engine.ports import Log, Store
from tidelog_service.engine.reading import Line, Memory, StoredHeld, ordered

_TOLD_BYTES: Final = 12
"""Of what is told of a channel beside its name, generously."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """What may go into a page.

    Attributes:
        inquiry: what was asked; its account is as the page's header leaves it.
        logs: the channels in scope, by name.
        places: of the channels in the account that was stated.
        told: the page's header.
        gone: channels of the account that are not to be had.
        untold: whether there are channels for which the header has no room.
        lacks: the channels with records in ``entries``, ascending by place.
        entries: records that may go, in the order of the answer.
        lacking: how many records the device lacks in all.
    """

    inquiry: Inquiry
    logs: Mapping[str, Log]
    places: Mapping[str, int]
    told: list[Told] = field(default_factory=list)
    gone: tuple[str, ...] = ()
    untold: bool = False
    lacks: list[Lack] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    lacking: int = 0

    @property
    def text_bytes(self) -> int:
        """Of the bodies that may go, with their ends."""
        return sum(bodies.size(entry.body) for entry in self.entries)

    def primed(self, store: Store, memory: Memory, context_bytes: int) -> Context:
        """What primes the page, for a budget of context."""
        held = StoredHeld(store, memory, self.logs, self.inquiry.account, self.inquiry.terms.rule)
        lacking = [(lack.channel, lack.seqs) for lack in self.lacks]
        return choose(lacking, held, context_bytes, history=history_records(len(self.entries)))


def draft(inquiry: Inquiry, logs: Mapping[str, Log], store: Store, *, text_bytes_max: int) -> Draft:
    """Find what a page may have.

    Args:
        inquiry: what the device has and asks for; its account is changed as the page's header tells.
        logs: every channel that the device's user may read, by name; nothing else is ever looked at.
        store: read by primary-key ranges only.
        text_bytes_max: bodies beyond so many bytes are not read: the page will hold no more.

    Raises:
        Unavailable: the store failed.
        ProtocolError: there are more channels than an account may have (code LIMIT).
    """
    account = inquiry.account
    places = {name: at for at, name in enumerate(account.names())}
    scope = logs if inquiry.terms.everywhere else {name: logs[name] for name in places if name in logs}
    gone = tuple(name for name in places if name not in logs)
    made = Draft(inquiry=inquiry, logs=scope, places=places, gone=gone)
    _tell(made, room=inquiry.limit_bytes // 2)
    account.tell(made.told, made.gone)
    lacks = _lacks(account, scope, newest=inquiry.terms.rule.newest)
    made.lacking = sum(lack.seqs.count for lack in lacks)
    lines = {
        lack.channel: Line(store, scope[lack.channel], lack.seqs, rule=inquiry.terms.rule) for lack in lacks
    }
    _read(made, list(lines.values()), text_bytes_max)
    voids = {channel: found for channel, line in lines.items() if (found := line.voids())}
    if voids:
        _void(made, voids)
        lacks = _lacks(account, scope, newest=inquiry.terms.rule.newest)
    concerned = {entry.channel for entry in made.entries}
    made.lacks = [lack for lack in lacks if lack.channel in concerned]
    return made


def _tell(made: Draft, *, room: int) -> None:
    """Say what is new of channels beside records, those written last first, as far as there is room."""
    for log in sorted(made.logs.values(), key=lambda log: (-log.time, log.name)):
        standing = made.inquiry.account.get(log.name)
        if standing is not None and (standing.epoch, standing.floor) == (log.epoch, log.floor):
            continue
        room -= _TOLD_BYTES + (len(log.name.encode()) if standing is None else 0)
        if room < 0:
            made.untold = True
            return
        named = log.name if standing is None else made.places[log.name]
        made.told.append(Told(named, log.epoch, log.floor))


def _lacks(account: Standings, logs: Mapping[str, Log], *, newest: int) -> list[Lack]:
    found = []
    for place, standing in enumerate(account):
        log = logs.get(standing.channel)
        if log is None or log.epoch != standing.epoch:
            continue
        if standing.want is None and not newest and standing.have.runs == ((log.floor, log.head + 1),):
            continue  # the rule, and there may be a thousand of them
        seqs = standing.lacking(log.head, newest=newest)
        if seqs:
            found.append(Lack(place, standing.channel, log.head, seqs))
    return found


def _read(made: Draft, lines: Sequence[Line], text_bytes_max: int) -> None:
    left = min(text_bytes_max, PAGE_BODIES_BYTES_MAX)
    for entry in ordered(lines, made.inquiry.terms.rule):
        left -= bodies.size(entry.body)
        if made.entries and (left < 0 or len(made.entries) >= PAGE_RECORDS_MAX):
            return
        made.entries.append(entry)


def _void(made: Draft, voids: Mapping[str, RangeSet]) -> None:
    """Numbers without a record need none any more; the device is told, and asks for them no longer."""
    made.lacking -= sum(seqs.count for seqs in voids.values())
    named = {one.channel: at for at, one in enumerate(made.told)}
    for standing in [one for one in made.inquiry.account if one.channel in voids]:
        channel, seqs = standing.channel, voids[standing.channel]
        made.inquiry.account.add(channel, seqs)
        name = made.places.get(channel, channel)
        told = Told(name, standing.epoch, standing.floor, seqs)
        if name in named:
            made.told[named[name]] = told
        else:
            made.told.append(told)
