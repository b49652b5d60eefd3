"""What happened, written down as it happens: messages, receipts, syncs, troubles and counts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace

from tidelog.replica.ports import OutboxEntry
from tidelog.replica.steps import Receipt, SyncReport
from tidelog.wire.errors import TidelogError
from tidelog_fleet.crew import Seat


@dataclass(slots=True, kw_only=True)
class Message:
    """A message that a device wrote; the ledger changes it.

    Attributes:
        seat: who wrote it.
        channel: the channel's name.
        body: its bytes.
        receipt: what the application was handed; a message whose program ended before has none.
        may_be_lost: its store was wiped while it waited in the outbox: stored once, or not at all.
    """

    seat: Seat
    channel: str
    body: bytes
    receipt: Receipt | None = None
    may_be_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """A sync that ended well.

    Attributes:
        seat: whose.
        report: what it brought and cost.
        heads: by channel, the highest seq that the device knew at its end.
    """

    seat: Seat
    report: SyncReport
    heads: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Something that must not happen, seen while the fleet ran.

    Attributes:
        seat: where.
        text: what, for people.
    """

    seat: Seat
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Sums over the fleet so far.

    Attributes:
        written: messages written.
        receipts: receipts handed to the application.
        delivered: records that devices told as new: by push or sync, again after a wipe.
        syncs: that ended well.
        failed_syncs: that the link or time ended; what arrived was kept.
        cuts: links cut.
        restarts: programs ended and started again.
        revived: programs started anew because the device took too long to reconnect.
        wipes: stores wiped.
        forgotten: records whose local copies were dropped.
        refusals: requests for foreign channels that were refused.
        online: devices with a connection now.
        bytes_up: bytes on the devices' sockets, from them.
        bytes_down: the same, to them.
    """

    written: int = 0
    receipts: int = 0
    delivered: int = 0
    syncs: int = 0
    failed_syncs: int = 0
    cuts: int = 0
    restarts: int = 0
    revived: int = 0
    wipes: int = 0
    forgotten: int = 0
    refusals: int = 0
    online: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


class Ledger:
    """Takes entries from all devices' threads."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._messages: list[Message] = []
        self._syncs: list[Synced] = []
        self._complaints: list[Complaint] = []

    def count(self, name: str, by: int = 1) -> None:
        """Raise one of `Counts`."""
        with self._lock:
            self._counts[name] += by

    def counts(self) -> Counts:
        """The counts so far; those of links are 0 here."""
        known = {field.name for field in fields(Counts)}
        with self._lock:
            return replace(Counts(), **{name: n for name, n in self._counts.items() if name in known})

    @property
    def messages(self) -> tuple[Message, ...]:
        """Everything written, in the order of writing."""
        with self._lock:
            return tuple(self._messages)

    @property
    def syncs(self) -> tuple[Synced, ...]:
        """Syncs that ended well."""
        with self._lock:
            return tuple(self._syncs)

    @property
    def complaints(self) -> tuple[Complaint, ...]:
        """What must not happen and did."""
        with self._lock:
            return tuple(self._complaints)

    def wrote(self, seat: Seat, channel: str, body: bytes, future: Future[Receipt]) -> None:
        """A message is in a device's outbox; its receipt is noted when it comes."""
        message = Message(seat=seat, channel=channel, body=body)
        with self._lock:
            self._messages.append(message)
            self._counts["written"] += 1
        future.add_done_callback(lambda done: self._settled(message, done))

    def _settled(self, message: Message, future: Future[Receipt]) -> None:
        error = future.exception()
        if error is None:
            with self._lock:
                message.receipt = future.result()
                self._counts["receipts"] += 1
        elif not (isinstance(error, TidelogError) and error.code == "closed"):
            # "closed" only says that the program ended first: the message is in its outbox.
            self.complain(message.seat, f"a message to {message.channel} was refused: {error}")

    def wiped(self, seat: Seat, waiting: Iterable[OutboxEntry]) -> None:
        """A store is gone, with what waited in its outbox."""
        lost = Counter((entry.channel, entry.body) for entry in waiting)
        with self._lock:
            self._counts["wipes"] += 1
            for message in self._messages:
                key = (message.channel, message.body)
                if message.seat == seat and lost[key] and not message.receipt and not message.may_be_lost:
                    message.may_be_lost = True
                    lost[key] -= 1

    def synced(self, entry: Synced) -> None:
        """A sync ended well."""
        with self._lock:
            self._syncs.append(entry)
            self._counts["syncs"] += 1

    def complain(self, seat: Seat, text: str) -> None:
        """Something happened that must not."""
        with self._lock:
            self._complaints.append(Complaint(seat=seat, text=text))
