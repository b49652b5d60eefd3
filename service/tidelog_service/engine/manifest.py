"""The answer to a query for numbers: what passes and is not stated as had, with sizes (SPEC.md, "Manifest").

Channels go by name, and the newest records of each first; a request names the last one that it was told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tidelog.wire import payload as wire
from tidelog.wire import varint
from tidelog.wire.limits import MANIFEST_RECORDS_MAX
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Cursor, Filter, Listed, Manifest
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog_service.engine.filtering import passing, scoped
from tidelog_service.engine.inquiries import Inquiry
from tidelog_service.engine.ports import Log, Store

_FRAME_BYTES: Final = 16
_CHANNEL_BYTES: Final = 24
_JSON_RECORD_BYTES: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a query asks about.

    Attributes:
        inquiry: what the device has, and its filter.
        logs: the channels in scope, by name.
        after: where a manifest goes on.
        encoding: of the answer.
        page_bytes: what its payload should not exceed.
    """

    inquiry: Inquiry
    logs: Mapping[str, Log]
    after: Cursor | None
    encoding: Encoding
    page_bytes: int

    @property
    def filter(self) -> Filter:
        """Which records it is about."""
        return self.inquiry.filter or Filter()


@dataclass(slots=True, kw_only=True)
class _Page:
    """A page as it fills."""

    survey: Survey
    room: int
    records_left: int = MANIFEST_RECORDS_MAX
    channels: list[Listed] = field(default_factory=list)
    more: bool = False


def in_scope(inquiry: Inquiry, logs: Mapping[str, Log]) -> dict[str, Log]:
    """The logs that a query is about."""
    found = scoped(inquiry.filter or Filter(), logs)
    if inquiry.terms.everywhere:
        return found
    return {name: log for name, log in found.items() if name in inquiry.account}


def manifest(survey: Survey, store: Store) -> tuple[bytes, int]:
    """Build one page of numbers.

    Args:
        survey: what is asked.
        store: asked by index; no bodies are read.

    Returns:
        the payload, and how much work it was, in records looked at.

    Raises:
        ProtocolError: the filter asks for too much at once (code LIMIT).
        Unavailable: the store failed.
    """
    page = _Page(survey=survey, room=survey.page_bytes - _FRAME_BYTES)
    looked = 0
    for log, seqs in _logs(survey):
        # Whether there is anything in it the next page says: of this one no more is looked for.
        page.more = page.records_left <= 0
        looked += 0 if page.more else _add(page, log, seqs, store)
        if page.more:
            break
    return _fitted(page, survey), looked


def _logs(survey: Survey) -> Iterator[tuple[Log, RangeSet]]:
    """The logs that are still to be told of, and which seqs of each."""
    for name in sorted(survey.logs):
        log = survey.logs[name]
        stop = log.head + 1
        if survey.after is not None:
            if name < survey.after.channel or (name == survey.after.channel and not survey.after.seq):
                continue
            if name == survey.after.channel:
                stop = min(stop, survey.after.seq)
        yield log, RangeSet([(log.floor, max(log.floor, stop))])


def _add(page: _Page, log: Log, seqs: RangeSet, store: Store) -> int:
    """Add a channel as far as there is room; how much work it was."""
    standing = page.survey.inquiry.account.get(log.name)
    known = standing is not None and standing.epoch in (log.epoch, 0)
    wanted = seqs if standing is None or standing.want is None else seqs & standing.want
    have = standing.have if standing is not None and known else EMPTY
    found = passing(page.survey.filter, log, store, have=have, want=wanted, count_max=page.records_left)
    sizes = store.sizes(log.id, found.seqs, records_max=page.records_left) if found.seqs else []
    if not sizes:
        return found.looked
    cost = _CHANNEL_BYTES + len(log.name.encode())
    if page.channels and cost >= page.room:
        page.more = True
        return found.looked
    page.room -= cost
    taken = sizes[: _fitting(page, [size for _, size in sizes])]
    if not taken:
        # Told without a record it would count as told to its end.
        page.more = True
        return found.looked + len(sizes)
    told = dict(taken)
    seqs_told = RangeSet.of(told)
    page.channels.append(
        Listed(
            channel=log.name,
            epoch=log.epoch,
            head=log.head,
            floor=log.floor,
            seqs=seqs_told,
            sizes=tuple(told[seq] for seq in seqs_told),
        )
    )
    page.records_left -= len(taken)
    page.more = len(taken) < len(sizes) or bool(found.rest) or len(sizes) < _there(found.seqs, sizes)
    return found.looked + len(sizes)


def _there(seqs: RangeSet, sizes: list[tuple[int, int]]) -> int:
    """At least so many records there are: one more, where seqs below the last one were not looked at."""
    return len(sizes) + bool(seqs & RangeSet([(0, sizes[-1][0])]))


def _fitting(page: _Page, sizes: list[int]) -> int:
    """How many records the page takes; the first of all always fits."""
    for at, size in enumerate(sizes):
        json = page.survey.encoding is Encoding.JSON
        cost = _JSON_RECORD_BYTES + _CHANNEL_BYTES if json else 1 + len(varint.encode([size]))
        if cost > page.room and not (at == 0 and not page.channels):
            return at
        page.room -= cost
    return len(sizes)


def _fitted(page: _Page, survey: Survey) -> bytes:
    """Encode; where the estimate was too low, tell of fewer records, of none where a bound is strict."""
    frame = Manifest(rid=survey.inquiry.rid, more=page.more, channels=tuple(page.channels))
    while True:
        payload = wire.encode(frame, survey.encoding)
        count = sum(one.seqs.count for one in frame.channels)
        if count == 1 and 0 < survey.inquiry.room < len(payload):
            frame = replace(frame, channels=(), more=True)
        elif len(payload) <= survey.page_bytes or count <= 1:
            return payload
        else:
            frame = _shed(frame, max(1, count * (len(payload) - survey.page_bytes) // len(payload) + 1))


def _shed(frame: Manifest, share: int) -> Manifest:
    """Take so many records off the end, but not the last one of all."""
    *before, last = frame.channels
    keep = last.seqs.count - share
    if keep <= 0 and before:
        return replace(frame, channels=tuple(before), more=True)
    kept = last.seqs.newest(max(1, keep))
    shorter = last._replace(seqs=kept, sizes=last.sizes[-kept.count :])
    return replace(frame, channels=(*before, shorter), more=True)
