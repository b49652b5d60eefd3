"""A device with the SDK inside: the real machine and store behind a loopback link, on the virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from itertools import count
from typing import Protocol

from simulated.timeline import Timeline
from tidelog.bodies import held_record
from tidelog.choice import chosen
from tidelog.codec.page import Rule
from tidelog.mqtt.loopback import LoopbackTransport
from tidelog.mqtt.loopback_broker import LoopbackBroker
from tidelog.replica.amends import AuditJob
from tidelog.replica.downloads import BodyJob
from tidelog.replica.machine import Machine
from tidelog.replica.ports import Changes, Store
from tidelog.replica.requests import Job
from tidelog.replica.steps import AuditEnded, BodyEnded, Chance, Event, Step, SyncEnded
from tidelog.replica.tuning import Tuning
from tidelog.wire.enrolling import Enrol
from tidelog.wire.errors import TidelogError
from tidelog.wire.frames import Presence
from tidelog.wire.stubs import stub_of


class Witness(Protocol):
    """Sees everything that happens to a terminal."""

    def saw_packet(self, device: str, payload: bytes) -> None:
        """A packet arrived, before the machine gets it."""
        ...

    def saw_changes(self, device: str, changes: Changes) -> None:
        """A step is on disk."""
        ...

    def saw_event(self, device: str, event: Event) -> None:
        """The application was told something."""
        ...


class PowerCut(Enum):
    """Where in its next step that changes the store a device loses power."""

    BEFORE_PERSIST = "before"
    BEFORE_SEND = "between"


def audit_job(number: int, channels: tuple[str, ...], *, repair: bool) -> AuditJob:
    """An audit of all that these names or patterns say, as `Device.audit` makes it."""
    choice = chosen(channels=channels or None)
    return AuditJob(id=number, channels=choice.channels, filter=choice.filter, repair=repair)


class Terminal:
    """The shell of a device, as `tidelog.driver` is for a real one.

    Args:
        device: its id.
        store: its disk.
        broker: where it connects.
        timeline: its clock.
        chance: its dice.
        witness: sees what happens.
        tuning: of the machine.
        codecs: that answers may use.
        pages: whether the machine asks for pages, else for deltas.
        presence: what its status says while the link is up.

    Attributes:
        syncs: ids of the syncs that have not ended.
        fetches: those of bodies.
        power_cut: where it is to lose power next.
        pages: see above.
        audited: how the last audit ended.
    """

    def __init__(  # noqa: PLR0913 - a device has so many parts
        self,
        device: str,
        *,
        store: Store,
        broker: LoopbackBroker,
        timeline: Timeline,
        chance: Chance,
        witness: Witness,
        tuning: Tuning | None = None,
        codecs: Sequence[int] = (),
        pages: bool = True,
        presence: Presence = Presence.LIVE,
    ) -> None:
        self.device = device
        self.store = store
        self.link = LoopbackTransport(broker, device, live=presence, up=False)
        self.syncs: set[int] = set()
        self.fetches: set[int] = set()
        self.power_cut: PowerCut | None = None
        self.audited: AuditEnded | None = None
        self._timeline = timeline
        self._chance = chance
        self._witness = witness
        self._tuning = tuning
        self._codecs = codecs
        self.pages = pages
        self._jobs = count(1)
        self._alarm = 0
        self.machine = self._new_machine()
        self.link.start(self)

    def boot(self, store: Store | None = None) -> None:
        """Start again from the disk, or from another one put in; the link is down afterwards."""
        self.store = store or self.store
        self.power_cut = None
        self.syncs.clear()
        self.fetches.clear()
        self.machine = self._new_machine()
        self.link.cut()

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
    ) -> None:
        """The application writes a message."""
        _, step = self.machine.write(
            channel, body, kind=kind, content_type=content_type, sent=sent, whole=whole, epoch=epoch
        )
        self._perform(step)

    def fetch(self, channel: str, seq: int) -> None:
        """The application wants the body of a record that it holds."""
        record, epoch = held_record(self.store, self.machine.holdings.get(channel), seq)
        stub = stub_of(record.kind, record.body)
        job = BodyJob(id=next(self._jobs), channel=channel, epoch=epoch, seq=seq, stub=stub)
        self.fetches.add(job.id)
        self.do(lambda machine: machine.fetch_body(job))

    def sync(
        self,
        channels: tuple[str, ...] | None = None,
        *,
        wanted: bool = False,
        rule: Rule | None = None,
        max_bytes: int = 0,
    ) -> None:
        """The application syncs."""
        self.begin(Job(id=0, channels=channels, wanted_only=wanted, rule=rule or Rule(), max_bytes=max_bytes))

    def begin(self, job: Job) -> None:
        """The application asks for something; the job's id is given here."""
        job.id = next(self._jobs)
        self.syncs.add(job.id)
        self.do(lambda machine: machine.sync(job, self._timeline.now))

    def enrol(self, frame: Enrol) -> None:
        """The application asks about a channel and its members."""
        job = next(self._jobs)
        self.do(lambda machine: machine.enrol(job, frame))

    def audit(self, channels: tuple[str, ...] | None = None, *, repair: bool = True) -> None:
        """The application audits."""
        job = audit_job(next(self._jobs), channels or (), repair=repair)
        self.do(lambda machine: machine.audit(job, self._timeline.now))

    def do(self, command: Callable[[Machine], Step]) -> None:
        """The application does something else."""
        self._perform(command(self.machine))

    # What the link tells

    def on_online(self, *, session_present: bool) -> None:  # noqa: ARG002 - the link subscribes by itself
        self._perform(self.machine.connected(self._timeline.now))

    def on_offline(self, reason: TidelogError) -> None:  # noqa: ARG002 - nobody asks why
        self._perform(self.machine.disconnected())

    def on_packet(self, topic: str, payload: bytes, size: int) -> None:  # noqa: ARG002 - one topic only
        self._witness.saw_packet(self.device, payload)
        self._perform(self.machine.received(payload, size, self._timeline.now))

    # Steps

    def _new_machine(self) -> Machine:
        return Machine(
            self.store.load(),
            device=self.device,
            chance=self._chance,
            tuning=self._tuning,
            codecs=self._codecs,
            shelf=self.store if self.pages else None,
        )

    def _perform(self, step: Step) -> None:
        """Persist, then send, then tell; unless the power goes."""
        if step.changes and self._loses_power(step.changes):
            self.boot()
            return
        for outgoing in step.send:
            size = self.link.publish(outgoing.topic, outgoing.payload, qos=outgoing.qos)
            self.machine.sent(outgoing, size)
        for event in step.events:
            if isinstance(event, SyncEnded):
                self.syncs.discard(event.job)
            elif isinstance(event, BodyEnded):
                self.fetches.discard(event.job)
            elif isinstance(event, AuditEnded):
                self.audited = event
            self._witness.saw_event(self.device, event)
        self._set_alarm()

    def _loses_power(self, changes: Changes) -> bool:
        if self.power_cut is PowerCut.BEFORE_PERSIST:
            return True
        self.store.apply(changes)
        self._witness.saw_changes(self.device, changes)
        return self.power_cut is PowerCut.BEFORE_SEND

    def _set_alarm(self) -> None:
        self._alarm += 1
        due, alarm = self.machine.due(), self._alarm
        if due is not None:
            self._timeline.after(due - self._timeline.now, lambda: self._ring(alarm))

    def _ring(self, alarm: int) -> None:
        if alarm != self._alarm:
            return
        machine, now = self.machine, self._timeline.now
        self._perform(machine.tick(now))
        due = machine.due()
        # An audit adds up in many steps.
        assert due is None or due > now or machine.auditing, (
            f"{self.device} runs in circles: due {due} after a tick at {now}"
        )
