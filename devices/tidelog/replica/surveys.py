"""A sync that asks first what there is (SPEC.md, "Query", "Manifest", "Estimate")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tidelog.replica.asking import ROOM_BYTES, Ability, Aim, Question, most_bytes
from tidelog.replica.holdings import Holdings, cut
from tidelog.replica.steps import Listing, Preview
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import STATEMENTS_MAX
from tidelog.wire.mqttsize import publish_bytes
from tidelog.wire.packed import encode
from tidelog.wire.queries import Cursor, Depth, Estimate, Filter, Manifest
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing, Standings
from tidelog.wire.statements import Statement
from tidelog.wire.topics import reply_topic, sync_topic

_ROUND_BYTES = 64
"""What another request and its answer take."""

_LISTED_BYTES = 2
"""Of a number and its size in a manifest."""

_UNPRIMED_BYTES = 40
"""What a record takes more where the service is not told what the device has: a line of chat so much."""


@dataclass(slots=True, kw_only=True)
class Survey:
    """What a job wants to hear before it asks for records, or instead.

    Attributes:
        depth: a manifest or a preview.
        fetch: whether the records that are lacking are then asked for.
        after: where the manifest goes on.
        listed: what it told so far: epochs, and sizes by seq, by channel.
    """

    depth: Depth
    fetch: bool = False
    after: Cursor | None = None
    epochs: dict[str, int] = field(default_factory=dict)
    listed: dict[str, dict[int, int]] = field(default_factory=dict)

    def take(self, frame: Manifest) -> None:
        """Take a page of it.

        Raises:
            ProtocolError: it goes on where it began.
        """
        for one in frame.channels:
            if self.epochs.get(one.channel) != one.epoch:
                self.listed[one.channel] = {}  # the log began anew after an earlier page
            self.epochs[one.channel] = one.epoch
            self.listed[one.channel].update(zip(one.seqs, one.sizes, strict=True))
        if not frame.more:
            return
        last = frame.channels[-1] if frame.channels else None
        after = Cursor(last.channel, last.seqs.runs[0][0] if last.seqs else 0) if last is not None else None
        if after is None or (self.after is not None and _order(after) <= _order(self.after)):
            raise ProtocolError("the manifest does not go on")
        self.after = after

    def listings(self) -> tuple[Listing, ...]:
        """What there is, by channel and seq."""
        return tuple(
            Listing(channel=channel, seq=seq, size=size)
            for channel, sizes in sorted(self.listed.items())
            for seq, size in sorted(sizes.items())
        )

    def lacking(self, holdings: Holdings) -> dict[str, Want]:
        """What the device lacks of it, by channel."""
        found = {}
        for channel, sizes in self.listed.items():
            want = Want(epoch=self.epochs[channel], seqs=RangeSet.of(sizes))
            if left := want.left(channel, holdings):
                found[channel] = replace(want, seqs=left)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """Records of a channel that are asked for by their numbers.

    Attributes:
        epoch: of the channel; 0 for whatever it is.
        seqs: their numbers.
        told: whether the request says what the device has: the answer then builds on it.
    """

    epoch: int
    seqs: RangeSet
    told: bool = False

    def left(self, channel: str, holdings: Holdings) -> RangeSet:
        """Those that have not come yet."""
        holding = holdings.get(channel)
        return self.seqs - holding.have if holding is not None and self.is_of(holding.epoch) else self.seqs

    def without(self, seqs: RangeSet) -> Want:
        """The same but for these."""
        return replace(self, seqs=self.seqs - seqs)

    def is_of(self, epoch: int) -> bool:
        """Whether they are records of this incarnation."""
        return self.epoch in (0, epoch)


def _order(cursor: Cursor) -> tuple[str, bool, int]:
    """By channel, then by falling seq; the end of a channel comes last."""
    return cursor.channel, not cursor.seq, -cursor.seq


def survey_question(aim: Aim, survey: Survey, ability: Ability, *, rid: int) -> Question:
    """Ask for a manifest; nothing is said of what the device has."""
    names = aim.channels or ()
    request = SyncRequest(
        rid=rid,
        statements=tuple(Statement(channel=name) for name in names),
        everywhere=aim.channels is None,
        page_bytes=ability.page_bytes,
        live=ability.live,
        plain=ability.plain,
    )
    return Question(
        request=request,
        account=Standings(Standing(name) for name in names),
        channels=aim.channels,
        rule=aim.rule,
        depth=survey.depth,
        filter=aim.filter or Filter(newest=aim.rule.newest),
        after=survey.after,
    )


def wanted_question(
    aim: Aim, wants: Mapping[str, Want], holdings: Holdings, ability: Ability, *, rid: int
) -> Question:
    """Ask for records by their numbers, as far as a packet holds these; the others come after them."""
    statements: list[Statement] = []
    left_over: set[str] = set()
    room = ROOM_BYTES
    for channel, want in wants.items():
        left = want.left(channel, holdings)
        asked = cut(left, oldest_first=aim.rule.oldest_first)
        told = cut(_told(channel, want, holdings), oldest_first=aim.rule.oldest_first)
        statement = Statement(channel=channel, epoch=_epoch(channel, want, holdings), have=told, want=asked)
        if left and statements and (len(statements) == STATEMENTS_MAX or most_bytes(statement) > room):
            left_over.add(channel)
        elif left:
            statements.append(statement)
            room -= most_bytes(statement)
            left_over |= {channel} if left != asked else set()
    request = SyncRequest(
        rid=rid,
        statements=tuple(statements),
        everywhere=False,
        page_bytes=ability.page_bytes,
        codecs=ability.codecs,
        oldest_first=aim.rule.oldest_first,
        live=ability.live,
        plain=ability.plain,
        by_channel=aim.rule.by_channel,
        pages=ability.pages,
        context_bytes=ability.context_bytes if ability.pages else 0,
        seconds=aim.rule.seconds,
        dictionary=ability.dictionary,
    )
    return Question(
        request=request,
        account=Standings(Standing(one.channel, one.epoch, one.have, want=one.want) for one in statements),
        channels=tuple(one.channel for one in statements),
        rule=replace(aim.rule, newest=0),
        left_over=frozenset(left_over),
        dictionary=ability.dictionary,
        filter=Filter(max_body=aim.filter.max_body) if aim.filter and aim.filter.max_body else None,
    )


def _epoch(channel: str, want: Want, holdings: Holdings) -> int:
    holding = holdings.get(channel)
    return holding.epoch if holding is not None and not want.epoch else want.epoch


def _told(channel: str, want: Want, holdings: Holdings) -> RangeSet:
    holding = holdings.get(channel)
    if not want.told or holding is None or not want.is_of(holding.epoch):
        return EMPTY
    return holding.have - want.seqs


def is_cheaper(question: Question, holdings: Holdings, aim: Aim) -> bool:
    """Whether a manifest takes less than saying what the device has, by what can be known beforehand.

    Of the newest so many records of each channel there are no more than that; else all that the device knows
    of count. Each may be lacking, and then comes without what the device holds to build on.
    """
    stated = sum(len(encode(_alone(one))) for one in question.account if one.have)
    known = [
        holdings.by_channel[one.channel] for one in question.account if one.channel in holdings.by_channel
    ]
    newest = aim.filter.newest if aim.filter is not None else aim.rule.newest
    records = sum(min(newest or one.head, one.head) for one in known)
    return stated > _ROUND_BYTES + (_LISTED_BYTES + _UNPRIMED_BYTES) * records


def _alone(standing: Standing) -> SyncRequest:
    return SyncRequest(rid=1, statements=(Statement(channel=standing.channel, have=standing.have),))


def previewed(estimate: Estimate, question: Question, device: str) -> Preview:
    """What an estimate comes to on the socket of the device."""
    asked = replace(question, depth=Depth.DELTA).frame
    up = publish_bytes(sync_topic(device), len(encode(asked)), qos=0)
    page = -(-estimate.page_bytes // max(estimate.pages, 1))
    down = publish_bytes(reply_topic(device), page, qos=0) - page
    return Preview(
        records=estimate.records,
        bytes=estimate.page_bytes + estimate.pages * (up + down),
        body_bytes=estimate.body_bytes,
        rounds=estimate.pages,
    )
