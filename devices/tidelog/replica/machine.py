"""The device as a sans-I/O machine: inputs in, one `Step` out; no clock, socket, thread or randomness.

Every input takes ``now``, monotonic seconds. The shell applies a step's changes to the store, then
publishes, then tells the application; `Machine.due` says when it wants to be called again. What each frame
from the service does stands in one table, `Machine._ON_FRAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tidelog.replica import endings
from tidelog.replica.amends import AuditJob
from tidelog.replica.answers import Answer
from tidelog.replica.downloads import BodyJob
from tidelog.replica.faults import Faults
from tidelog.replica.parts import parts_of
from tidelog.replica.ports import BodyPart, Changes, Outgoing, Shelf, Snapshot
from tidelog.replica.requests import Job
from tidelog.replica.sending import Sending
from tidelog.replica.steps import (
    AuditEnded,
    BodyEnded,
    Chance,
    Effects,
    EnrolEnded,
    Event,
    Step,
    SyncEnded,
    Trouble,
)
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.audit_frames import Verdict
from tidelog.wire.enrolling import Enrol, Roster
from tidelog.wire.errors import ProtocolError, TidelogError
from tidelog.wire.fetching import Piece
from tidelog.wire.frames import Delta, Fault, Push, Receipts
from tidelog.wire.large import Portion, Upload
from tidelog.wire.limits import CONTEXT_BYTES_MAX
from tidelog.wire.marks import Marks as MarksFrame
from tidelog.wire.page_frames import Page
from tidelog.wire.primed import PrimedPush
from tidelog.wire.queries import Estimate, Manifest
from tidelog.wire.ranges import EVERYTHING, RangeSet
from tidelog.wire.stubs import body_digest


class Machine:
    """One device's side of the protocol.

    Args:
        snapshot: what the store holds.
        device: the device's id.
        chance: for request ids and jitter.
        tuning: times and sizes.
        codecs: ids of codecs that answers may use; without any nothing goes compressed on the way up either.
        context_bytes: of held bodies that may prime them.
        shelf: the device's records, to read what primes pages, pushes and batches; without
            it answers are deltas, and batches and pushes plain.

    Attributes:
        online: whether there is a connection.
        strays: answers dropped because nothing had asked for them.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        device: str,
        chance: Chance,
        tuning: Tuning | None = None,
        codecs: Sequence[int] = (),
        context_bytes: int = CONTEXT_BYTES_MAX,
        shelf: Shelf | None = None,
    ) -> None:
        """See the class."""
        self.online = False
        self.strays = 0
        parts = self._parts = parts_of(
            snapshot,
            device=device,
            chance=chance,
            tuning=tuning or Tuning(),
            codecs=codecs,
            context_bytes=context_bytes,
            shelf=shelf,
        )
        self.holdings, self.outbox, self.marks = parts.holdings, parts.outbox, parts.marks
        self._sending, self._faults = Sending(parts), Faults(parts)
        self._seconds_kept = snapshot.seconds

    @property
    def auditing(self) -> bool:
        """Whether an audit is under way or waits: it may be due at once, many times."""
        return self._parts.audits.busy

    def due(self) -> float | None:
        """When `tick` is to be called, monotonic seconds; ``None`` for not before the next input."""
        return self._sending.due() if self.online else None

    # Inputs: the application's

    def write(
        self,
        channel: str,
        body: bytes,
        *,
        kind: int,
        content_type: str,
        sent: int,
        whole: bytes = b"",
        epoch: int = 0,
    ) -> tuple[int, Step]:
        """Put a message into the outbox.

        Args:
            channel: a valid channel name.
            body: within ``BODY_BYTES_MAX``.
            kind: 0, or from 16 on; of an edit, a delete or a stub its own.
            content_type: a media type, or empty.
            sent: the device's clock, Unix milliseconds.
            whole: the large body, where the message is its stub.
            epoch: of a delete, that of the records that it names.

        Returns:
            the message's number, and the step; what it sends comes with the next `tick`.
        """
        entry = self.outbox.write(channel, body, kind=kind, content_type=content_type, sent=sent, epoch=epoch)
        effects = Effects(queued=[entry], next_n=self.outbox.next_n)
        if whole:
            effects.parts.append(BodyPart(body_digest([whole]), len(whole), 0, whole))
        return entry.n, effects.step()

    def resubmit(self, n: int) -> Step:
        """Send a refused message again, as a new one."""
        effects = Effects()
        self._parts.settlement.resubmit(n, effects)
        return effects.step()

    def discard(self, n: int) -> Step:
        """Forget a refused message."""
        effects = Effects()
        self._parts.settlement.discard(n, effects)
        return effects.step()

    def sync(self, job: Job, now: float) -> Step:
        """Begin a sync; its end comes as `SyncEnded`."""
        job.started, job.primed = now, self._parts.trust.primed
        if job.channels is None and job.survey is None and job.wants_scope:
            self._parts.repairs.cancel_resume()
        if job.wants and not any(want.left(name, self.holdings) for name, want in job.wants.items()):
            return Step(events=(endings.ended(job, now),))
        self._parts.requests.add(job)
        return Step()

    def fetch_body(self, job: BodyJob) -> Step:
        """Begin to fetch a large body; its end comes as `BodyEnded`."""
        self._parts.downloads.add(job)
        return Step()

    def give_up_body(self, job_id: int) -> Step:
        """Fetch no more of a body; what arrived stays."""
        self._parts.downloads.remove(job_id)
        return Step()

    def audit(self, job: AuditJob, now: float) -> Step:
        """Begin an audit; its end comes as `AuditEnded`."""
        job.started = now
        self._parts.audits.add(job)
        return Step()

    def give_up(self, job_id: int, error: TidelogError) -> Step:
        """End one of the application's syncs or audits with an error; what arrived stays."""
        if self._parts.audits.remove(job_id):
            return Step(events=(AuditEnded(job=job_id, error=error),))
        job = self._parts.requests.remove(job_id)
        return Step(events=(SyncEnded(job=job_id, error=error),)) if job else Step()

    def abandon(self, error: TidelogError) -> Step:
        """End all that the application waits for, but messages, with an error."""
        ended: list[Event] = [AuditEnded(job=job.id, error=error) for job in self._parts.audits.clear()]
        ended += [
            SyncEnded(job=job.id, error=error) for job in self._parts.requests.clear() if not job.repair
        ]
        ended += [EnrolEnded(job=job, error=error) for job in self._parts.enrolments.clear()]
        ended += [BodyEnded(job=job.id, error=error) for job in self._parts.downloads.clear()]
        return Step(events=tuple(ended))

    def enrol(self, job_id: int, frame: Enrol) -> Step:
        """Ask about channels and members; the end comes as `EnrolEnded`.

        Raises:
            UsageError: too many such requests wait already.
        """
        self._parts.enrolments.add(job_id, frame)
        return Step()

    def give_up_enrol(self, job_id: int) -> Step:
        """Nobody waits for this one any more."""
        self._parts.enrolments.remove(job_id)
        return Step()

    def drop(self, channel: str, seqs: RangeSet) -> Step:
        """Forget local copies of records; the device then lacks them."""
        holding = self.holdings.drop(channel, seqs)
        if holding is None:
            return Step()
        return Step(changes=Changes(dropped=((channel, holding.epoch, seqs),), holdings=(holding,)))

    def mark_read(self, channel: str, seq: int, now: float) -> Step:
        """The user has read a channel up to a seq; told with the next `tick`, and its end by `MarkSettled`.

        Raises:
            UsageError: the device does not know the channel (``no_channel``).
        """
        effects = Effects()
        self.marks.read(self.holdings.known(channel), seq, now, effects)
        return effects.step()

    def forget(self, channel: str, epochs: Sequence[int]) -> Step:
        """Forget local copies of a channel's earlier epochs, which it is not of any more."""
        holding = self.holdings.get(channel)
        gone = [epoch for epoch in epochs if holding is None or epoch != holding.epoch]
        return Step(changes=Changes(dropped=tuple((channel, epoch, EVERYTHING) for epoch in gone)))

    # Inputs: the link's

    def connected(self, now: float) -> Step:
        """The link is up: everything that waits for an answer is asked again."""
        self.online = True
        self._parts.restart(now)
        effects = Effects(seconds=self._parts.seconds and not self._seconds_kept)
        self._seconds_kept = self._parts.seconds
        self._emit(now, effects)
        return effects.step()

    def disconnected(self) -> Step:
        """The link is down."""
        self.online = False
        self._parts.suspend()
        return Step()

    def received(self, payload: bytes, size: int, now: float) -> Step:
        """A packet arrived on the reply topic.

        Args:
            payload: its payload.
            size: MQTT bytes that it took on the socket.
            now: monotonic seconds.
        """
        effects = Effects()
        try:
            frame, _ = wire.decode(payload)
        except ProtocolError as error:
            effects.events.append(Trouble(error=error))
            return effects.step()
        handler = self._ON_FRAME.get(type(frame))
        if handler is None:
            self.strays += 1
            return Step()
        self.strays += not handler(self, frame, size, now, effects)
        self._parts.pushes.take_waiting(now, effects)
        self._parts.stranded.settle(effects)
        if not isinstance(frame, Receipts):
            # That its own messages have arrived there goes without saying.
            answer = isinstance(frame, Page | Delta)
            self._deliver(now if answer else now + self._parts.tuning.delivered_delay, effects)
        self._emit(now, effects)
        return effects.step()

    def tick(self, now: float) -> Step:
        """Do what is due."""
        effects = Effects()
        self._emit(now, effects)
        return effects.step()

    def sent(self, outgoing: Outgoing, size: int) -> None:
        """The shell's account of what a packet took on the socket, MQTT bytes."""
        self._sending.went(outgoing, size)

    def _emit(self, now: float, effects: Effects) -> None:
        if self.online:
            self._sending.emit(now, effects)

    def _deliver(self, due: float, effects: Effects) -> None:
        """What has arrived in this step, of channels whose members are to hear of it."""
        concerned = {*effects.holdings, *(channel for channel, user in effects.marks if not user)}
        known = self.holdings.by_channel
        self.marks.deliver([known[channel] for channel in concerned if channel in known], due, effects)

    # Frames: each says whether it was to be expected

    def _on_receipts(self, frame: Receipts, _size: int, now: float, effects: Effects) -> bool:
        if frame.outbox != self.outbox.id:
            return False
        self.marks.know(frame.author, effects)
        self._parts.settlement.take(frame, now, effects)
        return True

    def _on_marks(self, frame: MarksFrame, _size: int, now: float, effects: Effects) -> bool:
        self.marks.take(frame, self.holdings, now, effects)
        return True

    def _on_answer(self, frame: Answer, size: int, now: float, effects: Effects) -> bool:
        return self._parts.answers.take(frame, size, now, effects)

    def _on_push(self, push: Push, _size: int, now: float, effects: Effects) -> bool:
        self._parts.pushes.take(push.part, now, effects)
        return True

    def _on_primed(self, frame: PrimedPush, _size: int, now: float, effects: Effects) -> bool:
        self._parts.pushes.take_primed(frame, now, effects)
        return True

    def _on_piece(self, piece: Piece, _size: int, _now: float, effects: Effects) -> bool:
        dictionaries = self._parts.dictionaries
        if not dictionaries.expects(piece):
            return False
        try:
            dictionary = dictionaries.take(piece)
        except ProtocolError as error:
            effects.events.append(Trouble(error=error))
            return True
        if dictionary is not None:
            effects.dictionaries.append(dictionary)
            effects.outworn = dictionaries.outworn()
            self._parts.requests.use_dictionary(dictionaries.best)
        return True

    def _on_upload(self, told: Upload, _size: int, now: float, effects: Effects) -> bool:
        went = self._parts.uploads.take(told, now)
        if went is not None:
            effects.events.append(went)
        return went is not None

    def _on_portion(self, portion: Portion, _size: int, _now: float, effects: Effects) -> bool:
        return self._parts.downloads.take(portion, effects)

    def _on_verdict(self, verdict: Verdict, size: int, now: float, effects: Effects) -> bool:
        return self._parts.audits.verdict(verdict, size, now, effects)

    def _on_fault(self, fault: Fault, size: int, now: float, effects: Effects) -> bool:
        return self._faults.take(fault, size, now, effects)

    def _on_roster(self, roster: Roster, _size: int, now: float, effects: Effects) -> bool:
        return self._parts.enrolments.heard(roster, now, effects)

    _ON_FRAME: ClassVar[dict[type, Callable[[Machine, Any, int, float, Effects], bool]]] = {
        Receipts: _on_receipts,
        Delta: _on_answer,
        Page: _on_answer,
        Manifest: _on_answer,
        Estimate: _on_answer,
        Push: _on_push,
        PrimedPush: _on_primed,
        Fault: _on_fault,
        Piece: _on_piece,
        Roster: _on_roster,
        MarksFrame: _on_marks,
        Upload: _on_upload,
        Portion: _on_portion,
        Verdict: _on_verdict,
    }
