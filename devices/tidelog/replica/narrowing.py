"""What the device's own records come to, and which of them differ from the service's (SPEC.md, "Audit").

All of it goes in steps: each `MORE` says that there is more to add up, each audit that one is to be answered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from struct import error as StructError  # noqa: N812 - a class
from typing import Final

from tidelog.replica.asking import Question
from tidelog.replica.ports import Holding, Record, Shelf
from tidelog.wire.audit_frames import Audit, Span, Verdict, cut
from tidelog.wire.fingerprints import SUM_STOP, fingerprint
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import AUDIT_PIECES_MAX, AUDIT_SUM_STOP
from tidelog.wire.page_frames import Resync
from tidelog.wire.queries import NO_FILTER
from tidelog.wire.ranges import EMPTY, RangeSet, Run
from tidelog.wire.standings import Standing

STEP_RECORDS: Final = 256
"""Added up in one step: some 2 ms. What arrives meanwhile waits no longer."""

_LOOK_RECORDS: Final = 8
"""A look into the store counts as so many records."""

_PIECES: Final = 32
"""Pieces of a range: 128 bytes, and a million records come down to one in four rounds."""

_SPANS: Final = 256
"""Ranges asked about at once: with all their pieces 10 KiB."""

_ROUNDS_MAX: Final = 32
"""Rounds of narrowing down; what is left then counts as differing whole."""


@dataclass(frozen=True, slots=True)
class More:
    """There is more to add up: come back when nothing else is to be done."""


MORE: Final = More()

Asking = Generator[More | Audit, Verdict, None]
"""Steps that end with nothing; each audit is answered by its verdict."""


@dataclass(slots=True)
class Count:
    """What has been added up.

    Attributes:
        shelf: the device's records.
        records: how many were added up.
        beginnings: seqs of records, by channel, of which only the beginning is there: they add nothing.
    """

    shelf: Shelf
    records: int = 0
    beginnings: dict[str, set[int]] = field(default_factory=dict)
    _work: int = 0

    def pieces(
        self, channel: str, epoch: int, seqs: RangeSet, edges: list[int]
    ) -> Generator[More, None, list[int]]:
        """The sums over the records of a channel in each piece of a range.

        Args:
            channel: its name.
            epoch: its incarnation.
            seqs: others do not count.
            edges: where the pieces begin, and the end of the last.
        """
        sums = [0] * (len(edges) - 1)
        start, stop = edges[0], edges[-1]
        while start < stop:
            page = self.shelf.records(channel, epoch, start=start, stop=stop, limit=STEP_RECORDS)
            for one in page:
                if one.seq not in seqs:
                    continue
                if one.whole:
                    sums[bisect_right(edges, one.seq) - 1] += _share(one)
                    self.records += 1
                else:
                    self.beginnings.setdefault(channel, set()).add(one.seq)
            start = page[-1].seq + 1 if len(page) == STEP_RECORDS else stop
            self._work += len(page) + _LOOK_RECORDS
            if self._work >= STEP_RECORDS:
                self._work = 0
                yield MORE
        return sums

    def whole(self, channel: str, epoch: int, seqs: RangeSet) -> Generator[More, None, int]:
        """The sum over some seqs of a channel."""
        if not seqs:
            return 0
        (total,) = yield from self.pieces(channel, epoch, seqs, [seqs.runs[0][0], seqs.stop])
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """An account, and what of it the device can compare.

    Attributes:
        question: as a sync would state it.
        kept: the seqs of each channel, by place, that both sides count.
        count: adds up.
    """

    question: Question
    kept: tuple[RangeSet, ...]
    count: Count

    def audit(self, request: SyncRequest | Resync, total: int | None = None) -> Audit:
        """Ask about the account, with whatever says what of it is compared."""
        patterns = self.question.filter.patterns if self.question.filter is not None else ()
        return Audit(request=request, total=total, patterns=patterns)

    def whole(self) -> Generator[More, None, int]:
        """The sum over all of it."""
        total = 0
        for standing, seqs in zip(self.question.account, self.kept, strict=True):
            total += yield from self.channel_sum(standing, seqs)
        return total % SUM_STOP

    def channel_sum(self, standing: Standing, seqs: RangeSet) -> Generator[More, None, int]:
        """The sum over what is kept of one channel."""
        return (yield from self.count.whole(standing.channel, standing.epoch, seqs))


@dataclass(slots=True, kw_only=True)
class Narrowing:
    """Finds the records that differ.

    Attributes:
        look: at the account.
        rid: makes request ids.
        found: seqs that differ, by channel, when it is over.
        moved: whether there is news of a log since: another epoch maybe, and then nothing can be compared.
    """

    look: Look
    rid: Callable[[], int]
    found: dict[str, RangeSet] = field(default_factory=dict)
    moved: bool = False

    def run(self) -> Asking:
        """Ask about channels, then about pieces of those that differ, until these are single records."""
        standings = list(self.look.question.account)
        places = yield from self._channels()
        todo = deque(
            (place, piece)
            for place in places
            for piece in self._ranges(standings[place].channel, self.look.kept[place])
        )
        for _ in range(_ROUNDS_MAX):
            if not todo or self.moved:
                return
            for place, piece in (yield from self._pieces(_taken(todo))):
                if piece[1] - piece[0] == 1:
                    self._add(standings[place].channel, piece)
                else:
                    todo.append((place, piece))
        for place, piece in todo:
            self._add(standings[place].channel, piece)

    def _add(self, channel: str, piece: Run) -> None:
        self.found[channel] = self.found.get(channel, EMPTY) | RangeSet([piece])

    def _ranges(self, channel: str, seqs: RangeSet) -> tuple[Run, ...]:
        """All of a channel but for the records of which the device has only the beginning."""
        whole = RangeSet([(seqs.runs[0][0], seqs.stop)])
        return (whole - RangeSet.of(self.look.count.beginnings.get(channel, ()))).runs

    def _channels(self) -> Generator[More | Audit, Verdict, list[int]]:
        """The places of channels that differ; nothing is asked where there is one only."""
        there = [place for place, seqs in enumerate(self.look.kept) if seqs]
        if len(there) <= 1:
            return there
        sums = []
        for standing, seqs in zip(self.look.question.account, self.look.kept, strict=True):
            total = yield from self.look.channel_sum(standing, seqs)
            sums.append(total % AUDIT_SUM_STOP)
        verdict = yield self._audit(channels=tuple(sums))
        self.moved = bool(verdict.news)
        standings = list(self.look.question.account)
        partly = self.look.count.beginnings
        return [
            place for place in there if place + 1 in verdict.differing or standings[place].channel in partly
        ]

    def _pieces(
        self, asked: list[tuple[int, Run]]
    ) -> Generator[More | Audit, Verdict, list[tuple[int, Run]]]:
        """Those pieces of the ranges that differ."""
        standings = list(self.look.question.account)
        spans: list[Span] = []
        for place, (start, stop) in asked:
            pieces = cut(start, stop, _count((start, stop)))
            edges = [start, *(end for _, end in pieces)]
            one = standings[place]
            sums = yield from self.look.count.pieces(one.channel, one.epoch, self.look.kept[place], edges)
            spans.append(Span(place, start, stop, tuple(total % AUDIT_SUM_STOP for total in sums)))
        verdict = yield self._audit(spans=tuple(spans))
        self.moved = bool(verdict.news)
        told = [(span.place, piece) for span in spans for piece in span.pieces()]
        return [one for at, one in enumerate(told, 1) if at in verdict.differing]

    def _audit(self, *, channels: tuple[int, ...] = (), spans: tuple[Span, ...] = ()) -> Audit:
        request = replace(self.look.question.request, rid=self.rid())
        return replace(self.look.audit(request), channels=channels, spans=spans)


def _taken(todo: deque[tuple[int, Run]]) -> list[tuple[int, Run]]:
    """Take as many ranges as an audit has room for, in its order."""
    asked: list[tuple[int, Run]] = []
    pieces = 0
    while todo and len(asked) < _SPANS and pieces + _count(todo[0][1]) <= AUDIT_PIECES_MAX:
        asked.append(todo.popleft())
        pieces += _count(asked[-1][1])
    return sorted(asked)


def _count(piece: Run) -> int:
    """Into how many pieces a range is cut."""
    return min(_PIECES, piece[1] - piece[0])


def _share(record: Record) -> int:
    """A record's fingerprint; 0 of what a damaged disk has made no record at all, so that it differs."""
    try:
        return fingerprint(
            record.channel, record.seq, record.kind, record.author, record.content_type, record.body
        )
    except (AttributeError, TypeError, ValueError, StructError):
        return 0


def kept(question: Question, holdings: Mapping[str, Holding]) -> tuple[RangeSet, ...]:
    """What both sides count of each channel of an account, by place.

    The floor is that of the account; where all is stated, the account knows of none, and it is the highest
    that the device was told.
    """
    told = isinstance(question.request, Resync)
    asked = question.filter or NO_FILTER
    return tuple(
        _kept(standing, holdings.get(standing.channel), told=told)
        if asked.admits(standing.channel)
        else EMPTY
        for standing in question.account
    )


def _kept(standing: Standing, holding: Holding | None, *, told: bool) -> RangeSet:
    if holding is None or holding.epoch != standing.epoch:
        return EMPTY
    floor = standing.floor if told else holding.floor
    if not floor or (not told and holding.gone):
        return EMPTY
    return standing.have & RangeSet([(floor, max(floor, holding.head + 1))])
