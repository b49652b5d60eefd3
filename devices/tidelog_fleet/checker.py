"""The comparison: the service's logs against what was written, and each device's store against the logs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidelog.replica.ports import Record
from tidelog_fleet.crew import Crew, Seat
from tidelog_fleet.ledger import Message

Written = tuple[str, str, bytes]
"""Channel, author and body: what tells one message from another; the fleet writes no text twice."""


class FaultKind(StrEnum):
    """What can be wrong at the end."""

    HOLE = "hole"
    UNSTORED = "unstored"
    STORED_TWICE = "stored twice"
    INVENTED = "invented"
    RECEIPT = "receipt"
    MISSING = "missing"
    TWICE = "twice"
    DIFFERENT = "different"
    FOREIGN = "foreign"
    UNFINISHED = "unfinished"
    COMPLAINT = "complaint"


MEANINGS: Final[dict[FaultKind, str]] = {
    FaultKind.HOLE: "the numbers of a log are not 1, 2, 3, ...",
    FaultKind.UNSTORED: "a message that is not in the service's store, and no wiped outbox excuses it",
    FaultKind.STORED_TWICE: "a message is stored more often than it was written",
    FaultKind.INVENTED: "a record that nobody wrote",
    FaultKind.RECEIPT: "a receipt that names no record, another one, or one named before",
    FaultKind.MISSING: "a record that a device may read and does not hold",
    FaultKind.TWICE: "a record that a device holds twice",
    FaultKind.DIFFERENT: "a record that a device holds otherwise than the service",
    FaultKind.FOREIGN: "a record that a device holds or knows of and may not read",
    FaultKind.UNFINISHED: "a device that did not come to an end in time",
    FaultKind.COMPLAINT: "something that must not happen, seen while the fleet ran",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: see `MEANINGS`.
        text: what exactly, for people.
        device: where, or empty for the service.
        channel: in which log, or empty.
        seq: which record, or 0.
    """

    kind: FaultKind
    text: str
    device: str = ""
    channel: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What a device says that it has of a channel.

    Attributes:
        channel: its name.
        head: the highest seq that it knows of.
        records: as the device lists them.
    """

    channel: str
    head: int
    records: Sequence[Record]


class Checker:
    """Compares what there is with what there must be.

    Args:
        crew: who may read what.
        logs: of each of the crew's channels, the service's records, as its store lists them.
    """

    def __init__(self, crew: Crew, logs: Mapping[str, Sequence[Record]]) -> None:
        """See the class."""
        self._crew = crew
        self._logs = logs
        self._by_seq = {name: {record.seq: record for record in log} for name, log in logs.items()}

    def service(self, messages: Iterable[Message]) -> Iterator[Fault]:
        """What is wrong in the service's store, given everything that was written."""
        messages = tuple(messages)
        for channel, log in self._logs.items():
            yield from _holes(channel, log)
        yield from self._unlike(messages)
        yield from self._receipts(messages)

    def device(self, seat: Seat, shelves: Iterable[Shelf]) -> Iterator[Fault]:
        """What is wrong in one device's store, given everything in it."""
        readable = self._crew.readable(seat.user)
        seen = {shelf.channel: shelf for shelf in shelves}
        for shelf in seen.values():
            if shelf.channel not in readable:
                yield from _foreign(seat, shelf)
        for channel in readable:
            held = seen[channel].records if channel in seen else ()
            yield from self._shelf(seat, channel, held)

    def _unlike(self, messages: Sequence[Message]) -> Iterator[Fault]:
        stored: defaultdict[Written, list[Record]] = defaultdict(list)
        for log in self._logs.values():
            for record in log:
                stored[record.channel, record.author, record.body].append(record)
        most = Counter(_written(message) for message in messages)
        least = Counter(_written(message) for message in messages if _must_be_stored(message))
        for key in most | Counter(stored.keys()):
            yield from _miscounted(key, stored.get(key, []), least=least[key], most=most[key])

    def _receipts(self, messages: Iterable[Message]) -> Iterator[Fault]:
        named: set[tuple[str, int]] = set()
        for message in messages:
            receipt = message.receipt
            if receipt is None:
                continue
            record = self._by_seq.get(receipt.channel, {}).get(receipt.seq)
            wrong = _wrong_receipt(message, record, again=(receipt.channel, receipt.seq) in named)
            named.add((receipt.channel, receipt.seq))
            if wrong:
                yield Fault(
                    kind=FaultKind.RECEIPT,
                    text=f"the receipt {receipt.channel} {receipt.seq} for {_quoted(message.body)} {wrong}",
                    device=message.seat.device,
                    channel=receipt.channel,
                    seq=receipt.seq,
                )

    def _shelf(self, seat: Seat, channel: str, held: Sequence[Record]) -> Iterator[Fault]:
        stored = self._by_seq[channel]
        times = Counter(record.seq for record in held)

        def fault(kind: FaultKind, seq: int, text: str) -> Fault:
            return Fault(kind=kind, text=text, device=seat.device, channel=channel, seq=seq)

        for seq in sorted(stored.keys() - times.keys()):
            yield fault(FaultKind.MISSING, seq, f"{channel} {seq} {_quoted(stored[seq].body)} is not held")
        for seq, often in times.items():
            if often > 1:
                yield fault(FaultKind.TWICE, seq, f"{channel} {seq} is held {often} times")
        for record in held:
            unlike = _difference(record, stored.get(record.seq))
            if unlike:
                yield fault(FaultKind.DIFFERENT, record.seq, f"{channel} {record.seq}: {unlike}")


