"""A page as the device takes it: records by channel, and the account that it leaves (SPEC.md, "Page")."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidelog.codec.context import Entry
from tidelog.codec.dictionaries import BUILTIN, builtin
from tidelog.codec.page import Arrival, accounted, unpack
from tidelog.replica.asking import Question
from tidelog.replica.held import ShelfHeld
from tidelog.replica.ports import Shelf
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import Part, Record
from tidelog.wire.marks import News
from tidelog.wire.page_frames import Page
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing, Standings


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A page that came out as it was sent.

    Attributes:
        parts: what it says of channels, as a `Delta` would.
        account: what the service takes the device to have once it has the page.
        dead: channel, epoch and seqs of records that are no more, as what is still to come will say.
        news: channel, epoch and what is told of its marks.
    """

    parts: tuple[Part, ...]
    account: Standings
    dead: tuple[tuple[str, int, RangeSet], ...] = ()
    news: tuple[tuple[str, int, News], ...] = ()


def opened_page(page: Page, question: Question, shelf: Shelf) -> Opened:
    """Read a page.

    Args:
        page: from the service.
        question: that it answers; what it stated stays pinned there, whatever arrives meanwhile.
        shelf: the device's records and dictionaries.

    Raises:
        ProtocolError: the page is damaged, speaks of channels that were not asked for, or was made for a
            device that holds something else (code ``context``).
    """
    account = question.account.copy()
    before = account.names()
    account.tell(page.told, page.gone)
    _check_scope(page, question)
    named = {one.channel if isinstance(one.channel, str) else before[one.channel]: one for one in page.told}
    # Of a channel that the account did not know the device may hold what is void by now.
    unprimed = {channel: one.dead | one.voids for channel, one in named.items() if one.dead or one.voids}
    arrivals: list[Arrival] = []
    if page.content is not None:
        held = ShelfHeld(shelf, account, question.rule, unprimed)
        dictionary = _dictionary(question.dictionary, shelf) if page.content.dictionary else b""
        standings = list(account) if question.filter is None else _screened(account, page)
        rule = question.rule if question.filter is None else replace(question.rule, newest=0)
        arrivals = unpack(page.content, standings, rule=rule, held=held, dictionary=dictionary)
    told = {channel: one.voids for channel, one in named.items()}
    parts = _parts(account, told, {arrival.channel: arrival for arrival in arrivals})
    for arrival in arrivals:
        for channel, seqs in accounted(arrival.records).items():
            account.add(channel, seqs)
    dead = tuple((channel, one.epoch, one.dead) for channel, one in named.items() if one.dead)
    account.learn(page.marks)
    standings = list(account)
    news = tuple((standings[one.place].channel, standings[one.place].epoch, one) for one in page.marks)
    return Opened(parts=parts, account=account, dead=dead, news=news)


def _screened(account: Standings, page: Page) -> list[Standing]:
    """The account where only what passes the filter is asked for, as the page says."""
    wants = dict(page.screened)
    if any(place >= len(account) for place in wants):
        raise ProtocolError("records pass of a channel that is not in the account")
    return [replace(one, want=wants.get(place, EMPTY)) for place, one in enumerate(account)]


def _dictionary(number: int, shelf: Shelf) -> bytes:
    if number == BUILTIN:
        return builtin().data
    held = shelf.dictionary(number)
    if held is None:
        raise ProtocolError(f"a page after dictionary {number}, which the device lacks")
    return held.data


def _check_scope(page: Page, question: Question) -> None:
    asked = question.channels
    named = [one.channel for one in page.told if isinstance(one.channel, str)]
    if asked is not None and not set(asked).issuperset(named):
        raise ProtocolError("a page of channels that were not asked for")
    if any(name not in question.account for name in page.gone):
        raise ProtocolError("channels are gone that were not asked for")


def _parts(account: Standings, told: dict[str, RangeSet], arrivals: dict[str, Arrival]) -> tuple[Part, ...]:
    parts = []
    for standing in account:
        if standing.channel not in told and standing.channel not in arrivals:
            continue
        arrival = arrivals.get(standing.channel)
        parts.append(
            Part(
                channel=standing.channel,
                epoch=standing.epoch,
                head=arrival.head if arrival else standing.head,
                floor=standing.floor,
                voids=told.get(standing.channel, EMPTY),
                records=tuple([_record(entry) for entry in arrival.records]) if arrival else (),
            )
        )
    return tuple(parts)


def _record(entry: Entry) -> Record:
    meta = entry.meta
    return Record(
        seq=entry.seq,
        author=meta.author,
        time=meta.time,
        body=entry.body,
        kind=meta.kind,
        sent=meta.time + meta.lag,
        content_type=meta.content_type,
        size=entry.body_bytes + meta.cut,
    )
