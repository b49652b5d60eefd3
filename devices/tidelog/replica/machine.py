"""The device as a sans-I/O machine: inputs in, one `Step` out; no clock, socket, thread or randomness.

Every input takes ``now``, monotonic seconds. The shell applies a step's changes to the store, then
publishes, then tells the application; `Machine.due` says when it wants to be called again. What each frame
from the service does stands in one table, `Machine._ON_FRAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from tidelog.codec.dictionaries import Dictionary
from tidelog.replica.asking import Ability
from tidelog.replica.dictionaries import Dictionaries
from tidelog.replica.holdings import Holdings
from tidelog.replica.outbox import Outbox, speaks_of
from tidelog.replica.pages import Opened, opened_page
from tidelog.replica.parcels import Parcels
from tidelog.replica.ports import Changes, Holding, OutboxEntry, Outgoing, Record, Shelf, Snapshot
from tidelog.replica.priming import Priming
from tidelog.replica.repairs import Repairs
from tidelog.replica.requests import Job, Open, Requests, Spent
from tidelog.replica.steps import (
    Arrived,
    Chance,
    Event,
    Receipt,
    Receipted,
    Refused,
    Renumbered,
    Step,
    SyncEnded,
    Trouble,
)
from tidelog.replica.tokens import Token, Tokens
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire import topics
from tidelog.wire.errors import Code, ProtocolError, TidelogError, Unavailable, UsageError, error_for
from tidelog.wire.fetching import Piece
from tidelog.wire.frames import Delta, Fault, Frame, Part, Push, Receipts, Rejection
from tidelog.wire.frames import Receipt as WireReceipt
from tidelog.wire.limits import CONTEXT_BYTES_MAX, SEQ_STOP
from tidelog.wire.mqttsize import plain_bytes
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import EMPTY, RangeSet

_DISTRUSTS_MAX = 2
"""Pages that do not come out, since the last connection, before the device asks for none that build on what
it holds: each costs a request and a page in vain."""

_LATER = (Code.BUSY, Code.WINDOW)


def _first(job: Job, head: int) -> int:
    """The first seq that a job asks for, of a log with this head."""
    return max(1, head + 1 - job.rule.newest) if job.rule.newest else 1


def _no_answer(tries: int) -> Trouble:
    error = Unavailable(
        f"the service did not answer {tries} requests for missing records",
        code="no_answer",
        hint="they are asked for again after the next connection, push or sync",
    )
    return Trouble(error=error)


@dataclass(slots=True)
class _Effects:
    """A step while it is put together."""

    records: list[tuple[int, Record]] = field(default_factory=list)
    dropped: list[tuple[str, int, RangeSet]] = field(default_factory=list)
    holdings: dict[str, Holding] = field(default_factory=dict)
    queued: list[OutboxEntry] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    next_n: int = 0
    forgotten: list[bytes] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    outworn: tuple[int, ...] = ()
    dictionaries: list[Dictionary] = field(default_factory=list)
    send: list[Outgoing] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def step(self) -> Step:
        changes = Changes(
            records=tuple(self.records),
            dropped=tuple(self.dropped),
            holdings=tuple(self.holdings.values()),
            queued=tuple(self.queued),
            settled=tuple(self.settled),
            next_n=self.next_n,
            forgotten=tuple(self.forgotten),
            tokens=tuple(self.tokens),
            outworn=self.outworn,
            dictionaries=tuple(self.dictionaries),
        )
        return Step(changes=changes, send=tuple(self.send), events=tuple(self.events))


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
        self.holdings = Holdings(snapshot.holdings)
        self.outbox = Outbox(
            snapshot.outbox_id, snapshot.next_n, snapshot.outbox, tuning=tuning, chance=chance
        )
        self._parcels = Parcels(shelf if codecs else None)
        self._device = device
        self._tuning = tuning
        self._shelf = shelf
        self._distrusts = 0
        self._tokens = Tokens(snapshot.tokens)
        self._dictionaries = Dictionaries(snapshot.dictionaries, tuning=tuning, chance=chance)
        ability = Ability(
            codecs=tuple(codecs),
            page_bytes=tuning.page_bytes,
            context_bytes=context_bytes,
            live=tuning.live,
            dictionary=self._dictionaries.best,
            pages=shelf is not None,
        )
        self._requests = Requests(tuning=tuning, chance=chance, ability=ability, device=device)
        self._repairs = Repairs(tuning=tuning, chance=chance)
        self._priming = Priming(shelf)

    def due(self) -> float | None:
        """When `tick` is to be called, monotonic seconds; ``None`` for not before the next input."""
        if not self.online:
            return None
        repairs = None if self._requests.repairing else self._repairs.due()
        # A dictionary waits until nothing else is to be asked for.
        fetch = self._dictionaries.due() if self._requests.due() is None else None
        times = (self.outbox.due(), self._requests.due(), repairs, fetch)
        return min((time for time in times if time is not None), default=None)

    # Inputs: the application's

    def write(
        self, channel: str, body: bytes, *, kind: int, content_type: str, sent: int
    ) -> tuple[int, Step]:
        """Put a message into the outbox.

        Args:
            channel: a valid channel name.
            body: within ``BODY_BYTES_MAX``.
            kind: 0, or from 16 on.
            content_type: a media type, or empty.
            sent: the device's clock, Unix milliseconds.

        Returns:
            the message's number, and the step; what it sends comes with the next `tick`.
        """
        entry = OutboxEntry(
            n=self.outbox.next_n, channel=channel, kind=kind, sent=sent, content_type=content_type, body=body
        )
        self.outbox.put(entry)
        effects = _Effects(queued=[entry], next_n=self.outbox.next_n)
        return entry.n, effects.step()

    def resubmit(self, n: int) -> Step:
        """Send a refused message again, as a new one."""
        effects = _Effects()
        entry = self.outbox.entries.get(n)
        if entry is not None and entry.rejected:
            self.outbox.put(replace(entry, rejected=""))
            self._renumber(n, above=0, effects=effects)
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
        job.started, job.primed = now, self._trusts
        if job.channels is None and not job.wanted_only:
            self._repairs.cancel_resume()
        self._requests.add(job)
        return Step()

    def give_up(self, job_id: int, error: TidelogError) -> Step:
        """End one of the application's syncs with an error; what arrived stays."""
        job = self._requests.remove(job_id)
        return Step(events=(SyncEnded(job=job_id, error=error),)) if job else Step()

    def abandon(self, error: TidelogError) -> Step:
        """End all of the application's syncs with an error."""
        ended = [SyncEnded(job=job.id, error=error) for job in self._requests.clear() if not job.repair]
        return Step(events=tuple(ended))

    def drop(self, channel: str, seqs: RangeSet) -> Step:
        """Forget local copies of records; the device then lacks them."""
        holding = self.holdings.drop(channel, seqs)
        if holding is None:
            return Step()
        return Step(changes=Changes(dropped=((channel, holding.epoch, seqs),), holdings=(holding,)))

    # Inputs: the link's

    def connected(self, now: float) -> Step:
        """The link is up: everything that waits for an answer is asked again."""
        self.online = True
        self._distrusts = 0
        self.outbox.restart()
        self._parcels.restart()
        if self._tuning.live and self._live_channels():
            self._repairs.resume(now)
        return self.tick(now)

    def disconnected(self) -> Step:
        """The link is down."""
        self.online = False
        self._requests.suspend()
        self._dictionaries.suspend()
        return Step()

    def received(self, payload: bytes, size: int, now: float) -> Step:
        """A packet arrived on the reply topic.

        Args:
            payload: its payload.
            size: MQTT bytes that it took on the socket.
            now: monotonic seconds.
        """
        effects = _Effects()
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
        for part in self._priming.again(self.holdings, effects.records):
            self._pushed(part, now, effects)
        self._emit(now, effects)
        return effects.step()

    def tick(self, now: float) -> Step:
        """Do what is due."""
        effects = _Effects()
        self._emit(now, effects)
        return effects.step()

    def sent(self, outgoing: Outgoing, size: int) -> None:
        """The shell's account of what a packet took on the socket, MQTT bytes."""
        job = self._requests.open.job if self._requests.open else None
        if job is not None and outgoing.purpose:
            job.sent(size)

    # Outputs

    def _emit(self, now: float, effects: _Effects) -> None:
        """Everything that is due to be sent."""
        if not self.online:
            return
        self._send_messages(now, effects)
        unanswered = self._requests.expire(now)
        if unanswered is not None and not self._repairs.watches(unanswered.mends):
            effects.events.append(_no_answer(self._tuning.repair_tries))
        self._start_repairs(now, effects)
        while isinstance(
            request := self._requests.next(self.holdings, self._tokens, now, plain=self._plain), Spent
        ):
            self._spent(request.job, now, effects)
        if request is not None:
            self._publish(topics.sync_topic(self._device), request, effects, purpose=request.rid)
        fetch = self._dictionaries.next(now) if self._requests.due() is None else None
        if fetch is not None:
            self._publish(topics.sync_topic(self._device), fetch, effects)

    @property
    def _trusts(self) -> bool:
        """Whether pages may build on what the device holds; once may be chance, twice is not."""
        return self._distrusts < _DISTRUSTS_MAX

    def _plain(self, job: Job) -> bool:
        return job.rule.seconds or self._priming.plain(job, self.holdings)

    def _spent(self, job: Job, now: float, effects: _Effects) -> None:
        """The budget has no room for another page."""
        if job.rounds:
            effects.events.append(SyncEnded(job=job.id, report=job.report(now, complete=False)))
            return
        error = UsageError(
            f"a sync of at most {job.max_bytes} bytes: asking alone takes more",
            code="budget",
            hint="give more bytes once; later requests need not say again what the device has",
        )
        effects.events.append(SyncEnded(job=job.id, error=error))

    def _send_messages(self, now: float, effects: _Effects) -> None:
        grounds = self._parcels.grounds(self.holdings)
        for batch in self.outbox.batches(now):
            # A second try may mean that the service cannot read the first one and cannot say so.
            frame = self._parcels.shortest(batch, grounds) if self.outbox.is_first(batch) else batch
            if isinstance(frame, Parcel):
                self.outbox.went_in(frame)
            self._publish(topics.messages_topic(self._device), frame, effects, qos=1)

    def _publish(
        self, topic: str, frame: Frame, effects: _Effects, *, qos: int = 0, purpose: int = 0
    ) -> None:
        payload = wire.encode(frame, Encoding.PACKED)
        effects.send.append(Outgoing(topic=topic, payload=payload, qos=qos, purpose=purpose))

    def _start_repairs(self, now: float, effects: _Effects) -> None:
        if self._requests.repairing:
            return
        channels = set(self._repairs.ripe(self.holdings, now))
        if self._repairs.resume_ripe(now):
            channels |= set(self._live_channels())
        for channel in self._repairs.exhausted():
            error = Unavailable(
                f"records of {channel!r} are missing and did not come in {self._tuning.repair_tries} tries",
                code="repair_failed",
                hint="it is tried again after the next connection, push or sync of that channel",
            )
            effects.events.append(Trouble(error=error))
        if channels:
            self._requests.add(self._repair(tuple(sorted(channels)), now))

    def _repair(self, channels: tuple[str, ...], now: float) -> Job:
        """Ask for what was wanted of these channels; for everything where a token stands for just that."""
        everything = len(channels) == len(self.holdings.by_channel) and all(
            holding.wants_all for holding in self.holdings.by_channel.values()
        )
        if everything and self._requests.has_token(None, self._tokens):
            return Job(id=0, channels=None, repair=True, mends=channels, primed=self._trusts, started=now)
        return Job(id=0, channels=channels, wanted_only=True, repair=True, mends=channels, started=now)

    def _live_channels(self) -> list[str]:
        return [name for name, held in self.holdings.by_channel.items() if held.wanted.open_ended]

    # Frames

    def _on_receipts(self, frame: Receipts, _size: int, now: float, effects: _Effects) -> None:
        if frame.outbox != self.outbox.id:
            self.strays += 1
            return
        for rejection in frame.rejections:
            self._reject(rejection, frame.highest, now, effects)
        for receipt in frame.receipts:
            entry = self.outbox.entries.get(receipt.n)
            # Without a digest nothing is known of whose it is: the message is sent again.
            if entry is None or entry.rejected or not receipt.digest:
                continue
            if speaks_of(receipt, entry) and receipt.channel == entry.channel:
                self._settle(entry, receipt, frame.author, now, effects)
            else:
                # The number is another message's for good; that one's record comes by a sync.
                self._renumber(receipt.n, above=frame.highest, effects=effects)

    def _settle(
        self, entry: OutboxEntry, receipt: WireReceipt, author: str, now: float, effects: _Effects
    ) -> None:
        """A message is stored: it leaves the outbox and becomes a record, in one transaction."""
        self.outbox.remove(receipt.n)
        effects.settled.append(receipt.n)
        told = Receipt(channel=receipt.channel, seq=receipt.seq, time=receipt.time)
        effects.events.append(Receipted(n=receipt.n, receipt=told))
        if self.holdings.speaks_of(receipt.channel, receipt.epoch):
            self._keep(entry, receipt, author, effects)
        self._repairs.look(receipt.channel, self.holdings, now, epoch=receipt.epoch)

    def _keep(self, entry: OutboxEntry, receipt: WireReceipt, author: str, effects: _Effects) -> None:
        holding = self.holdings.at(receipt.channel, receipt.epoch)
        if receipt.seq not in holding.have:
            record = Record(
                channel=receipt.channel,
                seq=receipt.seq,
                author=author,
                time=receipt.time,
                sent=entry.sent or receipt.time,
                kind=entry.kind,
                body=entry.body,
                content_type=entry.content_type,
            )
            effects.records.append((receipt.epoch, record))
        seq = RangeSet([(receipt.seq, receipt.seq + 1)])
        effects.holdings[receipt.channel] = self.holdings.put(
            replace(
                holding,
                have=holding.have | seq,
                wanted=holding.wanted | seq,
                head=max(holding.head, receipt.seq),
            )
        )

    def _reject(self, rejection: Rejection, highest: int, now: float, effects: _Effects) -> None:
        entry = self.outbox.entries.get(rejection.n)
        # Not even a conflict of another message is one of ours, which may be stored under this number.
        if entry is None or entry.rejected or not speaks_of(rejection, entry):
            return
        if rejection.code is Code.CONFLICT:
            self._renumber(rejection.n, above=highest, effects=effects)
        elif rejection.code in _LATER:
            self.outbox.postpone(rejection.n, now)
        else:
            self._refuse(entry, rejection, effects)

    def _renumber(self, n: int, *, above: int, effects: _Effects) -> None:
        entry = self.outbox.renumber(n, above)
        if entry is not None:
            effects.settled.append(n)
            effects.queued.append(entry)
            effects.next_n = self.outbox.next_n
            effects.events.append(Renumbered(old=n, new=entry.n))

    def _refuse(self, entry: OutboxEntry, rejection: Rejection, effects: _Effects) -> None:
        refused = replace(entry, rejected=rejection.code.word)
        self.outbox.put(refused)
        effects.queued.append(refused)
        error = error_for(rejection.code, f"the service refused the message to {entry.channel!r}")
        effects.events.append(Refused(n=rejection.n, error=error))

    def _on_delta(self, delta: Delta, size: int, now: float, effects: _Effects) -> None:
        answered = self._requests.answered(delta.rid)
        if answered is None:
            self._requests.late(delta.rid, size)
            self.strays += 1
            return
        job = answered.job
        job.bytes_down += size
        job.gone |= set(delta.gone)
        self._repairs.forget(delta.gone)
        news = False
        for part in delta.parts:
            if answered.asked_for(part.channel):
                news = self._take(part, job, effects) or news
        self._proceed(answered, more=delta.more, news=news, now=now, effects=effects)

    def _take(self, part: Part, job: Job, effects: _Effects) -> bool:
        """Take one channel's part of a page; whether it told anything new."""
        before = self.holdings.get(part.channel)
        holding, fresh = self.holdings.accept(part)
        if not job.wanted_only and not job.max_bytes:
            # With a budget only what came: repairs have none, and would bring the rest at once.
            asked = RangeSet([(_first(job, part.head), part.head + 1)])
            holding = self.holdings.want(part.channel, asked) or holding
        self._arrive(part.epoch, fresh, effects)
        job.records += len(fresh)
        job.bytes_plain += plain_bytes(topics.reply_topic(self._device), (len(one.body) for one in fresh))
        if holding == before:
            return False
        effects.holdings[part.channel] = holding
        return True

    def _arrive(self, epoch: int, fresh: list[Record], effects: _Effects) -> None:
        if fresh:
            effects.records += [(epoch, record) for record in fresh]
            effects.events.append(Arrived(records=tuple(fresh)))

    def _proceed(self, answered: Open, *, more: bool, news: bool, now: float, effects: _Effects) -> None:
        """After a page: the next one, or the end of the job."""
        job = answered.job
        if more or answered.left_over:
            if not more:
                answered.mark_served()
            if more and not news and job.max_bytes:
                self._spent(job, now, effects)  # what did not fit now fits what is left even less
            elif job.progressed(news=news or not more):
                self._requests.resume(job)
            else:
                self._stall(job, effects)
            return
        if not job.wanted_only:
            self._want_scope(answered, effects)
        for holding in self.holdings.by_channel.values():
            if answered.asked_for(holding.channel):
                self._repairs.settle(holding)
        if not job.repair:
            self._end(job, now, effects)

    def _want_scope(self, answered: Open, effects: _Effects) -> None:
        """The channels in scope are wanted from now on: up to their heads, and while live, beyond."""
        for channel, known in list(self.holdings.by_channel.items()):
            if answered.asked_for(channel) and channel not in answered.job.gone:
                stop = SEQ_STOP if self._tuning.live else known.head + 1
                first = _first(answered.job, known.head)
                holding = self.holdings.want(channel, RangeSet([(first, max(first, stop))]))
                if holding is not None:
                    effects.holdings[channel] = holding

    def _end(self, job: Job, now: float, effects: _Effects) -> None:
        if job.channels and job.gone.issuperset(job.channels):
            names = ", ".join(repr(name) for name in job.channels)
            error = error_for(Code.NO_CHANNEL, f"no such channel, or not this user's: {names}")
            effects.events.append(SyncEnded(job=job.id, error=error))
            return
        effects.events.append(SyncEnded(job=job.id, report=job.report(now, complete=True)))

    def _stall(self, job: Job, effects: _Effects) -> None:
        error = ProtocolError(f"the sync does not converge: {job.rounds} requests, {job.records} records")
        ended = Trouble(error=error) if job.repair else SyncEnded(job=job.id, error=error)
        effects.events.append(ended)

    def _on_page(self, page: Page, size: int, now: float, effects: _Effects) -> None:
        answered = self._requests.answered(page.rid) if self._shelf else None
        if answered is None or self._shelf is None:
            self._requests.late(page.rid, size)
            self.strays += 1
            return
        answered.job.bytes_down += size
        try:
            opened = opened_page(page, answered.question, self._shelf)
        except ProtocolError as error:
            self._distrust(answered, error, effects)
            return
        self._keep_token(answered, page, opened, effects)
        # Records of a page were lacking when it was asked for; a push may have brought the same meanwhile.
        news = bool(page.gone) or any(part.records for part in opened.parts)
        answered.job.gone |= set(page.gone)
        self._repairs.forget(page.gone)
        if not answered.job.max_bytes:
            self._dictionaries.want(page.dictionary)
        for part in opened.parts:
            news = self._take(part, answered.job, effects) or news
        self._proceed(answered, more=page.more, news=news, now=now, effects=effects)

    def _distrust(self, answered: Open, error: ProtocolError, effects: _Effects) -> None:
        """A page did not come out: what the device holds is not what the service thinks, or it is damaged.

        Nothing of it is kept; the device asks once more, in full and for pages made without what it holds.
        """
        job = answered.job
        for scope in self._requests.scopes(job):
            self._forget_token(scope, effects)
        self._distrusts += 1
        if job.primed:
            job.primed = False
            self._requests.resume(job)
        else:
            ended = Trouble(error=error) if job.repair else SyncEnded(job=job.id, error=error)
            effects.events.append(ended)

    def _keep_token(self, answered: Open, page: Page, opened: Opened, effects: _Effects) -> None:
        question = answered.question
        if page.gone and answered.job.channels is not None:
            # What a token of named channels stands for lacks those that are gone, for ever.
            self._forget_token(question.scope, effects)
            return
        request = question.request
        name = request.token if isinstance(request, Resync) else page.token
        known = self._tokens.get(question.scope)
        if (
            name
            and question.scope
            and not (known and known.token == name and known.account.digest == opened.account.digest)
        ):
            token = Token(question.scope, name, opened.account, question.dictionary)
            effects.forgotten += self._tokens.put(token)
            effects.tokens.append(token)

    def _forget_token(self, scope: bytes, effects: _Effects) -> None:
        if self._tokens.forget(scope):
            effects.forgotten.append(scope)

    def _on_push(self, push: Push, _size: int, now: float, effects: _Effects) -> None:
        self._pushed(push.part, now, effects)

    def _on_primed(self, frame: PrimedPush, _size: int, now: float, effects: _Effects) -> None:
        holding = self.holdings.get(frame.channel)
        part = self._priming.read(frame, holding)
        if part is not None:
            self._pushed(part, now, effects)
            return
        # Nothing of it is known for sure, not even its epoch: it only is a reason to ask.
        heard = self.holdings.hear(frame.channel, frame.seqs)
        if heard is not None:
            effects.holdings[frame.channel] = heard
        have = holding.have if holding is not None else EMPTY
        doubtful = not (frame.context - have and frame.seqs - have)
        self._repairs.unread(frame.channel, frame.seqs, now, doubtful=doubtful)

    def _pushed(self, part: Part, now: float, effects: _Effects) -> None:
        if self.holdings.speaks_of(part.channel, part.epoch):
            before = self.holdings.get(part.channel)
            holding, fresh = self.holdings.accept(part)
            self._arrive(part.epoch, fresh, effects)
            if holding != before:
                effects.holdings[part.channel] = holding
        self._repairs.look(part.channel, self.holdings, now, epoch=part.epoch)

    def _on_piece(self, piece: Piece, _size: int, _now: float, effects: _Effects) -> None:
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

    def _on_fault(self, fault: Fault, size: int, now: float, effects: _Effects) -> None:
        error = error_for(fault.code, fault.text)
        waiting = self._requests.find(fault.rid) if fault.rid else None
        if waiting is None:
            self._requests.late(fault.rid, size)
            if fault.code is Code.TOKEN:
                self.strays += 1  # the answer to another try has said so
            elif self._parcels.refused(fault.code):
                self.outbox.recall(based=fault.code is Code.CONTEXT)
            elif not self._dictionaries.refused(fault, now):
                effects.events.append(Trouble(error=error))
            return
        waiting.job.bytes_down += size
        if fault.code is Code.TOKEN and self._tokens.forget(waiting.question.scope):
            effects.forgotten.append(waiting.question.scope)
            self._requests.answered(fault.rid)
            self._requests.resume(waiting.job)
            return
        if fault.code in _LATER:
            self._requests.hold(now)
            return
        self._requests.open = None
        ended = Trouble(error=error) if waiting.job.repair else SyncEnded(job=waiting.job.id, error=error)
        effects.events.append(ended)

    _ON_FRAME: ClassVar[dict[type, Callable[[Machine, Any, int, float, _Effects], None]]] = {
        Receipts: _on_receipts,
        Delta: _on_delta,
        Page: _on_page,
        Push: _on_push,
        PrimedPush: _on_primed,
        Fault: _on_fault,
        Piece: _on_piece,
    }
