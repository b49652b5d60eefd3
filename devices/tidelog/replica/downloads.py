"""Bodies on their way down, a portion at a time (SPEC.md, "Large bodies", "Ask").

Of a large one each is in the store before the next is asked for: a cut costs the portion in flight, and what
is whole is never asked for again. One of which the log has all, and the device the beginning, is put into its
record once it is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from tidelog.replica.ports import BodyPart, Record, Shelf
from tidelog.replica.revisions import shown
from tidelog.replica.steps import BodyCame, BodyEnded, Chance, Effects
from tidelog.replica.tuning import BUSY_SECONDS, Tuning, backoff
from tidelog.wire.errors import Code, TidelogError, error_for
from tidelog.wire.frames import Fault
from tidelog.wire.large import Ask, Portion
from tidelog.wire.limits import REQUEST_ID_STOP
from tidelog.wire.stubs import Stub, body_digest, stub_of

_READ_BYTES: Final = 65_536
"""Read at a time for the digest."""

_LATER: Final = (Code.BUSY, Code.INTERNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyJob:
    """The application wants the body of a record.

    Attributes:
        id: its number, as of a sync.
        channel: the channel's name.
        epoch: of the log, as the device knows it.
        seq: the record's number.
        stub: what the record says of a large body; ``None`` for one that the log has.
        came: what came of such a one.
    """

    id: int
    channel: str
    epoch: int
    seq: int
    stub: Stub | None
    came: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class _Open:
    """The request that waits for its answer, or for its time."""

    rid: int = 0
    due: float = 0.0
    tries: int = 0


class Downloads:
    """The bodies that the application waits for, one at a time.

    Args:
        shelf: where they go; ``None``: nothing can be fetched.
        tuning: times and sizes.
        chance: for request ids and jitter.
    """

    def __init__(self, shelf: Shelf | None, *, tuning: Tuning, chance: Chance) -> None:
        """See the class."""
        self._shelf = shelf
        self._tuning = tuning
        self._chance = chance
        self._jobs: dict[int, BodyJob] = {}
        self._open = _Open()

    def add(self, job: BodyJob) -> None:
        """Begin a job, after those that are there."""
        self._jobs[job.id] = job

    def remove(self, job_id: int) -> BodyJob | None:
        """End a job; what came stays."""
        if job_id == next(iter(self._jobs), 0):
            self._open = _Open()
        return self._jobs.pop(job_id, None)

    def clear(self) -> list[BodyJob]:
        """End all jobs."""
        ended = list(self._jobs.values())
        self._jobs.clear()
        self._open = _Open()
        return ended

    def suspend(self) -> None:
        """The connection is gone: the portion in flight is asked for again after it."""
        self._open = _Open()

    def due(self) -> float | None:
        """When `next` is to be called, seconds; 0 for at once, ``None`` where nothing is wanted."""
        return self._open.due if self._jobs else None

    def next(self, now: float, effects: Effects) -> Ask | None:
        """The request to send now, if one is due; jobs whose body is there already end.

        What this very step brought is not in the store yet: the next one asks for what follows.
        """
        if effects.parts or effects.records:
            return None
        while self._jobs and self._open.due <= now:
            job = next(iter(self._jobs.values()))
            record = self._record(job)
            if record is None or self._shelf is None:
                # What came of it went with the record: it would come again and again.
                self._end(job, effects, error_for(Code.NO_RECORD, "the record is not on this device"))
                continue
            offset = self._offset(job, record, self._shelf)
            if offset is not None:
                return self._ask(job, offset, now)
            self._end(job, effects)
        return None

    def _offset(self, job: BodyJob, record: Record, shelf: Shelf) -> int | None:
        """Where to go on; ``None`` where all of it is there."""
        if job.stub is None:
            return None if record.whole else len(job.came)
        got = shelf.got(job.stub.digest)
        return got if got < job.stub.size else None

    def _record(self, job: BodyJob) -> Record | None:
        if self._shelf is None:
            return None
        found = self._shelf.records(job.channel, job.epoch, start=job.seq, stop=job.seq + 1, limit=1)
        return next((one for one in found if stub_of(one.kind, one.body) == job.stub), None)

    def take(self, portion: Portion, effects: Effects) -> bool:
        """Take a portion into the store.

        Returns:
            whether it was asked for.
        """
        job = next(iter(self._jobs.values()), None)
        if job is None or self._shelf is None or not portion.rid or portion.rid != self._open.rid:
            return False
        self._open = _Open()
        if job.stub is None:
            self._take_inline(job, portion, effects)
            return True
        stub, got = job.stub, self._shelf.got(job.stub.digest)
        if portion.offset != got or not portion.data or got == stub.size:
            return True
        stop = got + len(portion.data)
        if portion.size != stub.size or (stop == stub.size and not self._is_right(stub, got, portion.data)):
            effects.spoilt.append(stub.digest)
            self._spoil(job, effects)
            return True
        effects.parts.append(BodyPart(stub.digest, stub.size, got, portion.data))
        effects.events.append(BodyCame(job=job.id, got=stop, size=stub.size))
        if stop == stub.size:
            self._end(job, effects)
        return True

    def _take_inline(self, job: BodyJob, portion: Portion, effects: Effects) -> None:
        """Take a portion of a body that the log has; the record is put anew once that is whole."""
        record = self._record(job)
        if record is None or portion.offset != len(job.came) or not portion.data:
            return
        job.came.extend(portion.data)
        beginning = shown(record)
        if portion.size != beginning.size:
            self._spoil(job, effects)
            return
        effects.events.append(BodyCame(job=job.id, got=len(job.came), size=portion.size))
        if len(job.came) < portion.size:
            return
        whole = bytes(job.came)
        if body_digest([whole]) != portion.digest or not whole.startswith(beginning.body):
            self._spoil(job, effects)
            return
        before = record.body[: len(record.body) - len(beginning.body)]
        effects.records.append((job.epoch, replace(record, body=before + whole, left_out=0)))
        self._end(job, effects)

    def _spoil(self, job: BodyJob, effects: Effects) -> None:
        text = f"what came is not the body of {job.channel!r} {job.seq}"
        self._end(job, effects, error_for(Code.BLOB, text))

    def refused(self, fault: Fault, now: float, effects: Effects) -> bool:
        """Take a fault that answers the last request; whether it does."""
        job = next(iter(self._jobs.values()), None)
        if job is None or not fault.rid or fault.rid != self._open.rid:
            return False
        if fault.code in _LATER:
            self._open.due = now + self._wait(BUSY_SECONDS)
        else:
            text = fault.text or f"the body of {job.channel!r} {job.seq} is not to be had"
            self._end(job, effects, error_for(fault.code, text))
        return True

    def _ask(self, job: BodyJob, offset: int, now: float) -> Ask:
        self._open.tries += 1
        self._open.rid = self._chance.randrange(REQUEST_ID_STOP) or 1
        self._open.due = now + self._wait(self._tuning.answer_timeout)
        return Ask(
            rid=self._open.rid,
            channel=job.channel,
            epoch=job.epoch,
            seq=job.seq,
            offset=offset,
            page_bytes=self._tuning.page_bytes,
        )

    def _end(self, job: BodyJob, effects: Effects, error: TidelogError | None = None) -> None:
        self.remove(job.id)
        effects.events.append(BodyEnded(job=job.id, error=error))

    def _is_right(self, stub: Stub, got: int, last: bytes) -> bool:
        return body_digest(chain(self._held(stub.digest, got), [last])) == stub.digest

    def _held(self, digest: bytes, stop: int) -> Iterator[bytes]:
        for at in range(0, stop if self._shelf is not None else 0, _READ_BYTES):
            assert self._shelf is not None  # noqa: S101 - there would be nothing to read
            yield self._shelf.part(digest, at, min(at + _READ_BYTES, stop))

    def _wait(self, first: float) -> float:
        return backoff(first, self._open.tries, self._tuning.backoff_max, self._chance)
