"""The device as a sans-I/O machine: inputs in, one `Step` out; no clock, socket, thread or randomness.

Every input takes ``now``, monotonic seconds. The shell applies a step's changes to the store, then
publishes, then tells the application; `Machine.due` says when it wants to be called again. What each frame
from the service does stands in one table, `Machine._ON_FRAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from tidelog.replica import endings
from tidelog.replica.amends import AuditJob
from tidelog.replica.answers import Answers
from tidelog.replica.asking import Ability
from tidelog.replica.audits import Audits
from tidelog.replica.dictionaries import Dictionaries
from tidelog.replica.downloads import BodyJob, Downloads
from tidelog.replica.enrolments import Enrolments
from tidelog.replica.holdings import Holdings
from tidelog.replica.marks import Marks
from tidelog.replica.mending import Mending
from tidelog.replica.outbox import Outbox
from tidelog.replica.parcels import Parcels
from tidelog.replica.ports import BodyPart, Changes, OutboxEntry, Outgoing, Shelf, Snapshot
from tidelog.replica.priming import Priming
from tidelog.replica.pushes import Pushes
from tidelog.replica.receipts import Settlement
from tidelog.replica.repairs import Repairs
from tidelog.replica.requests import Job, Open, Requests, Spent
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
from tidelog.replica.stranded import Stranded
from tidelog.replica.trust import Trust
from tidelog.replica.tuning import Tuning
from tidelog.replica.uploads import Uploads
from tidelog.wire import payload as wire
from tidelog.wire import topics
from tidelog.wire.audit_frames import Verdict
from tidelog.wire.enrolling import Enrol, Roster
from tidelog.wire.errors import Code, ProtocolError, TidelogError, UsageError, error_for
from tidelog.wire.fetching import Piece
from tidelog.wire.frames import Delta, Fault, Frame, Push, Receipts
from tidelog.wire.large import Portion, Upload
from tidelog.wire.limits import CONTEXT_BYTES_MAX
from tidelog.wire.marks import Marks as MarksFrame
from tidelog.wire.page_frames import Page
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding
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
        tuning = tuning or Tuning()
        self.online = False
        self.strays = 0
        holdings = self.holdings = Holdings(snapshot.holdings)
        self.outbox = Outbox(
            snapshot.outbox_id, snapshot.next_n, snapshot.outbox, tuning=tuning, chance=chance
        )
        # A store that once took whole seconds does so for good.
        self._seconds = tuning.whole_seconds or snapshot.seconds
        self._seconds_kept = snapshot.seconds
        self._parcels = Parcels(shelf if codecs else None, grounded=not self._seconds)
        self._device = device
        self._shelf = shelf
        self._dictionaries = Dictionaries(snapshot.dictionaries, tuning=tuning, chance=chance)
        ability = Ability(
            codecs=tuple(codecs),
            page_bytes=tuning.page_bytes,
            context_bytes=context_bytes,
            live=tuning.live,
            dictionary=self._dictionaries.best,
            pages=shelf is not None,
        )
        requests = self._requests = Requests(
            tuning=tuning, chance=chance, ability=ability, device=device, seconds=self._seconds
        )
        repairs = self._repairs = Repairs(tuning=tuning, chance=chance)
        self._priming = Priming(shelf)
        trust = self._trust = Trust(snapshot.tokens)
        self._mending = Mending(
            requests=requests, repairs=repairs, holdings=holdings, trust=trust, tuning=tuning
        )
        self._uploads = Uploads(outbox=self.outbox, shelf=shelf, tuning=tuning, chance=chance)
        self._downloads = Downloads(shelf, tuning=tuning, chance=chance)
        stranded = self._stranded = Stranded(shelf, self.outbox, snapshot.earlier, resends=not self._seconds)
        self._settlement = Settlement(
            outbox=self.outbox, holdings=holdings, repairs=repairs, uploads=self._uploads
        )
        self._pushes = Pushes(holdings=holdings, repairs=repairs, priming=self._priming)
        self._enrolments = Enrolments(tuning=tuning, chance=chance, holdings=holdings, repairs=repairs)
        self._delivered_delay = tuning.delivered_delay
        self.marks = Marks(snapshot.marks, snapshot.user, tuning=tuning, chance=chance)
        self._audits = Audits(
            requests=requests, holdings=holdings, trust=trust, shelf=shelf, tuning=tuning, chance=chance
        )
        self._answers = Answers(
            requests=requests,
            holdings=holdings,
            repairs=repairs,
            dictionaries=self._dictionaries,
            trust=trust,
            marks=self.marks,
            stranded=stranded,
            reply_topic=topics.reply_topic(device),
            live=tuning.live,
        )

    @property
    def auditing(self) -> bool:
        """Whether an audit is under way or waits: it may be due at once, many times."""
        return self._audits.busy

    def due(self) -> float | None:
        """When `tick` is to be called, monotonic seconds; ``None`` for not before the next input."""
        if not self.online:
            return None
        # A dictionary waits until nothing else is to be asked for.
        fetch = self._dictionaries.due() if self._requests.due() is None else None
        others = (self._enrolments, self.marks, self._uploads, self._downloads, self._audits)
        times = [self.outbox.due(), self._requests.due(), self._mending.due(), fetch]
        times += [one.due() for one in others]
        return min((time for time in times if time is not None), default=None)

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
        entry = OutboxEntry(
            n=self.outbox.next_n,
            channel=channel,
            kind=kind,
            sent=sent,
            content_type=content_type,
            body=body,
            epoch=epoch,
        )
        self.outbox.put(entry)
        effects = Effects(queued=[entry], next_n=self.outbox.next_n)
        if whole:
            effects.parts.append(BodyPart(body_digest([whole]), len(whole), 0, whole))
        return entry.n, effects.step()

    def resubmit(self, n: int) -> Step:
        """Send a refused message again, as a new one."""
        effects = Effects()
        entry = self.outbox.entries.get(n)
        if entry is not None and entry.rejected:
            self.outbox.put(replace(entry, rejected=""))
            self._settlement.renumber(n, above=0, effects=effects)
        return effects.step()

    def discard(self, n: int) -> Step:
        """Forget a refused message."""
        entry = self.outbox.entries.get(n)
        if entry is None or not entry.rejected:
            return Step()
        self.outbox.remove(n)
        return Step(changes=Changes(settled=(n,)))

    def sync(self, job: Job, now: float) -> Step:
        """Begin a sync; its end comes as `SyncEnded`."""
        job.started, job.primed = now, self._trust.primed
        if job.channels is None and job.survey is None and job.wants_scope:
            self._repairs.cancel_resume()
        if job.wants and not any(want.left(name, self.holdings) for name, want in job.wants.items()):
            return Step(events=(endings.ended(job, now),))
        self._requests.add(job)
        return Step()

    def fetch_body(self, job: BodyJob) -> Step:
        """Begin to fetch a large body; its end comes as `BodyEnded`."""
        self._downloads.add(job)
        return Step()

    def give_up_body(self, job_id: int) -> Step:
        """Fetch no more of a body; what arrived stays."""
        self._downloads.remove(job_id)
        return Step()

    def audit(self, job: AuditJob, now: float) -> Step:
        """Begin an audit; its end comes as `AuditEnded`."""
        job.started = now
        self._audits.add(job)
        return Step()

    def give_up(self, job_id: int, error: TidelogError) -> Step:
        """End one of the application's syncs or audits with an error; what arrived stays."""
        if self._audits.remove(job_id):
            return Step(events=(AuditEnded(job=job_id, error=error),))
        job = self._requests.remove(job_id)
        return Step(events=(SyncEnded(job=job_id, error=error),)) if job else Step()

    def abandon(self, error: TidelogError) -> Step:
        """End all that the application waits for, but messages, with an error."""
        ended: list[Event] = [AuditEnded(job=job.id, error=error) for job in self._audits.clear()]
        ended += [SyncEnded(job=job.id, error=error) for job in self._requests.clear() if not job.repair]
        ended += [EnrolEnded(job=job, error=error) for job in self._enrolments.clear()]
        ended += [BodyEnded(job=job.id, error=error) for job in self._downloads.clear()]
        return Step(events=tuple(ended))

    def enrol(self, job_id: int, frame: Enrol) -> Step:
        """Ask about channels and members; the end comes as `EnrolEnded`.

        Raises:
            UsageError: too many such requests wait already.
        """
        self._enrolments.add(job_id, frame)
        return Step()

    def give_up_enrol(self, job_id: int) -> Step:
        """Nobody waits for this one any more."""
        self._enrolments.remove(job_id)
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
        holding = self.holdings.get(channel)
        if holding is None:
            raise UsageError(
                f"this device knows no channel {channel!r}",
                code="no_channel",
                hint="sync first; `tidelog sync` brings the channels of its user",
            )
        effects = Effects()
        self.marks.read(holding, seq, now, effects)
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
        self._trust.restart()
        self.outbox.restart()
        self._uploads.restart()
        self._parcels.restart()
        self._mending.resume(now)
        self.marks.restart(now)
        effects = Effects(seconds=self._seconds and not self._seconds_kept)
        self._seconds_kept = self._seconds
        self._emit(now, effects)
        return effects.step()

    def disconnected(self) -> Step:
        """The link is down."""
        self.online = False
        self._requests.suspend()
        self._dictionaries.suspend()
        self._enrolments.suspend()
        self._downloads.suspend()
        self._audits.suspend()
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
        handler(self, frame, size, now, effects)
        self._pushes.take_waiting(now, effects)
        self._stranded.settle(effects)
        if not isinstance(frame, Receipts):
            # That its own messages have arrived there goes without saying.
            answer = isinstance(frame, Page | Delta)
            self._deliver(now if answer else now + self._delivered_delay, effects)
        self._emit(now, effects)
        return effects.step()

    def tick(self, now: float) -> Step:
        """Do what is due."""
        effects = Effects()
        self._emit(now, effects)
        return effects.step()

    def sent(self, outgoing: Outgoing, size: int) -> None:
        """The shell's account of what a packet took on the socket, MQTT bytes."""
        job = self._requests.open.job if self._requests.open else None
        if self._audits.sent(outgoing.purpose, size):
            return
        if job is not None and outgoing.purpose:
            job.sent(size)

    # Outputs

    def _emit(self, now: float, effects: Effects) -> None:
        """Everything that is due to be sent."""
        if not self.online:
            return
        self._send_messages(now, effects)
        for enrol in self._enrolments.next(now):
            self._publish(topics.sync_topic(self._device), enrol, effects)
        marks = self.marks.next(self.holdings, now, effects)
        if marks is not None:
            self._publish(topics.sync_topic(self._device), marks, effects)
        self._mending.tend(now, effects)
        audit = self._audits.tend(now, effects)
        if audit is not None:
            self._publish(topics.sync_topic(self._device), audit, effects, purpose=audit.rid)
        while isinstance(
            request := self._requests.next(self.holdings, self._trust.tokens, now, plain=self._plain), Spent
        ):
            effects.events.append(endings.spent(request.job, now))
        if request is not None:
            self._publish(topics.sync_topic(self._device), request, effects, purpose=request.rid)
        fetch = self._dictionaries.next(now) if self._requests.due() is None else None
        if fetch is not None:
            self._publish(topics.sync_topic(self._device), fetch, effects)
        ask = self._downloads.next(now, effects)
        if ask is not None:
            self._publish(topics.sync_topic(self._device), ask, effects)
        for chunk in self._uploads.next(now):
            self._publish(topics.sync_topic(self._device), chunk, effects)

    def _deliver(self, due: float, effects: Effects) -> None:
        """What has arrived in this step, of channels whose members are to hear of it."""
        concerned = {*effects.holdings, *(channel for channel, user in effects.marks if not user)}
        known = self.holdings.by_channel
        self.marks.deliver([known[channel] for channel in concerned if channel in known], due, effects)

    def _plain(self, job: Job) -> bool:
        return self._seconds or self._priming.plain(job, self.holdings)

    def _send_messages(self, now: float, effects: Effects) -> None:
        grounds = self._parcels.grounds(self.holdings)
        for batch in self.outbox.batches(now):
            # A second try may mean that the service cannot read the first one and cannot say so.
            frame = self._parcels.shortest(batch, grounds) if self.outbox.is_first(batch) else batch
            if isinstance(frame, Parcel):
                self.outbox.went_in(frame)
            self._publish(topics.messages_topic(self._device), frame, effects, qos=1)

    def _publish(self, topic: str, frame: Frame, effects: Effects, *, qos: int = 0, purpose: int = 0) -> None:
        payload = wire.encode(frame, Encoding.PACKED)
        effects.send.append(Outgoing(topic=topic, payload=payload, qos=qos, purpose=purpose))

    # Frames

    def _on_receipts(self, frame: Receipts, _size: int, now: float, effects: Effects) -> None:
        if frame.outbox != self.outbox.id:
            self.strays += 1
            return
        self.marks.know(frame.author, effects)
        self._settlement.take(frame, now, effects)

    def _on_marks(self, frame: MarksFrame, _size: int, now: float, effects: Effects) -> None:
        self.marks.take(frame, self.holdings, now, effects)

    def _on_delta(self, delta: Delta, size: int, now: float, effects: Effects) -> None:
        answered = self._answered(delta.rid, size)
        if answered is not None:
            self._answers.delta(delta, answered, now=now, effects=effects)

    def _on_page(self, page: Page, size: int, now: float, effects: Effects) -> None:
        if self._shelf is None:
            self._stray(page.rid, size)
            return
        answered = self._answered(page.rid, size)
        if answered is not None:
            self._answers.page(page, answered, self._shelf, now=now, effects=effects)

    def _answered(self, rid: int, size: int) -> Open | None:
        """The request that an answer belongs to, no longer open; a stale one is accounted for and dropped."""
        answered = self._requests.answered(rid)
        if answered is None:
            self._stray(rid, size)
        else:
            answered.job.bytes_down += size
        return answered

    def _stray(self, rid: int, size: int) -> None:
        self._requests.late(rid, size)
        self.strays += 1

    def _on_push(self, push: Push, _size: int, now: float, effects: Effects) -> None:
        self._pushes.take(push.part, now, effects)

    def _on_primed(self, frame: PrimedPush, _size: int, now: float, effects: Effects) -> None:
        self._pushes.take_primed(frame, now, effects)

    def _on_manifest(self, frame: Manifest, size: int, now: float, effects: Effects) -> None:
        answered = self._answered(frame.rid, size)
        if answered is not None:
            self._answers.manifest(frame, answered, now=now, effects=effects)

    def _on_estimate(self, frame: Estimate, size: int, now: float, effects: Effects) -> None:
        answered = self._answered(frame.rid, size)
        if answered is not None:
            self._answers.estimate(frame, answered, self._device, now=now, effects=effects)

    def _on_piece(self, piece: Piece, _size: int, _now: float, effects: Effects) -> None:
        if not self._dictionaries.expects(piece):
            self.strays += 1
            return
        try:
            dictionary = self._dictionaries.take(piece)
        except ProtocolError as error:
            effects.events.append(Trouble(error=error))
            return
        if dictionary is not None:
            effects.dictionaries.append(dictionary)
            effects.outworn = self._dictionaries.outworn()
            self._requests.use_dictionary(self._dictionaries.best)

    def _on_upload(self, told: Upload, _size: int, now: float, effects: Effects) -> None:
        went = self._uploads.take(told, now)
        if went is None:
            self.strays += 1
        else:
            effects.events.append(went)

    def _on_portion(self, portion: Portion, _size: int, _now: float, effects: Effects) -> None:
        self.strays += not self._downloads.take(portion, effects)

    def _on_verdict(self, verdict: Verdict, size: int, now: float, effects: Effects) -> None:
        if not self._audits.verdict(verdict, size, now, effects):
            self.strays += 1

    def _on_fault(self, fault: Fault, size: int, now: float, effects: Effects) -> None:
        if self._audits.fault(fault, size, now, effects):
            return
        waiting = self._requests.find(fault.rid) if fault.rid else None
        if waiting is not None:
            waiting.job.bytes_down += size
            self._answers.fault(fault, waiting, now=now, effects=effects)
            return
        if self._downloads.refused(fault, now, effects):
            return
        lost = self._uploads.refused(fault, now)
        if lost is not None:
            self._settlement.refuse(lost, fault.code, effects)
            return
        self._requests.late(fault.rid, size)
        if fault.code is Code.TOKEN:
            self.strays += 1  # the answer to another try has said so
        elif self._parcels.refused(fault.code):
            self.outbox.recall(based=fault.code is Code.CONTEXT)
        elif not self._refused(fault, now, effects):
            effects.events.append(Trouble(error=error_for(fault.code, fault.text)))

    def _refused(self, fault: Fault, now: float, effects: Effects) -> bool:
        """Whether it is about one of the requests that are made beside syncs."""
        return (
            self._dictionaries.refused(fault, now)
            or self._enrolments.refused(fault, now, effects)
            or self.marks.refused(fault, now, effects)
        )

    def _on_roster(self, roster: Roster, _size: int, now: float, effects: Effects) -> None:
        if not self._enrolments.heard(roster, now, effects):
            self.strays += 1

    _ON_FRAME: ClassVar[dict[type, Callable[[Machine, Any, int, float, Effects], None]]] = {
        Receipts: _on_receipts,
        Delta: _on_delta,
        Page: _on_page,
        Push: _on_push,
        PrimedPush: _on_primed,
        Fault: _on_fault,
        Piece: _on_piece,
        Manifest: _on_manifest,
        Estimate: _on_estimate,
        Roster: _on_roster,
        MarksFrame: _on_marks,
        Upload: _on_upload,
        Portion: _on_portion,
        Verdict: _on_verdict,
    }
