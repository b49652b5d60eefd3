"""A device's outgoing messages: numbered, and sent until the receipt is in (SPEC.md, "Messages")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import inf

from tidelog.replica.ports import OutboxEntry
from tidelog.replica.steps import Chance
from tidelog.replica.tuning import Tuning, backoff
from tidelog.wire.digest import answer_digest
from tidelog.wire.frames import Message, Messages, Receipt, Rejection
from tidelog.wire.limits import MESSAGE_WINDOW
from tidelog.wire.parcels import Parcel

_ENTRY_BYTES = 16
"""A message's columns beside its body and channel, generously."""


@dataclass(slots=True)
class _Flight:
    """One entry's transmissions: how many, when the next is due, and the parcel that the last one was in."""

    tries: int
    due: float
    parcel: Parcel | None = None


class Outbox:
    """Which messages wait, and which of them are due to be sent.

    Args:
        outbox_id: the store's 4 random bytes.
        next_n: the number of the next message.
        entries: what waits.
        tuning: times and sizes.
        chance: for jitter.
    """

    def __init__(
        self, outbox_id: bytes, next_n: int, entries: Iterable[OutboxEntry], *, tuning: Tuning, chance: Chance
    ) -> None:
        """See the class."""
        self.id = outbox_id
        self.next_n = next_n
        self.entries = {entry.n: entry for entry in entries}
        self._tuning = tuning
        self._chance = chance
        self._flights: dict[int, _Flight] = {}
        self._waiting = {n: None for n, entry in self.entries.items() if not entry.rejected}

    def put(self, entry: OutboxEntry) -> None:
        """Take a message; its number is ``next_n`` or one that was in use before."""
        self.entries[entry.n] = entry
        self.next_n = max(self.next_n, entry.n + 1)
        self._flights.pop(entry.n, None)
        if entry.rejected:
            self._waiting.pop(entry.n, None)
        else:
            self._waiting[entry.n] = None

    def write(
        self, channel: str, body: bytes, *, kind: int, content_type: str, sent: int, epoch: int
    ) -> OutboxEntry:
        """Take a new message, with the next number; see `tidelog.replica.machine.Machine.write`."""
        entry = OutboxEntry(
            n=self.next_n,
            channel=channel,
            kind=kind,
            sent=sent,
            content_type=content_type,
            body=body,
            epoch=epoch,
        )
        self.put(entry)
        return entry

    def take_back(self, entry: OutboxEntry) -> None:
        """Take a message again that once had its receipt, with the number that it had."""
        self.put(entry)
        self._waiting = dict.fromkeys(sorted(self._waiting))

    def remove(self, n: int) -> OutboxEntry | None:
        """Let go of a message."""
        self._flights.pop(n, None)
        self._waiting.pop(n, None)
        return self.entries.pop(n, None)

    def renumber(self, n: int, above: int) -> OutboxEntry | None:
        """Give a message the next number above all that either side has used."""
        entry = self.remove(n)
        if entry is None:
            return None
        renumbered = replace(entry, n=max(self.next_n, above + 1))
        self.put(renumbered)
        return renumbered

    def postpone(self, n: int, now: float) -> None:
        """The service asked to send this one again later."""
        flight = self._flights.get(n)
        if flight is not None:
            flight.due = now + self._wait(flight.tries)

    def hold(self, n: int) -> None:
        """Do not send this one again before `release`: its large body is on its way."""
        flight = self._flights.get(n)
        if flight is not None:
            flight.due = inf

    def release(self, n: int) -> None:
        """Send this one at once."""
        self._flights.pop(n, None)

    def hasten(self, n: int) -> None:
        """This one is due at once."""
        self._flights.pop(n, None)

    def restart(self) -> None:
        """A new connection: everything that waits is due at once, as nothing on the way will arrive."""
        self._flights.clear()

    def is_first(self, batch: Messages) -> bool:
        """Whether no message of a batch was sent before on this connection."""
        return all(self._flights[message.n].tries == 1 for message in batch.messages)

    def went_in(self, parcel: Parcel) -> None:
        """Note what went as a parcel, so that `recall` takes it back."""
        for n in parcel.numbers:
            self._flights[n].parcel = parcel

    def recall(self, *, based: bool) -> None:
        """What went in parcels and has no receipt is due at once: the service could not read one of them.

        Args:
            based: only what went in parcels that build on records.
        """
        for n, flight in list(self._flights.items()):
            if flight.parcel and (flight.parcel.basis or not based):
                del self._flights[n]

    def due(self) -> float | None:
        """When the next transmission is due, seconds; 0 for at once, ``None`` where nothing waits."""
        if self._capacity() > 0 and next(self._fresh(), None) is not None:
            return 0.0
        return min((flight.due for flight in self._flights.values() if flight.due < inf), default=None)

    def _capacity(self) -> int:
        return self._tuning.batch_messages * self._tuning.flight_batches - len(self._flights)

    def batches(self, now: float) -> list[Messages]:
        """What is to be sent now; it counts as sent."""
        chosen = self._chosen(now)
        for n in chosen:
            tries = self._flights[n].tries + 1 if n in self._flights else 1
            self._flights[n] = _Flight(tries, now + self._wait(tries))
        return [Messages(outbox=self.id, messages=batch) for batch in self._packed(chosen)]

    def _chosen(self, now: float) -> list[int]:
        again = [n for n, flight in self._flights.items() if flight.due <= now]
        return sorted(again + list(islice(self._fresh(), max(0, self._capacity()))))

    def _fresh(self) -> Iterator[int]:
        """Numbers that were not sent on this connection, ascending, within the service's window."""
        lowest = next(iter(self._waiting), 0)
        return (n for n in self._waiting if n not in self._flights and n < lowest + MESSAGE_WINDOW)

    def _packed(self, ns: Iterable[int]) -> Iterable[tuple[Message, ...]]:
        batch: list[Message] = []
        room = 0
        for n in ns:
            entry = self.entries[n]
            cost = len(entry.body) + len(entry.channel.encode()) + len(entry.content_type) + _ENTRY_BYTES
            if batch and (cost > room or len(batch) >= self._tuning.batch_messages):
                yield tuple(batch)
                batch = []
            room = (room if batch else self._tuning.page_bytes) - cost
            batch.append(_message(entry))
        if batch:
            yield tuple(batch)

    def _wait(self, tries: int) -> float:
        return backoff(self._tuning.receipt_timeout, tries, self._tuning.backoff_max, self._chance)


def speaks_of(told: Receipt | Rejection, entry: OutboxEntry) -> bool:
    """Whether an answer to the entry's number is to the entry itself (SPEC.md, "Digests").

    After a restore the number may have belonged to another message, whose answer comes late.
    """
    return told.n == entry.n and told.digest == answer_digest(_message(entry))


def _message(entry: OutboxEntry) -> Message:
    return Message(
        n=entry.n,
        channel=entry.channel,
        body=entry.body,
        kind=entry.kind,
        sent=entry.sent,
        content_type=entry.content_type,
        epoch=entry.epoch,
    )