def _holes(channel: str, log: Sequence[Record]) -> Iterator[Fault]:
    for place, record in enumerate(log, start=1):
        if record.seq != place:
            text = f"{channel}: the record in place {place} has number {record.seq}"
            yield Fault(kind=FaultKind.HOLE, text=text, channel=channel, seq=record.seq)
            return


def _written(message: Message) -> Written:
    return message.channel, message.seat.user, message.body


def _must_be_stored(message: Message) -> bool:
    return message.receipt is not None or not message.may_be_lost


def _miscounted(key: Written, records: Sequence[Record], *, least: int, most: int) -> Iterator[Fault]:
    channel, author, body = key
    what = f"{_quoted(body)} of {author} in {channel}"
    if not most:
        kind, text = FaultKind.INVENTED, f"nobody wrote {what}"
    elif len(records) > most:
        numbers = ", ".join(str(record.seq) for record in records)
        kind, text = FaultKind.STORED_TWICE, f"{what} is stored as {numbers}"
    elif len(records) < least:
        kind, text = FaultKind.UNSTORED, f"{what} is not stored"
    else:
        return
    yield Fault(kind=kind, text=text, channel=channel, seq=records[-1].seq if records else 0)


def _wrong_receipt(message: Message, record: Record | None, *, again: bool) -> str:
    assert message.receipt is not None  # noqa: S101 - the caller looked
    if again:
        return "names a record that another receipt names"
    if record is None:
        return "names no record"
    if (message.receipt.channel, record.author, record.body) != _written(message):
        return f"names {_quoted(record.body)} of {record.author}"
    if record.time != message.receipt.time:
        return f"says {message.receipt.time}, the record {record.time}"
    return ""


def _foreign(seat: Seat, shelf: Shelf) -> Iterator[Fault]:
    if shelf.records or shelf.head:
        text = f"{seat.user} is no member of {shelf.channel}: {len(shelf.records)} records, head {shelf.head}"
        yield Fault(kind=FaultKind.FOREIGN, text=text, device=seat.device, channel=shelf.channel)


def _difference(held: Record, stored: Record | None) -> str:
    if stored is None:
        return f"{_quoted(held.body)} is not in the service's store"
    for name in ("body", "author", "time", "sent", "kind", "content_type"):
        here, there = getattr(held, name), getattr(stored, name)
        if here != there:
            return f"{name} is {here!r}, at the service {there!r}"
    return ""


def _quoted(body: bytes) -> str:
    """The beginning of a body, for people."""
    text = body.decode("utf8", "backslashreplace")
    return repr(text if len(text) <= 40 else f"{text[:39]}…")  # noqa: PLR2004 - half a line
