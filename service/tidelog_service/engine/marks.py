"""What a page tells of marks: those of which the account has another version (SPEC.md, "Marks")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from tidelog.wire import cbor, packed
from tidelog.wire.errors import Unavailable
from tidelog.wire.limits import MARKS_MAX
from tidelog.wire.marks import Member, News
from tidelog.wire.packed_marks import from_news
from tidelog.wire.page_frames import Page
from tidelog.wire.standings import Standing, Standings
from tidelog_service.engine.ports import Log, MemberMark, Store
from tidelog_service.engine.tokens import is_kept

_HEADER_BYTES: Final = 16
"""What a page's header takes to have news in it, generously."""


def marked(
    page: Page, account: Standings, logs: Mapping[str, Log], store: Store, *, user: str, limit_bytes: int
) -> tuple[Page, Standings]:
    """A page that tells marks too.

    Args:
        page: with which nothing else is left to tell.
        account: once that page has arrived.
        logs: the channels in scope, by name.
        store: where marks are.
        user: whose device it is.
        limit_bytes: of the payload.

    Returns:
        the page, and the account once it has arrived: another one where it tells any. An account that is
        too large to be kept hears nothing: else each page would tell all of it.
    """
    channels = outdated(account, logs)
    if not channels or not is_kept(account):
        return page, account
    named = replace(page, user="" if any(one.marks for one in account) else user)
    room = limit_bytes - len(packed.encode(named)) - _HEADER_BYTES
    try:
        news, more = news_of(channels, store, user=user, room_bytes=room)
    except Unavailable:
        return page, account
    learned = account.copy()
    learned.learn(news)
    return replace(named if news else page, marks=news, more=more), learned


def outdated(account: Standings, logs: Mapping[str, Log]) -> list[tuple[int, Standing, Log]]:
    """The channels of an account whose marks are not as it has them, by place; nothing is read for it."""
    found = []
    for place, standing in enumerate(account):
        log = logs.get(standing.channel)
        if log is None or log.marks == standing.marks or not log.marks:
            continue
        if standing.epoch == log.epoch and not standing.gone:
            found.append((place, standing, log))
    return found


def news_of(
    channels: Sequence[tuple[int, Standing, Log]], store: Store, *, user: str, room_bytes: int
) -> tuple[tuple[News, ...], bool]:
    """What to tell of these channels, as far as there is room.

    Args:
        channels: from `outdated`.
        store: asked for the marks of those with read receipts, by index.
        user: whose device it is.
        room_bytes: what the news may take.

    Returns:
        the news, and whether there is more.

    Raises:
        Unavailable: the store failed.
    """
    told: list[News] = []
    for place, standing, log in islice(channels, MARKS_MAX):
        one, whole = _fitting(place, standing, log, store, user=user, room_bytes=room_bytes)
        if one is not None:
            told.append(one)
            room_bytes -= _size(one)
        if not whole:
            return tuple(told), True
    return tuple(told), len(channels) > MARKS_MAX


def _fitting(
    place: int, standing: Standing, log: Log, store: Store, *, user: str, room_bytes: int
) -> tuple[News | None, bool]:
    """The news of a channel, or its beginning, or none; and whether that is all."""
    if not log.receipts:
        own = News(place, log.marks, log.read, log.delivered)
        return (own, True) if _size(own) <= room_bytes else (None, False)
    after = standing.marks - 1 if 0 < standing.marks < log.marks else 0
    rows = store.marks_of(log, after=after, count_max=MARKS_MAX)
    whole = len(rows) < MARKS_MAX
    while True:
        version = rows[-1].version + 1 if rows else 1
        one = _news(place, max(version, log.marks) if whole else version, rows, log, user)
        if _size(one) <= room_bytes:
            return one, whole
        if len(rows) <= 1:
            return None, False
        rows, whole = rows[: len(rows) // 2], False


def _news(place: int, version: int, rows: Sequence[MemberMark], log: Log, user: str) -> News:
    """From one reading of all members: the device's own user may have come on since the log was read."""
    own = next(((row.read, row.delivered) for row in rows if row.user == user), (0, 0))
    return News(place, version, *own, others_of(rows, log, user))


def others_of(rows: Sequence[MemberMark], log: Log, user: str) -> tuple[Member, ...]:
    """What the user may hear of other members: nothing that lies below the floor."""
    return tuple(
        seen_from(log.floor, row.user, row.read, row.delivered)
        for row in rows
        if row.user != user and row.delivered >= log.floor
    )


def seen_from(floor: int, user: str, read: int, delivered: int) -> Member:
    """A member's mark as who reads from a floor on may hear of it."""
    return Member(user, read if read >= floor else 0, delivered)


def _size(news: News) -> int:
    return len(cbor.dumps(from_news([news])))
