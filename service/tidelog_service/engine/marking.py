"""Raising marks, and telling of it those whom it concerns (SPEC.md, "Marks", "Mark").

A batch is one transaction; what is told is on disk by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from tidelog.wire import payload as wire
from tidelog.wire.errors import Code, Unavailable
from tidelog.wire.frames import Fault
from tidelog.wire.limits import MARKS_MAX, PACKET_BYTES_MAX
from tidelog.wire.marks import Mark, Marked, MarkRequest, Marks
from tidelog.wire.payload import Encoding
from tidelog_service.engine.marks import others_of, seen_from
from tidelog_service.engine.packets import Kind, Reply, Tally, refused
from tidelog_service.engine.ports import Log, Store, Terminal
from tidelog_service.engine.presence import Attendance
from tidelog_service.engine.rates import Rates

_REQUEST_BYTES: Final = 256
"""A request costs one for each so many bytes: some ten rows to write."""

_ROWS: Final = 64
"""To be told all costs one more for each so many channels and members."""

HEARERS_MAX: Final = 256
"""Devices of other members that a mark is pushed to: where there are more, all hear with their next page."""

_Logs = dict[str, Log]


class Asked(NamedTuple):
    """A request, and who asks how."""

    terminal: Terminal
    request: MarkRequest
    encoding: Encoding
    size: int


class _Raised(NamedTuple):
    """A mark that rose: whose, where, by which device."""

    terminal: Terminal
    log: Log


class Marking:
    """Serves mark requests. One thread owns it.

    Args:
        store: the durable state.
        attendance: who is to be told live.
        rates: how much a device may ask.
        tally: counts.
    """

    def __init__(self, store: Store, *, attendance: Attendance, rates: Rates, tally: Tally) -> None:
        """See the class."""
        self._store = store
        self._attendance = attendance
        self._rates = rates
        self._tally = tally

    def answer(self, batch: Sequence[Asked], now_ms: int) -> list[Reply]:
        """Raise what is to be raised, in one transaction; then answer, and tell the others.

        Args:
            batch: in the order of arrival.
            now_ms: the service's clock, Unix milliseconds.
        """
        replies: list[Reply] = []
        admitted: list[Asked] = []
        for asked in batch:
            if self._rates.admit(asked.terminal.device, now_ms, cost=1 + asked.size // _REQUEST_BYTES):
                admitted.append(asked)
            else:
                replies.append(self._busy(asked, "too many requests"))
        try:
            return replies + self._served(admitted, now_ms)
        except Unavailable:
            # What was raised and not told is told by the next page, and the device asks again.
            return replies + [self._busy(asked, "the store does not answer") for asked in admitted]

    def _served(self, batch: Sequence[Asked], now_ms: int) -> list[Reply]:
        logs, raised = self._raise(batch)
        told = [reply for one in batch for reply in self._told(one, logs[one.terminal.user_id], now_ms)]
        return told + list(self._live(raised, now_ms))

    def _busy(self, asked: Asked, text: str) -> Reply:
        fault = Fault(code=Code.BUSY, rid=asked.request.rid, text=text)
        return refused(self._tally, asked.terminal.device, fault, asked.encoding)

    def _raise(self, batch: Sequence[Asked]) -> tuple[dict[int, _Logs], list[_Raised]]:
        """What each user may read as it stands then, and what rose."""
        raised: list[_Raised] = []
        if not any(asked.request.marks for asked in batch):
            return {one.terminal.user_id: self._store.logs_of(one.terminal.user_id) for one in batch}, raised
        with self._store.transaction():
            logs = {one.terminal.user_id: self._store.logs_of(one.terminal.user_id) for one in batch}
            for asked in batch:
                mine = logs[asked.terminal.user_id]
                for mark in asked.request.marks:
                    risen = _risen(mark, mine.get(mark.channel))
                    if risen is not None:
                        self._store.raise_mark(risen, asked.terminal.user_id)
                        mine[mark.channel] = risen
                        raised.append(_Raised(asked.terminal, risen))
        self._tally["marked"] += len(raised)
        return logs, raised

    # The answer

    def _told(self, asked: Asked, logs: Mapping[str, Log], now_ms: int) -> Iterator[Reply]:
        marks = asked.request.marks
        if marks:
            known = tuple(_marked(logs[one.channel]) for one in marks if one.channel in logs)
            gone = tuple(one.channel for one in marks if one.channel not in logs)
            frames = [Marks(marks=known, gone=gone)]
        else:
            frames = self._all(asked.terminal, logs, now_ms)
        self._tally["answered"] += 1
        for frame in frames:
            told = replace(frame, rid=asked.request.rid, user=asked.terminal.user)
            for payload in _payloads(told, asked.encoding):
                yield Reply(asked.terminal.device, payload)

    def _all(self, terminal: Terminal, logs: Mapping[str, Log], now_ms: int) -> list[Marks]:
        """Everything that the user hears of, in as many frames as it takes."""
        told: list[Marked] = []
        for log in logs.values():
            if log.receipts:
                told += self._with_others(log, terminal.user)
            elif log.delivered:
                told.append(_marked(log))
        rows = len(told) + sum(len(one.others or ()) for one in told)
        self._rates.charge(terminal.device, now_ms, cost=rows // _ROWS)
        return _packed(told) or [Marks()]

    def _with_others(self, log: Log, user: str) -> Iterator[Marked]:
        """One, or as many as the members take."""
        after = 0
        while True:
            rows = self._store.marks_of(log, after=after, count_max=MARKS_MAX)
            yield _marked(log)._replace(others=others_of(rows, log, user))
            if len(rows) < MARKS_MAX:
                return
            after = rows[-1].version

    # The others

    def _live(self, raised: Sequence[_Raised], now_ms: int) -> Iterator[Reply]:
        """What rose, to the user's other devices and to the members that hear of it."""
        told: dict[str, dict[str, Marked]] = defaultdict(dict)
        for terminal, log in raised:
            for device in self._store.devices_of(terminal.user_id):
                if device != terminal.device:
                    _add(told[device], _marked(log))
            if log.receipts:
                for device, first in self._hearers(log, terminal):
                    member = seen_from(first, terminal.user, log.read, log.delivered)
                    _add(told[device], Marked(log.name, log.epoch, others=(member,)))
        made: dict[tuple[Encoding, tuple[Marked, ...]], list[bytes]] = {}
        for device, channels in told.items():
            form = self._attendance.form(device, now_ms)
            if form is None:
                continue
            key = form.encoding, tuple(channels.values())
            if key not in made:
                frames = _packed(key[1])
                made[key] = [payload for frame in frames for payload in _payloads(frame, form.encoding)]
            yield from (Reply(device, payload, Kind.PUSHES) for payload in made[key])

    def _hearers(self, log: Log, terminal: Terminal) -> list[tuple[str, int]]:
        found = self._store.hearers(log, terminal.user_id, count_max=HEARERS_MAX + 1)
        return found if len(found) <= HEARERS_MAX else []


