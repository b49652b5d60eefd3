"""The answer to a sync request: what the device lacks, by subtracting ranges (SPEC.md, "Sync").

Work grows with what is missing: ranges are subtracted as ranges, and rows are read by primary-key range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tidelog.wire import payload as wire
from tidelog.wire.frames import Delta, Part, Record, SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX, PAGE_RECORDS_MAX, SEQ_STOP
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Filter
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import concerns, voided_by
from tidelog.wire.statements import Statement
from tidelog_service.engine.cutting import beginning
from tidelog_service.engine.filtering import passing
from tidelog_service.engine.ports import Log, NewRow, Row, Store

FRAME_BYTES = 24
"""A page's own headers, generously."""

PART_BYTES = 28
"""A part's headers beside the channel's name, generously."""

RECORD_BYTES = 10
"""A record's columns beside its body: time, author, size and its share of the runs, generously."""

_CUT_READ_BYTES = 1 << 18
"""Of bodies read for a page that may have their beginnings only."""

JSON_RECORD_BYTES = 120
"""The same in JSON, with the names of the fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page ready to send.

    Attributes:
        payload: the encoded frame.
        records: how many records it carries.
        bodies: the length of each one's body, bytes; for the accounts.
        looked: how much work a filter was, in records looked at.
    """

    payload: bytes = field(repr=False)
    records: int
    bodies: tuple[int, ...] = ()
    looked: int = 0


def answer(
    request: SyncRequest,
    *,
    logs: dict[str, Log],
    store: Store,
    encoding: Encoding,
    page_bytes_max: int,
    filter_: Filter | None = None,
) -> Page:
    """Build one page of what the device lacks.

    Args:
        request: what the device says that it has and asks for.
        logs: every channel that the device's user may read, by name; nothing else is ever looked at.
        store: read by primary-key ranges only.
        encoding: of the answer.
        page_bytes_max: the operator's bound on the payload.
        filter_: which records are asked for; ``None`` for all.

    Returns:
        the page; it exceeds the budget only where a single record does.

    Raises:
        Unavailable: the store failed.
        ProtocolError: the filter asks for too much at once (code LIMIT).
    """
    budget = min(request.page_bytes, page_bytes_max)
    builder = _Builder(
        request=request, store=store, encoding=encoding, room=budget - FRAME_BYTES, filter=filter_
    )
    stated = {statement.channel: statement for statement in request.statements}
    for log in _scope(request, logs):
        if filter_ is None or filter_.admits(log.name):
            builder.visit(log, stated.get(log.name))
    builder.tell_rest()
    gone = tuple(name for name in stated if name not in logs)
    page = _fitted(builder.delta(gone), budget=budget, encoding=encoding, oldest_first=request.oldest_first)
    return replace(page, looked=builder.looked)


def _scope(request: SyncRequest, logs: dict[str, Log]) -> Sequence[Log]:
    """The channels asked for, the most recently written first."""
    stated = {statement.channel for statement in request.statements}
    chosen = logs.values() if request.everywhere else (log for log in logs.values() if log.name in stated)
    return sorted(chosen, key=lambda log: (-log.time, log.name))


def missing(log: Log, statement: Statement | None) -> RangeSet:
    """What the device lacks of a log and asks for; numbers beyond the head are ignored."""
    kept = RangeSet([(log.floor, max(log.floor, log.head + 1))])
    if statement is None:
        return kept
    wanted = kept if statement.want is None else kept & statement.want
    return wanted - statement.have if _speaks_of(log, statement) else wanted


def _had(log: Log, statement: Statement | None) -> RangeSet:
    """What the device has accounted for of this incarnation."""
    return statement.have if statement is not None and _speaks_of(log, statement) else EMPTY


def _speaks_of(log: Log, statement: Statement) -> bool:
    """Whether the statement's have-set is about this incarnation; without an epoch it is taken to be."""
    return statement.epoch in (log.epoch, 0)


def _news(log: Log, statement: Statement | None) -> bool:
    """Whether the device must be told of the channel even if it lacks no record."""
    if statement is None or statement.epoch != log.epoch:
        return True
    below = RangeSet([(1, log.floor)])
    asked = below if statement.want is None else below & statement.want
    return bool(asked - statement.have)


