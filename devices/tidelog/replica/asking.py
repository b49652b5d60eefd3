"""How a request is put: by a token where there is one, else in full (SPEC.md, "Sync", "Resync")."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tidelog.codec.page import Rule
from tidelog.replica.holdings import RUN_BYTES, Holdings
from tidelog.replica.ports import Holding
from tidelog.replica.tokens import Token, Tokens, scope_of
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX, STATEMENTS_MAX
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.queries import NO_FILTER, Cursor, Depth, Filter, Query
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Differences, Standing, Standings, differences
from tidelog.wire.statements import Statement

_ENTRY_BYTES = 12
"""What is said of a channel beside its name and runs, generously."""

ROOM_BYTES = PACKET_BYTES_MAX // 2
"""Have-sets together take no more of a packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a sync is after, beside what the device has.

    Attributes:
        channels: which ones, ``None`` for all.
        rule: which records come, and in what order.
        wanted_only: only what was asked for before.
        filter: only what passes; ``None`` for all.
    """

    channels: tuple[str, ...] | None
    rule: Rule
    wanted_only: bool = False
    filter: Filter | None = None

    def admits(self, channel: str) -> bool:
        """Whether the filter is about this channel."""
        return self.filter is None or self.filter.admits(channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """What this device can do, as its requests say.

    Attributes:
        codecs: ids of codecs that answers may use.
        page_bytes: what the payload of an answer should not exceed.
        context_bytes: of held bodies that may prime a page.
        live: whether live pushes are wanted.
        plain: whether these are to be plain.
        dictionary: id of the one that may come before the context; 0 for none.
        pages: whether it reads pages, which needs its own records; else it asks for deltas.
    """

    codecs: tuple[int, ...]
    page_bytes: int
    context_bytes: int
    live: bool
    plain: bool = False
    dictionary: int = 0
    pages: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request, and what it stated.

    Attributes:
        request: as it goes out.
        account: what the device said that it has; the answer speaks of nothing else.
        channels: those in scope, ``None`` for all.
        rule: which records come, and in what order.
        left_over: channels in scope that were stated as not wanted now, as their have-sets did not fit.
        scope: what a token in the answer is for; empty where none is asked for.
        dictionary: id of the one that may come before the context of the answer.
        depth: what is asked for.
        filter: of which records; ``None`` for all.
        after: where a manifest goes on.
    """

    request: SyncRequest | Resync
    account: Standings
    channels: tuple[str, ...] | None
    rule: Rule
    left_over: frozenset[str] = frozenset()
    scope: bytes = b""
    dictionary: int = 0
    depth: Depth = Depth.DELTA
    filter: Filter | None = None
    after: Cursor | None = None

    def tells_marks(self, page: Page) -> bool:
        """Whether a page that is its last tells all marks: the account has a token, and there was room."""
        has_token = isinstance(self.request, Resync) or bool(page.token)
        return has_token and not self.request.room

    @property
    def frame(self) -> SyncRequest | Resync | Query:
        """The request as it goes out."""
        if self.depth is Depth.DELTA and self.filter is None:
            return self.request
        return Query(
            request=self.request, depth=self.depth, filter=self.filter or NO_FILTER, after=self.after
        )


def scope(aim: Aim, ability: Ability) -> bytes:
    """What a token of such requests is for."""
    rule = aim.rule
    return scope_of(
        aim.channels,
        rule=(rule.newest, rule.oldest_first, rule.by_channel, rule.seconds),
        ability=(*(ability.codecs, ability.page_bytes, ability.context_bytes, ability.live, ability.plain),),
    )


def by_token(
    aim: Aim, holdings: Holdings, tokens: Tokens, ability: Ability, *, rid: int, gone: Iterable[str] = ()
) -> Question | None:
    """Ask by token; ``None`` where there is none, or what has changed since does not fit a packet."""
    token = tokens.get(scope(aim, ability)) if ability.pages else None
    if token is None or (aim.wanted_only and not _all_wanted(aim, holdings)):
        return None
    return told_by(token, aim, holdings, rid=rid, gone=gone)


def told_by(
    token: Token, aim: Aim, holdings: Holdings, *, rid: int, gone: Iterable[str] = ()
) -> Question | None:
    """State what the device has by a token of these channels; ``None`` where that cannot be."""
    account = token.account
    if any(name not in account and holdings.get(name) is None for name in aim.channels or ()):
        return None  # a request by token cannot name what neither side has
    known = [
        holding
        for holding in map(holdings.get, _stated(aim, holdings, gone, account=account))
        if holding is not None
    ]
    found = differences(account, [_standing(holding) for holding in known])
    places = STATEMENTS_MAX - sum(not one.gone for one in account)
    found = replace(found, others=found.others[: max(places, 0)])
    return _resync(token, found, rid=rid, aim=aim) if _fits(found) else None


def _resync(token: Token, found: Differences, *, rid: int, aim: Aim) -> Question:
    statements = tuple(_statement(standing) for standing in found.others)
    account = token.account.copy()
    account.change(found.grown, found.changes)
    for statement in statements:
        account.put(Standing(statement.channel, statement.epoch, statement.have))
    request = Resync(
        rid=rid,
        token=token.token,
        digest=token.account.digest,
        grown=found.grown,
        changes=found.changes,
        statements=statements,
    )
    return Question(
        request=request,
        account=account,
        channels=aim.channels,
        rule=aim.rule,
        scope=token.scope,
        dictionary=token.dictionary,
        filter=aim.filter,
    )


