"""A machine on a bench: its store beside it, and everything that it does kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from simulated.samples import Steady
from simulated.terminal import audit_job
from tidelog.codec.page import Rule
from tidelog.replica.machine import Machine
from tidelog.replica.ports import Outgoing
from tidelog.replica.requests import Job
from tidelog.replica.steps import Chance, Event, Step
from tidelog.replica.tuning import Tuning
from tidelog.store.memory import MemoryStore
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import CONTEXT_BYTES_MAX
from tidelog.wire.page_frames import Resync
from tidelog.wire.payload import Encoding
from tidelog.wire.topics import sync_topic

_STEPS_MAX = 10_000
"""Steps of an audit until it waits for something."""


class Bench:
    """Runs a machine by hand; after each step disk and memory must agree.

    Args:
        chance: its dice.
        tuning: of the machine.
        device: its id.
        pages: whether it asks for pages, which needs its store, else for deltas.
        parcels: whether its messages may go in parcels; it then has a shelf, and is answered with deltas.
        codecs: that it offers.
        context_bytes: as in the machine.

    Attributes:
        store: what is on its disk.
        now: the clock, to be moved by the test.
        sent: packets, oldest first.
        events: what the application was told.
    """

    def __init__(
        self,
        *,
        chance: Chance | None = None,
        tuning: Tuning | None = None,
        device: str = "phone",
        pages: bool = False,
        parcels: bool = False,
        codecs: tuple[int, ...] = (),
        context_bytes: int = CONTEXT_BYTES_MAX,
    ) -> None:
        self.store = MemoryStore(random_bytes=lambda size: b"\x11" * size)
        self.device = device
        self.now = 0.0
        self.sent: list[Outgoing] = []
        self.events: list[Event] = []
        self._chance = chance or Steady()
        self._tuning = tuning
        self._pages = pages or parcels
        self._codecs = codecs or ((1,) if parcels else ())
        self._context_bytes = context_bytes
        self._jobs = count(1)
        self.boot()

    def boot(self) -> None:
        """Start again from the store."""
        self.machine = Machine(
            self.store.load(),
            device=self.device,
            chance=self._chance,
            tuning=self._tuning,
            codecs=self._codecs,
            context_bytes=self._context_bytes,
            shelf=self.store if self._pages else None,
        )

    def wipe(self) -> None:
        """The device is given away and set up again: an empty store."""
        self.store = MemoryStore(random_bytes=lambda size: b"\x22" * size)
        self.boot()

    def do(self, step: Step) -> Sequence[Event]:
        """Carry out a step, and check what holds after every one.

        Returns:
            its events.
        """
        self.store.apply(step.changes)
        self.sent += step.send
        self.events += step.events
        snapshot = self.store.load()
        known = {holding.channel: holding for holding in snapshot.holdings}
        assert known == self.machine.holdings.by_channel, "holdings in memory are not those on disk"
        assert {entry.n: entry for entry in snapshot.outbox} == self.machine.outbox.entries
        assert snapshot.next_n == self.machine.outbox.next_n
        assert {(one.channel, one.user): one for one in snapshot.marks} == self.machine.marks._marks
        assert snapshot.user == self.machine.marks.user
        assert self.machine.marks._waiting == {one.channel for one in snapshot.marks if one.waiting}
        return step.events

    def write(self, body: bytes = b"hello", channel: str = "room") -> int:
        """The application writes; the message goes out with the next tick."""
        n, step = self.machine.write(channel, body, kind=0, content_type="", sent=500)
        self.do(step)
        return n

    def sync(self, *channels: str, wanted: bool = False, rule: Rule | None = None, max_bytes: int = 0) -> int:
        """The application syncs, and the request goes out.

        Returns:
            the job's id.
        """
        job = Job(
            id=next(self._jobs),
            channels=channels or None,
            wanted_only=wanted,
            rule=rule or Rule(),
            max_bytes=max_bytes,
        )
        return self.start(job)

    def start(self, job: Job) -> int:
        """The application begins a job, and the request goes out.

        Returns:
            its id, which is given here.
        """
        job.id = job.id or next(self._jobs)
        self.do(self.machine.sync(job, self.now))
        self.tick()
        return job.id

    def audit(self, *channels: str, repair: bool = True) -> int:
        """The application audits, and the request goes out.

        Returns:
            the job's id.
        """
        job = audit_job(next(self._jobs), channels, repair=repair)
        self.do(self.machine.audit(job, self.now))
        self.tick()
        return job.id

    def tick(self) -> Sequence[Event]:
        """Do what is due; afterwards nothing may be due at once, but for what an audit has yet to add up."""
        events = list(self.do(self.machine.tick(self.now)))
        for _ in range(_STEPS_MAX):
            due = self.machine.due()
            if due is None or due > self.now:
                return events
            assert self.machine.auditing, "a busy loop"
            events += self.do(self.machine.tick(self.now))
        raise AssertionError("a busy loop")

    def connect(self) -> None:
        """The link comes up."""
        self.do(self.machine.connected(self.now))

    def receive(self, frame: Frame, encoding: Encoding = Encoding.PACKED) -> Sequence[Event]:
        """A frame arrives."""
        payload = wire.encode(frame, encoding)
        return self.do(self.machine.received(payload, len(payload) + 20, self.now))

    def frames(self) -> list[Frame]:
        """What was sent since the last call."""
        frames = [wire.decode(outgoing.payload)[0] for outgoing in self.sent]
        self.sent.clear()
        return frames

    def request(self) -> SyncRequest:
        """The newest request that was sent; it states everything."""
        frame = self.asked()
        assert isinstance(frame, SyncRequest)
        return frame

    def asked(self) -> SyncRequest | Resync:
        """The newest request that was sent."""
        payload = next(one.payload for one in reversed(self.sent) if one.topic == sync_topic(self.device))
        frame, _ = wire.decode(payload)
        assert isinstance(frame, SyncRequest | Resync)
        return frame
