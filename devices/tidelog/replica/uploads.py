"""Large bodies on their way up: which message waits for its bytes, and which of them to send next.

See SPEC.md, "Large bodies". Nothing of this need survive a restart: the message is sent again, refused again,
and the service says how much is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tidelog.replica.outbox import Outbox
from tidelog.replica.ports import OutboxEntry, Shelf
from tidelog.replica.steps import BodyWent, Chance
from tidelog.replica.tuning import BUSY_SECONDS, Tuning, backoff
from tidelog.wire.errors import Code
from tidelog.wire.frames import Fault
from tidelog.wire.large import Chunk, Upload
from tidelog.wire.limits import BODY_DIGEST_BYTES, CHUNK_GRAIN_BYTES, REQUEST_ID_STOP
from tidelog.wire.stubs import Stub, stub_of

WINDOW_BYTES: Final = 65_536
"""On their way before the first is answered: a round trip of a slow link, and what a cut costs at most."""

_WINDOW_CHUNKS: Final = 16
"""The same for small packets: a service lets so many of one device wait, and some more."""

_CHUNK_BYTES: Final = BODY_DIGEST_BYTES + 20
"""A chunk's own headers at most: first byte, array, rid, digest, size, offset, and the head of its bytes."""

_LATER: Final = (Code.BUSY, Code.INTERNAL)


@dataclass(slots=True)
class _Wanted:
    """A message whose bytes the service lacks.

    Attributes:
        n: its number.
        stub: what it is about.
        rid: of the upload; 0 before the first chunk.
        there: bytes that the service has; ``None`` where it is to be asked.
        sent: bytes sent, from the beginning.
        due: when to ask, or ask again, seconds.
        tries: questions, and waits, since there was progress.
        spoilt: how often the bytes arrived and were not those of the digest.
    """

    n: int
    stub: Stub
    rid: int = 0
    there: int | None = None
    sent: int = 0
    due: float = 0.0
    tries: int = 0
    spoilt: int = 0

    def ask(self, due: float) -> None:
        """Ask, at that time, how much is there."""
        self.there, self.due = None, due