def in_full(
    aim: Aim,
    holdings: Holdings,
    ability: Ability,
    *,
    rid: int,
    gone: Iterable[str] = (),
    served: Iterable[str] = (),
) -> Question:
    """State everything, as far as a packet holds it.

    Where the have-sets together do not fit, the channels that are left over are stated as not wanted now; the
    answer to what did fit shortens what has to be said the next time.

    Args:
        aim: what the sync is after.
        holdings: what the device has.
        ability: what it can do.
        rid: the request's id.
        gone: channels that are not to be had; they are not stated.
        served: channels that are done; they are stated as not wanted now.
    """
    # More are beyond what a service keeps of a device: it will have no room for them either.
    names = list(filter(aim.admits, _stated(aim, holdings, gone)))[:STATEMENTS_MAX]
    statements, left_over = _statements(aim, holdings, names, set(served))
    # A token of named channels would not stand for those that were left out because they are gone.
    named = aim.channels is None or len(names) == len(aim.channels)
    # Nor does one that was asked for by patterns stand for all channels.
    named = named and not (aim.filter is not None and aim.filter.patterns)
    whole = ability.pages and named and all(_is_whole(one, holdings) for one in statements)
    request = SyncRequest(
        rid=rid,
        statements=statements,
        everywhere=aim.channels is None,
        page_bytes=ability.page_bytes,
        codecs=ability.codecs,
        oldest_first=aim.rule.oldest_first,
        live=ability.live,
        plain=ability.plain,
        by_channel=aim.rule.by_channel,
        pages=ability.pages,
        keep=whole,
        context_bytes=ability.context_bytes if ability.pages else 0,
        newest=aim.rule.newest,
        seconds=aim.rule.seconds,
        dictionary=ability.dictionary,
    )
    account = Standings(Standing(one.channel, one.epoch, one.have, want=one.want) for one in statements)
    return Question(
        request=request,
        account=account,
        channels=aim.channels,
        rule=aim.rule,
        left_over=left_over,
        scope=scope(aim, ability) if whole else b"",
        dictionary=ability.dictionary,
        filter=aim.filter,
    )


def _stated(
    aim: Aim, holdings: Holdings, gone: Iterable[str], *, account: Standings | None = None
) -> list[str]:
    """The channels of which a request speaks: those that can be had, and all that the account is about.

    What was dropped of a channel that is gone must be said too: it may be back before the answer is made.
    """
    lost = set(gone)
    accounted = account if account is not None else Standings()
    names = sorted(holdings.by_channel) if aim.channels is None else aim.channels
    named = aim.channels is not None
    return [
        name
        for name in names
        if name in accounted or (name not in lost and (named or not holdings.by_channel[name].gone))
    ]


def _statements(
    aim: Aim, holdings: Holdings, names: Iterable[str], served: set[str]
) -> tuple[tuple[Statement, ...], frozenset[str]]:
    """What the device says of each channel, and the channels that are left over."""
    statements: list[Statement] = []
    left_over: set[str] = set()
    room = ROOM_BYTES
    for name in names:
        statement = holdings.state(name, wanted_only=aim.wanted_only, oldest_first=aim.rule.oldest_first)
        if name not in served and (room == ROOM_BYTES or most_bytes(statement) <= room):
            room -= most_bytes(statement)
        else:
            left_over |= {name} - served
            statement = Statement(channel=name, epoch=statement.epoch, have=EMPTY, want=EMPTY)
        statements.append(statement)
    return tuple(statements), frozenset(left_over)


def _all_wanted(aim: Aim, holdings: Holdings) -> bool:
    names = holdings.names() if aim.channels is None else aim.channels
    return all(name in holdings.by_channel and holdings.by_channel[name].wants_all for name in names)


def _is_whole(statement: Statement, holdings: Holdings) -> bool:
    """Whether a statement says all that the device has, and asks for everything."""
    holding = holdings.get(statement.channel)
    return statement.want is None and statement.have == (EMPTY if holding is None else holding.have)


def _standing(holding: Holding) -> Standing:
    return Standing(holding.channel, holding.epoch, holding.have)


def _statement(standing: Standing) -> Statement:
    return Statement(channel=standing.channel, epoch=standing.epoch, have=standing.have)


def most_bytes(statement: Statement) -> int:
    """What a statement takes in a request, generously."""
    runs = len(statement.have.runs) + (len(statement.want.runs) if statement.want is not None else 0)
    return _ENTRY_BYTES + len(statement.channel.encode()) + RUN_BYTES * runs


def _fits(found: Differences) -> bool:
    sets: list[RangeSet] = [seqs for change in found.changes for seqs in (change.added, change.dropped)]
    runs = sum(len(seqs.runs) for seqs in sets)
    size = _ENTRY_BYTES * (len(found.grown) + len(found.changes)) + RUN_BYTES * runs
    return size + sum(most_bytes(_statement(one)) for one in found.others) <= ROOM_BYTES