def _risen(mark: Mark, log: Log | None) -> Log | None:
    """The log with its marks raised; ``None`` where that changes nothing.

    What is above the head counts as the head: the mark must not be of records that are yet to be written.
    """
    if log is None or mark.epoch not in (0, log.epoch):
        return None
    read = max(log.read, min(mark.read, log.head))
    delivered = max(log.delivered, min(mark.delivered, log.head), read)
    if (read, delivered) == (log.read, log.delivered):
        return None
    return replace(log, read=read, delivered=delivered)


def _marked(log: Log) -> Marked:
    return Marked(log.name, log.epoch, log.read, log.delivered, () if log.receipts else None)


def _add(channels: dict[str, Marked], more: Marked) -> None:
    """Add to what a device is told: the last word on each user."""
    before = channels.get(more.channel)
    if before is not None:
        others = {one.user: one for one in (*(before.others or ()), *(more.others or ()))}
        more = Marked(
            more.channel,
            more.epoch,
            max(before.read, more.read),
            max(before.delivered, more.delivered),
            tuple(others.values()) if before.others is not None or more.others is not None else None,
        )
    channels[more.channel] = more


def _packed(told: Iterable[Marked]) -> list[Marks]:
    """As few frames as hold them: a channel once each, and no more members in all than one may have."""
    frames: list[Marks] = []
    page: dict[str, Marked] = {}
    members = 0
    for one in told:
        count = len(one.others or ())
        if page and (one.channel in page or len(page) == MARKS_MAX or members + count > MARKS_MAX):
            frames.append(Marks(marks=tuple(page.values())))
            page, members = {}, 0
        page[one.channel] = one
        members += count
    return [*frames, Marks(marks=tuple(page.values()))] if page else frames


def _payloads(frame: Marks, encoding: Encoding) -> list[bytes]:
    """Encode; in JSON as many long names as a frame may have are more than a packet."""
    payload = wire.encode(frame, encoding)
    half = len(frame.marks) // 2
    if len(payload) <= PACKET_BYTES_MAX or not half:
        return [payload]
    halves = replace(frame, marks=frame.marks[:half]), replace(frame, marks=frame.marks[half:], gone=())
    return [each for one in halves for each in _payloads(one, encoding)]