@dataclass(slots=True, kw_only=True)
class Uploads:
    """The uploads of a device, one at a time: that of the lowest message first.

    Attributes:
        outbox: the messages; those that wait for an upload are held there.
        shelf: where the bytes are; ``None``: nothing goes up.
        tuning: times and sizes.
        chance: for request ids and jitter.
    """

    outbox: Outbox
    shelf: Shelf | None
    tuning: Tuning
    chance: Chance
    _wanted: dict[int, _Wanted] = field(default_factory=dict)
    _rounds: dict[int, int] = field(default_factory=dict)

    def need(self, entry: OutboxEntry, now: float) -> bool:
        """The service lacks the bytes of a message, which is held until they are there.

        Returns:
            whether they can be sent: they are in the store.
        """
        stub = stub_of(entry.kind, entry.body)
        if stub is None or self.shelf is None or self.shelf.got(stub.digest) < stub.size:
            return False
        if entry.n not in self._wanted:
            # Once all was there, and then it was not: another message of the same bytes has taken them.
            rounds = self._rounds[entry.n] = self._rounds.get(entry.n, 0) + 1
            due = now + self._wait(rounds - 1) if rounds > 1 else 0.0
            self._wanted[entry.n] = _Wanted(entry.n, stub, due=due)
        self.outbox.hold(entry.n)
        return True

    def restart(self) -> None:
        """A new connection: all messages are sent again, and those that still need it say so."""
        self._wanted.clear()
        self._rounds.clear()

    def due(self) -> float | None:
        """When `next` is to be called, seconds; 0 for at once, ``None`` where nothing waits."""
        wanted = self._first()
        if wanted is None:
            return None
        return 0.0 if self._has_room(wanted) else wanted.due

    def next(self, now: float) -> list[Chunk]:
        """What is to be sent now; it counts as sent."""
        wanted = self._first()
        if wanted is None:
            return []
        if wanted.due <= now:
            # What was sent before may be lost, or its answer: the service knows.
            wanted.tries += 1
            wanted.rid = wanted.rid or self.chance.randrange(REQUEST_ID_STOP) or 1
            wanted.ask(now + self._wait(wanted.tries))
            return [Chunk(rid=wanted.rid, digest=wanted.stub.digest, size=wanted.stub.size)]
        return self._chunks(wanted)

    def take(self, told: Upload, now: float) -> BodyWent | None:
        """Take the service's word on how much is there; a message whose bytes are whole is sent again.

        Returns:
            what that comes to; ``None`` where it is not about the upload that is under way.
        """
        wanted = self._first()
        if wanted is None or not told.rid or told.rid != wanted.rid or told.offset > wanted.stub.size:
            return None
        size = wanted.stub.size
        if wanted.there is None:
            wanted.sent = told.offset
        elif told.offset <= wanted.there:
            return BodyWent(n=wanted.n, there=wanted.there, size=size)
        wanted.there, wanted.sent = told.offset, max(wanted.sent, told.offset)
        wanted.tries, wanted.due = 0, now + self._wait(1)
        if told.offset == size:
            del self._wanted[wanted.n]
            self.outbox.release(wanted.n)
        return BodyWent(n=wanted.n, there=told.offset, size=size)

    def refused(self, fault: Fault, now: float) -> int | None:
        """Take a fault that answers a chunk.

        Returns:
            ``None`` where it does not; else the number of the message that must be given up, or 0 for none.
        """
        wanted = self._first()
        if wanted is None or not fault.rid or fault.rid != wanted.rid:
            return None
        wanted.spoilt += fault.code is Code.BLOB
        if fault.code in _LATER or (fault.code is Code.BLOB and wanted.spoilt < self.tuning.repair_tries):
            if wanted.there is not None or fault.code is Code.BLOB:
                wanted.tries += 1
            wanted.ask(now + backoff(BUSY_SECONDS, wanted.tries, self.tuning.backoff_max, self.chance))
            return 0
        del self._wanted[wanted.n]
        return wanted.n

    def _first(self) -> _Wanted | None:
        """The upload under way; messages that are settled, refused or renumbered need none any more."""
        while self._wanted:
            wanted = self._wanted[min(self._wanted)]
            entry = self.outbox.entries.get(wanted.n)
            if entry is not None and not entry.rejected:
                return wanted
            del self._wanted[wanted.n]
        return None

    def _part_bytes(self) -> int:
        room = (self.tuning.page_bytes - _CHUNK_BYTES) // CHUNK_GRAIN_BYTES * CHUNK_GRAIN_BYTES
        return max(room, CHUNK_GRAIN_BYTES)

    def _has_room(self, wanted: _Wanted) -> bool:
        if wanted.there is None or wanted.sent == wanted.stub.size:
            return False
        part = self._part_bytes()
        under_way = wanted.sent - wanted.there
        return not under_way or under_way + part <= min(WINDOW_BYTES, _WINDOW_CHUNKS * part)

    def _chunks(self, wanted: _Wanted) -> list[Chunk]:
        chunks: list[Chunk] = []
        while self.shelf is not None and self._has_room(wanted):
            stub, at = wanted.stub, wanted.sent
            data = self.shelf.part(stub.digest, at, min(at + self._part_bytes(), stub.size))
            if not data:
                # The disk has lost what it had; the service will be asked, and this goes nowhere.
                wanted.sent = stub.size
                break
            chunks.append(Chunk(rid=wanted.rid, digest=stub.digest, size=stub.size, offset=at, data=data))
            wanted.sent += len(data)
        return chunks

    def _wait(self, tries: int) -> float:
        return backoff(self.tuning.answer_timeout, max(tries, 1), self.tuning.backoff_max, self.chance)
