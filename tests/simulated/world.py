"""A small world: a service, four users, their devices and channels, and a seed that makes all go wrong."""

from __future__ import annotations

from collections import Counter
from random import Random

from simulated.chaos import Chaos
from simulated.ledger import Ledger
from simulated.network import CALM, Network
from simulated.people import DEVICES, MEMBERS, PLAIN, RECEIPTS, readable
from simulated.plain import PlainDevice
from simulated.restores import Vault
from simulated.server import Server
from simulated.terminal import Terminal
from simulated.timeline import Timeline
from tidelog.replica.ports import Changes
from tidelog.replica.steps import Event, Receipted, Refused
from tidelog.replica.tuning import Tuning
from tidelog.store.memory import MemoryStore
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.frames import KIND_DELETE, Delta, Push
from tidelog.wire.marks import Marks
from tidelog.wire.page_frames import Page
from tidelog.wire.primed import PrimedPush
from tidelog_service.engine.packets import Bounds
from tidelog_service.store.database import open_database
from tidelog_service.store.models import Channel, Record
from tidelog_service.store.registry import Registry

CHAOS_S = 150.0
HEAL_S = 1_800.0

_FAULTS = {
    "disk": 0.02,
    "kill before commit": 0.01,
    "kill after commit": 0.01,
    "redelivery": 0.5,
    "context": 0.05,
}