@dataclass(slots=True, kw_only=True)
class _Builder:
    """A page as it fills."""

    request: SyncRequest
    store: Store
    encoding: Encoding
    room: int
    filter: Filter | None = None
    records_left: int = PAGE_RECORDS_MAX
    parts: list[Part] = field(default_factory=list)
    bare: list[tuple[Log, Statement | None, bool]] = field(default_factory=list)
    more: bool = False
    authors: set[str] = field(default_factory=set)
    looked: int = 0

    @property
    def max_body(self) -> int:
        """Of larger bodies only the beginning goes; 0 for all of any."""
        return self.filter.max_body if self.filter is not None else 0

    def visit(self, log: Log, statement: Statement | None) -> None:
        """Add what the device lacks of one channel, as far as there is room."""
        lacks, looked_at_all = self._lacking(log, statement)
        if lacks:
            self._add(log, statement, lacks, looked_at_all=looked_at_all)
        elif _news(log, statement) and (statement is not None or self.filter is None):
            self.bare.append((log, statement, looked_at_all))

    def tell_rest(self) -> None:
        """Add the channels of which nothing is lacking: floors come with each page, and keep nothing out."""
        for log, statement, looked_at_all in self.bare:
            self._add(log, statement, EMPTY, looked_at_all=looked_at_all)

    def _add(self, log: Log, statement: Statement | None, lacks: RangeSet, *, looked_at_all: bool) -> None:
        cost = PART_BYTES + len(log.name.encode())
        if self.parts and (self.room <= cost or self.records_left <= 0):
            # A floor that finds no room is told another time: nobody waits for it.
            self.more = self.more or bool(lacks) or statement is None or statement.epoch != log.epoch
            return
        self.room -= cost
        records, voids, rest = self._read(log, lacks, _had(log, statement))
        self.more = self.more or rest or not looked_at_all
        if rest and not records and not voids and self.parts:
            return
        self.parts.append(
            Part(
                channel=log.name,
                epoch=log.epoch,
                head=log.head,
                floor=log.floor,
                voids=voids,
                records=tuple(sorted(records, key=lambda record: record.seq)),
            )
        )

    def _lacking(self, log: Log, statement: Statement | None) -> tuple[RangeSet, bool]:
        """What is lacking and passes the filter, and whether that is all of it."""
        if self.filter is None:
            return missing(log, statement), True
        found = passing(
            self.filter,
            log,
            self.store,
            have=_had(log, statement),
            want=statement.want if statement is not None else None,
            count_max=PAGE_RECORDS_MAX,
            oldest_first=self.request.oldest_first,
        )
        self.looked += found.looked
        return found.seqs, not found.rest

    def _read(self, log: Log, lacks: RangeSet, have: RangeSet) -> tuple[list[Record], RangeSet, bool]:
        """Read as many of the missing as fit.

        A delete of nothing that the device has is of no use to it, and void with what it deletes.

        Returns:
            the records, the numbers found to have no record, and whether something is left.
        """
        if not lacks:
            return [], EMPTY, False
        rows = self.store.rows(
            log.id,
            lacks,
            records_max=self.records_left,
            bytes_max=max(self.room, _CUT_READ_BYTES if self.max_body else 0),
            newest_first=not self.request.oldest_first,
        )
        taken = rows[: self._fitting(rows)]
        # A store may stop anywhere after the first row: only what lies before the last one was looked at.
        seen = lacks & self._passed(taken[-1].seq) if taken else EMPTY if rows else lacks
        told = [row for row in taken if self.filter is not None or concerns(row.kind, row.body, have)]
        if len(told) < len(taken):
            # A receipt or a push that is late may still bring what these void.
            seen |= voided_by((row.kind, row.body) for row in taken if row not in told) - have
        voids = seen - RangeSet.of(row.seq for row in told)
        return [record_of(row, row.author, self.max_body) for row in told], voids, bool(lacks - seen)

    def _passed(self, seq: int) -> RangeSet:
        """The numbers that come no later than this one in the order of the request."""
        return RangeSet([(1, seq + 1) if self.request.oldest_first else (seq, SEQ_STOP)])

    def _fitting(self, rows: list[Row]) -> int:
        """How many of the rows the page takes; the first record of a page always fits."""
        empty = not any(part.records for part in self.parts)
        for at, row in enumerate(rows):
            cost = self._cost(row)
            if cost > self.room and not (empty and at == 0):
                return at
            self.room -= cost
            self.records_left -= 1
            self.authors.add(row.author)
        return len(rows)

    def _cost(self, row: Row) -> int:
        author = 0 if row.author in self.authors else len(row.author.encode()) + 2
        size = len(beginning(row.kind, row.body, self.max_body))
        if self.encoding is Encoding.JSON:
            return size * 4 // 3 + JSON_RECORD_BYTES + len(row.author.encode())
        return size + RECORD_BYTES + author + len(row.content_type)

    def delta(self, gone: tuple[str, ...]) -> Delta:
        """The page as it stands."""
        return Delta(
            rid=self.request.rid,
            more=self.more,
            parts=tuple(self.parts),
            gone=gone,
        )


def record_of(row: Row | NewRow, author: str, max_body: int = 0) -> Record:
    """A stored record, or one just stored, as it travels.

    Args:
        row: as the store has it.
        author: the name of the user who wrote it.
        max_body: bytes of a body up to which it goes whole; 0 for any.
    """
    return Record(
        seq=row.seq,
        author=author,
        time=row.time,
        sent=row.sent,
        kind=row.kind,
        content_type=row.content_type,
        body=beginning(row.kind, row.body, max_body),
        size=len(row.body),
    )


def _fitted(delta: Delta, *, budget: int, encoding: Encoding, oldest_first: bool) -> Page:
    """Encode; where the estimate was too low, shed records from the page's end until it fits."""
    while True:
        encoded = wire.encode(delta, encoding)
        count = sum(len(part.records) for part in delta.parts)
        over = len(encoded) - budget
        if over > 0 and count == 1 and len(delta.parts) > 1:
            # Parts without records come again with each page: were they first, the record never would.
            told = tuple(part for part in delta.parts if part.records)
            delta = replace(delta, parts=told, more=True)
        elif over > 0 and (count > 1 or len(delta.parts) > 1):
            share = max(1, count * over // len(encoded) + 1)
            delta = _shed(delta, share=share, oldest_first=oldest_first)
        elif len(encoded) > PACKET_BYTES_MAX and delta.gone and delta.parts:
            # So many unknown names leave no room: the device hears of them first, and names them no more.
            delta = replace(delta, parts=(), more=True)
        else:
            bodies = tuple(len(record.body) for part in delta.parts for record in part.records)
            return Page(payload=encoded, records=count, bodies=bodies)


def _shed(delta: Delta, *, share: int, oldest_first: bool) -> Delta:
    """Take ``share`` records, the last that were added, off the last part, or the whole part."""
    *before, last = delta.parts
    keep = len(last.records) - share
    if keep <= 0 and before:
        return replace(delta, parts=tuple(before), more=True)
    keep = max(1, keep)
    kept = last.records[:keep] if oldest_first else last.records[-keep:]
    return replace(delta, parts=(*before, replace(last, records=kept, voids=EMPTY)), more=True)
