"""Live pushes: stored records to the connected members, coalesced (SPEC.md, "Live push").

A push is encoded once per channel and form, never once per recipient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tidelog.wire import payload as wire
from tidelog.wire.frames import Part, Push
from tidelog.wire.limits import PAGE_BYTES_DEFAULT, SEQ_STOP
from tidelog.wire.payload import Encoding
from tidelog_service.engine.delta import FRAME_BYTES, JSON_RECORD_BYTES, PART_BYTES, record_of
from tidelog_service.engine.ingest import Stored
from tidelog_service.engine.packets import Kind, Reply
from tidelog_service.engine.ports import Store
from tidelog_service.engine.presence import Attendance, Form
from tidelog_service.engine.priming import primed, shortest


class Pushes:
    """Collects stored records and says when and to whom they go.

    Args:
        coalesce_ms: how long the first record of a channel waits for others.
        primed_max: pushes of one flush that are told after other records.
    """

    def __init__(self, *, coalesce_ms: int, primed_max: int) -> None:
        """See the class."""
        self._primed_max = self._primed_left = primed_max
        self._coalesce_ms = coalesce_ms
        self._waiting: dict[int, list[Stored]] = {}
        self._due_ms: int | None = None

    @property
    def due_ms(self) -> int | None:
        """When `flush` is to be called, Unix milliseconds; ``None`` where nothing waits."""
        return self._due_ms

    def collect(self, stored: Sequence[Stored], now_ms: int) -> None:
        """Take records that are on disk."""
        for record in stored:
            self._waiting.setdefault(record.log.id, []).append(record)
        if stored:
            latest_ms = now_ms + self._coalesce_ms
            # Never later than that: where the clock has stepped back, an hour maybe, nobody waits for it.
            self._due_ms = latest_ms if self._due_ms is None else min(self._due_ms, latest_ms)

    def flush(self, *, store: Store, attendance: Attendance, now_ms: int) -> Iterator[Reply]:
        """Everything that waits, to every device that may read it as memberships stand now.

        The device that wrote all records of a push does not get it: its receipts say as much.

        Raises:
            Unavailable: the store failed; what was not yet pushed is dropped (devices see the gap and ask).
        """
        waiting, self._waiting, self._due_ms = self._waiting, {}, None
        self._primed_left = self._primed_max
        for channel_id, records in waiting.items():
            audience = _readers(records, store.audience(channel_id), store)
            recipients = _recipients(records, audience, attendance, now_ms)
            made: dict[Form, list[tuple[bytes, tuple[int, ...]]]] = {}
            for device, form in recipients:
                if form not in made:
                    pushes = _pages(records, form.encoding)
                    made[form] = [
                        (self._payload(push, form, channel_id, store), _bodies(push)) for push in pushes
                    ]
                yield from (Reply(device, payload, Kind.PUSHES, bodies) for payload, bodies in made[form])

    def _payload(self, push: Push, form: Form, channel_id: int, store: Store) -> bytes:
        payload = wire.encode(push, form.encoding)
        if form is not Form.PRIMED or not self._primed_left:
            return payload
        self._primed_left -= 1
        return shortest(payload, primed(channel_id, push, store, start=store.readable_from(channel_id)))


def _bodies(push: Push) -> tuple[int, ...]:
    return tuple(len(record.body) for record in push.part.records)


def _readers(records: Sequence[Stored], audience: Sequence[str], store: Store) -> Sequence[str]:
    """Those who may read all of these: not who joined while they were gathered, in a channel with windows."""
    log, first = records[0].log, records[0].row.seq
    if store.readable_from(log.id) <= first:
        return audience
    return [device for device in audience if _reads_from(device, log.name, store) <= first]


def _reads_from(device: str, channel: str, store: Store) -> int:
    terminal = store.terminal(device)
    log = store.logs_of(terminal.user_id).get(channel) if terminal is not None else None
    return log.floor if log is not None else SEQ_STOP


def _recipients(
    records: Sequence[Stored], audience: Iterable[str], attendance: Attendance, now_ms: int
) -> list[tuple[str, Form]]:
    """Who gets them and how; not the device that wrote them all."""
    writers = {record.device for record in records}
    only_writer = writers.pop() if len(writers) == 1 else ""
    return [
        (device, form)
        for device in audience
        if device != only_writer and (form := attendance.form(device, now_ms)) is not None
    ]


def _pages(records: Sequence[Stored], encoding: Encoding) -> Iterator[Push]:
    """Split what would not fit a packet; an epoch that changed in between starts a page too."""
    page: list[Stored] = []
    room = 0
    for record in records:
        cost = len(record.row.body) * 4 // 3 + JSON_RECORD_BYTES + len(record.author.encode())
        if encoding is Encoding.PACKED:
            cost = len(record.row.body) + PART_BYTES
        if page and (cost > room or record.log.epoch != page[0].log.epoch):
            yield _push(page)
            page = []
        room = (room if page else PAGE_BYTES_DEFAULT - FRAME_BYTES) - cost
        page.append(record)
    if page:
        yield _push(page)


def _push(page: Sequence[Stored]) -> Push:
    log = page[0].log
    records = tuple(record_of(stored.row, stored.author) for stored in page)
    part = Part(channel=log.name, epoch=log.epoch, head=records[-1].seq, records=records)
    return Push(part=part)