class World:
    """Everything, built from a seed.

    Args:
        seed: decides all that happens.
    """

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.timeline = Timeline()
        self.ledger = Ledger()
        self.tally: Counter[str] = Counter()
        self.network = Network(self.timeline, Random(self.rng.random()))
        self.stormy = True
        self.users: dict[str, str] = {}
        self.database = open_database(":memory:")
        fate = Random(-seed - 1)
        self.restores, self.trims = fate.random() < 0.4, fate.random() < 0.4
        self.vault = Vault(self.database, lambda: fate.randrange(1, 2**32))
        self._register()
        self.server = Server(
            self.network.broker,
            timeline=self.timeline,
            database=self.database,
            rng=Random(self.rng.random()),
            faults=self._fails,
            bounds=Bounds(page_bytes=self.rng.choice([1_000, 4_000, 61_440]), coalesce_ms=30),
            vault=self.vault,
        )
        self.chaos = Chaos(self)
        self.terminals = [self._terminal(device) for devices in DEVICES.values() for device in devices]
        self.plains = [self._plain(device) for devices in PLAIN.values() for device in devices]

    def close(self) -> None:
        """Let go of the database and its backups."""
        self.vault.close()
        self.database.close()

    def run(self) -> None:
        """Chaos, then peace until every device has synced."""
        self.chaos.begin()
        self.timeline.run_until(CHAOS_S)
        self._heal()

    # Building

    def _register(self) -> None:
        registry = Registry(self.database, now_ms=lambda: self.timeline.now_ms)
        for user, devices in DEVICES.items():
            registry.add_user(user)
            for device in (*devices, *PLAIN.get(user, ())):
                registry.add_device(user, device, secret=device)
                self.users[device] = user
        for channel, members in MEMBERS.items():
            registry.add_channel(channel, members, receipts=channel in RECEIPTS)
        registry.close()
        for channel in MEMBERS:
            self.renew(channel)

    def renew(self, channel: str) -> None:
        """Give a channel another epoch, as after a restore that lost nothing."""
        epoch = self.rng.randrange(1, 2**32)
        with self.database.transaction():
            self.database.write(Channel.update(epoch=epoch).where(Channel.name == channel))

    def _terminal(self, device: str) -> Terminal:
        tuning = Tuning(
            page_bytes=self.rng.choice([256, 1_024, 16_384]),
            batch_messages=self.rng.choice([3, 100]),
            flight_batches=self.rng.choice([1, 8]),
            live=self.rng.random() < 0.9,
        )
        return Terminal(
            device,
            store=self.new_store(),
            broker=self.network.broker,
            timeline=self.timeline,
            chance=Random(self.rng.random()),
            witness=self,
            tuning=tuning,
            codecs=self.rng.choice([(), (1,), (1, 2)]),
            pages=self.rng.random() < 0.9,
        )

    def _plain(self, device: str) -> PlainDevice:
        rng = Random(self.rng.random())
        return PlainDevice(device, broker=self.network.broker, timeline=self.timeline, rng=rng)

    def new_store(self) -> MemoryStore:
        """An empty disk, with an outbox id of its own."""
        return MemoryStore(random_bytes=self.rng.randbytes)

    def epochs(self) -> set[int]:
        """Those of all channels now."""
        return {epoch for (epoch,) in self.database.select(Channel.select(Channel.epoch))}

    def bodies(self) -> set[bytes]:
        """Of all records that the service has now."""
        return {body for (body,) in self.database.select(Record.select(Record.body))}

    def _fails(self, place: str) -> bool:
        if not self.stormy or self.rng.random() >= _FAULTS[place]:
            return False
        self.tally[place] += 1
        if place.startswith("kill"):
            self.timeline.after(self.rng.uniform(0.1, 20.0), self.restart_server)
        return True

    def restart_server(self) -> None:
        """Start the service, unless it runs."""
        if not self.server.up:
            self.server.skew_ms = self.rng.randrange(-5_000, 5_000) if self.stormy else 0
            self.server.start()

    # What the terminals' witness sees

    def saw_packet(self, device: str, payload: bytes) -> None:
        """Nobody may ever get a record, or a word, of a channel that is not theirs."""
        frame, _ = wire.decode(payload)
        for channel in _channels(frame):
            assert channel in readable(self.users[device]), f"{device} was told of {channel}"
        self.tally["primed"] += isinstance(frame, PrimedPush)
        if isinstance(frame, Delta | Page | Push | PrimedPush):
            self.ledger.bytes_pages += len(payload)

    def saw_changes(self, device: str, changes: Changes) -> None:
        """Follow messages by their numbers, and count what arrived."""
        for entry in changes.queued:
            if entry.kind != KIND_DELETE:
                self.ledger.messages[entry.body].numbers.add(entry.n)
        for epoch, record in changes.records:
            if record.kind == KIND_DELETE:
                continue
            written = self.ledger.messages[record.body]
            if written.device != device:
                self.ledger.bytes_bodies += len(record.body)
            elif written.confirmed:
                written.receipts.add((epoch, record.seq, record.time))

    def saw_event(self, device: str, event: Event) -> None:
        """Count."""
        self.tally[type(event).__name__] += 1
        if isinstance(event, Refused):
            terminal = next(one for one in self.terminals if one.device == device)
            entry = terminal.machine.outbox.entries[event.n]
            if entry.kind != KIND_DELETE:
                self.ledger.messages[entry.body].refused = True
        elif isinstance(event, Receipted):
            self.tally["receipts"] += 1

    # Peace

    def _heal(self) -> None:
        self.stormy = False
        self.network.weather = CALM
        self.restart_server()
        # What the storm delayed arrives before devices come up or take stock.
        self.timeline.run_until(self.timeline.now + 60.0)
        for terminal in self.terminals:
            terminal.power_cut = None
            terminal.link.restore()
        for plain in self.plains:
            plain.link.restore()
        assert self.timeline.run_while(lambda: not self._settled_all(), longest=HEAL_S), "outboxes stay full"
        # What arrived with that has been told after it, and who gets no pushes hears of it by the next one.
        # What a device finds to be lost once it has all, it sends again; that, the others ask for.
        for _ in range(4 if self.restores else 2):
            for terminal in self.terminals:
                terminal.sync()
            for plain in self.plains:
                plain.sync()
            assert self.timeline.run_while(self._syncing, longest=HEAL_S), "a sync does not end"
            assert self.timeline.run_while(lambda: not self._settled_all(), longest=HEAL_S), "they stay full"
            self.timeline.run_until(self.timeline.now + 60.0)
        self._audit()

    def _audit(self) -> None:
        """Each device finds by its sums that it has everything, and the same, without repairing anything."""
        auditors = [one for one in self.terminals if one.pages]
        for terminal in auditors:
            terminal.audit(repair=False)
        assert self.timeline.run_while(lambda: any(one.audited is None for one in auditors), longest=HEAL_S)
        for terminal in auditors:
            ended = terminal.audited
            assert ended is not None
            assert ended.report is not None, ended.error
            assert (ended.report.complete, ended.report.equal) == (True, True), (
                terminal.device,
                ended.report,
            )
            self.tally["audited records"] += ended.report.records

    def _settled_all(self) -> bool:
        waiting = any(
            not entry.rejected for one in self.terminals for entry in one.machine.outbox.entries.values()
        )
        return not waiting and not any(plain.unconfirmed for plain in self.plains)

    def _syncing(self) -> bool:
        return any(one.syncs for one in self.terminals) or any(plain.asking for plain in self.plains)


def _channels(frame: Frame) -> list[str]:
    """The channels that a frame to a device names."""
    match frame:
        case Delta():
            return [part.channel for part in frame.parts]
        case Page():
            return [told.channel for told in frame.told if isinstance(told.channel, str)]
        case Push():
            return [frame.part.channel]
        case PrimedPush():
            return [frame.channel]
        case Marks():
            assert all(not one.others or one.channel in RECEIPTS for one in frame.marks)
            return [one.channel for one in frame.marks]
    return []
