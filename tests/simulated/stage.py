"""A stage for scenarios: named devices, one service, an orderly network, and a trace of all that happens.

Everything is as steady as it can be: no jitter, fixed ids and epochs, a clock that only `wait` moves.
"""

from __future__ import annotations

import shlex
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from itertools import count
from typing import Any

from simulated import office, trace
from simulated.disks import content
from simulated.plain import PlainDevice
from simulated.restores import Vault
from simulated.samples import Steady
from simulated.server import Server
from simulated.terminal import PowerCut, Terminal
from simulated.timeline import EPOCH_MS, Timeline
from tidelog.bodies import as_sent, held_record
from tidelog.codec.page import Rule
from tidelog.earlier import stranded_of
from tidelog.mqtt.loopback_broker import Delivery, LoopbackBroker
from tidelog.replica.ports import Changes, Store
from tidelog.replica.requests import Job
from tidelog.replica.revisions import shown as trace_record
from tidelog.replica.steps import Event
from tidelog.replica.surveys import Survey, Want
from tidelog.replica.tuning import Tuning
from tidelog.revising import delete_body_of, edit_body_of
from tidelog.wire.enrolling import Action, Enrol, Role
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_STUB, Messages, Presence
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.parcels import Parcel
from tidelog.wire.queries import Depth, Filter
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body
from tidelog.wire.stubs import stub_of
from tidelog.wire.topics import SERVICE, reply_topic
from tidelog_service.engine.gathering import is_foreign
from tidelog_service.engine.packets import Bounds
from tidelog_service.engine.parcels import opened
from tidelog_service.engine.rolls import Policy
from tidelog_service.engine.rules import IngestRule, IngestRules
from tidelog_service.store import keeping
from tidelog_service.store.database import open_database
from tidelog_service.store.models import Channel
from tidelog_service.store.models import Role as Standing
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

MakeStore = Callable[[str, int], Store]
"""Makes a device's store: given its id and how many it had before."""

_EPOCH = 7


class Counting:
    """Request ids of a script: 1, 2, 3."""

    def __init__(self) -> None:
        self._last = 0

    def randrange(self, _start: int, _stop: int, /) -> int:
        self._last += 1
        return self._last


class Stage:
    """Runs commands and says what they led to.

    Args:
        make_store: for the devices with the SDK.
    """

    def __init__(self, make_store: MakeStore) -> None:
        self.timeline = Timeline()
        self.terminals: dict[str, Terminal] = {}
        self.plains: dict[str, PlainDevice] = {}
        self._make_store = make_store
        self._stores: dict[str, list[Store]] = {}
        self._losses: deque[tuple[str, str]] = deque()
        self._holding = ""
        self._held: list[Delivery] = []
        self._lines: list[str] = []
        self._broker = LoopbackBroker(self._carry)
        self._database = open_database(":memory:")
        self._vault = Vault(self._database, partial(next, count(_EPOCH + 1)))
        self._registry = Registry(self._database, now_ms=lambda: self.timeline.now_ms)
        self._users: set[str] = set()
        self._server: Server | None = None
        self._bounds = Bounds()
        self._policy = Policy()
        self._rules: list[IngestRule] = []
        self._ahead_ms: Counter[str] = Counter()
        self._worn: set[tuple[str, str, int]] = set()

    def close(self) -> None:
        """Let go of all files."""
        for stores in self._stores.values():
            stores[-1].close()
        self._registry.close()
        self._vault.close()
        self._database.close()

    def run(self, command: str) -> list[str]:
        """Run a command line; the trace of what it led to."""
        self._lines = []
        first, *words = shlex.split(command)
        if first in self.terminals or first in self.plains:
            getattr(self, f"_device_{words[0]}")(first, *words[1:])
        else:
            getattr(self, f"_do_{first}")(*words)
        self.timeline.run_until(self.timeline.now)
        return self._lines

    # Building

    def _do_hall(self, channel: str, *members: str) -> None:
        """``hall NAME USER...``: a channel whose members see what is written from joining to leaving."""
        self._do_room(channel, *members, windowed=True)

    def _do_chat(self, channel: str, *members: str) -> None:
        """``chat NAME USER...``: a channel with read receipts."""
        self._do_room(channel, *members, receipts=True)

    def _do_room(self, channel: str, *members: str, windowed: bool = False, receipts: bool = False) -> None:
        """``room NAME USER...``: a channel with its members."""
        for user in members:
            if user not in self._users:
                self._users.add(user)
                self._registry.add_user(user)
        self._registry.add_channel(channel, members, windowed=windowed, receipts=receipts)
        self._do_epoch(channel, str(_EPOCH))

    def _do_join(self, channel: str, user: str, role: str = "writer") -> None:
        """``join NAME USER [ROLE]``: a member more."""
        self._registry.join(channel, user, role=Standing[role.upper()])

    def _do_leave(self, channel: str, user: str) -> None:
        """``leave NAME USER``: a member less."""
        self._registry.leave(channel, user)

    def _do_bounds(self, *settings: str) -> None:
        """``bounds NAME=NUMBER...``: of the engine, before the service starts."""
        self._bounds = Bounds(**{name: int(value) for name, value in map(_setting, settings)})

    def _do_policy(self, *settings: str) -> None:
        """``policy NAME=VALUE...``: what devices may do about channels, before the service starts."""
        types = {field.name: type(field.default) for field in fields(Policy)}
        said = dict(map(_setting, settings))
        given = {name: types[name](int(value) if value.isdigit() else value) for name, value in said.items()}
        self._policy = Policy(**given)

    def _do_user(self, *users: str) -> None:
        """``user NAME...``: users without devices."""
        for user in users:
            self._users.add(user)
            self._registry.add_user(user)

    def _do_device(self, device: str, *settings: str) -> None:
        """``device USER-NAME [TUNING=NUMBER...]``: a device with the SDK, and its link up."""
        user = device.partition("-")[0]
        if user not in self._users:
            self._users.add(user)
            self._registry.add_user(user)
        self._registry.add_device(user, device, secret=device)
        self._start_service()
        tuning = Tuning(**{name: int(value) for name, value in map(_setting, settings)})  # type: ignore[arg-type] # whole numbers only
        self.terminals[device] = Terminal(
            device,
            store=self._new_store(device),
            broker=self._broker,
            timeline=self.timeline,
            chance=Steady(),
            witness=self,
            tuning=tuning,
            codecs=(1,),
            presence=Presence.LIVE if tuning.live else Presence.QUIET,
        )
        self.terminals[device].link.restore()

    def _do_script(self, device: str) -> None:
        """``script USER-NAME``: a device without the SDK, and its link up."""
        self._registry.add_device(device.partition("-")[0], device, secret=device)
        self._start_service()
        made = PlainDevice(device, broker=self._broker, timeline=self.timeline, rng=Counting())
        self.plains[device] = made
        made.link.restore()

    def _new_store(self, device: str) -> Store:
        stores = self._stores.setdefault(device, [])
        if stores:
            stores[-1].close()
        stores.append(self._make_store(device, len(stores)))
        return stores[-1]

    def _start_service(self) -> None:
        if self._server is None:
            self._server = Server(
                self._broker,
                timeline=self.timeline,
                database=self._database,
                bounds=self._bounds,
                policy=self._policy,
                epochs=lambda: _EPOCH,
                vault=self._vault,
                observed=True,
            )

    def _do_rule(self, topic: str, channel: str, *settings: str) -> None:
        """``rule FILTER CHANNEL [KEY=VALUE...]``: an ingest rule more; ``members`` is one name."""
        said = dict(map(_setting, settings))
        keys: dict[str, Any] = said | ({"members": [said["members"]]} if "members" in said else {})
        self._rules.append(IngestRule.parse(topic=topic, channel=channel, **keys))
        self._start_service()
        assert self._server is not None
        self._server.use(IngestRules(self._rules))

    # The world

    def _do_quietly(self, *words: str) -> None:
        """``quietly COMMAND``: leaves no trace."""
        self.run(shlex.join(words))
        self._lines = []

    def _do_publish(self, topic: str, *bodies: str) -> None:
        """``publish TOPIC BODY...``: by a client that knows nothing of Tidelog."""
        for body in bodies:
            self._broker.route(topic, body.encode(), qos=1)

    def _do_retain(self, topic: str, body: str) -> None:
        """``retain TOPIC BODY``: the same, and the broker keeps it."""
        self._broker.route(topic, body.encode(), qos=1, retain=True)

    def _do_wait(self, seconds: str) -> None:
        """``wait SECONDS``."""
        self.timeline.run_until(self.timeline.now + float(seconds))

    def _do_lose(self, to: str, what: str) -> None:
        """``lose DEVICE|service FRAME``: the next such packet on its way there."""
        self._losses.append((to, what))

    def _do_hold(self, to: str = "devices") -> None:
        """``hold [devices|service]``: packets to these wait from now on, in the broker."""
        self._holding = to

    def _do_release(self, order: str = "") -> None:
        """``release [reversed]``: let them go, the last one first if asked."""
        held, self._held, self._holding = self._held, [], ""
        for delivery in reversed(held) if order else held:
            self._carry(delivery)

    def _do_epoch(self, channel: str, epoch: str) -> None:
        """``epoch CHANNEL NUMBER``: a new incarnation, as a restored service gives."""
        with self._database.transaction():
            self._database.write(Channel.update(epoch=int(epoch)).where(Channel.name == channel))

    def _do_floor(self, channel: str, seq: str) -> None:
        """``floor CHANNEL SEQ``: the service keeps nothing below any more."""
        keeping.trim(self._database, channel, before=int(seq))
        keeping.sweep(self._database, channel)

    def _do_save(self) -> None:
        """``save``: a backup of the service's database."""
        self._vault.save()

    def _do_set_back(self) -> None:
        """``set_back``: the service is killed, its database put back to the backup, and started again."""
        self._do_down()
        assert self._vault.restore(), "there is a backup"
        assert self._server is not None
        self._server.start()

    def _do_revoke(self, device: str) -> None:
        """``revoke DEVICE``."""
        self._registry.revoke_device(device)

    def _do_restart(self) -> None:
        """``restart``: the service, killed and started again."""
        assert self._server is not None
        self._server.kill(redelivered=False)
        self._server.start()

    def _do_down(self) -> None:
        """``down``: the service, killed."""
        assert self._server is not None
        self._server.kill(redelivered=False)

    def _do_up(self) -> None:
        """``up``: the service, started again."""
        assert self._server is not None
        self._server.start()

    # What an operator sees

    def _do_why(self, device: str, channel: str = "") -> None:
        """``why DEVICE [CHANNEL]``: what it has and lacks, and for which reasons."""
        self._lines += office.why(self._database, device, channel)

    def _do_clocks(self) -> None:
        """``clocks``: how wrong those of the devices are, as the service measured."""
        self._lines += office.clocks(self._registry)

    def _do_status(self) -> None:
        """``status``: what the service, or its last will, says to everybody."""
        self._lines.append(office.status(self._broker))

    # Devices

    def _device_clock(self, device: str, seconds: str) -> None:
        """``DEVICE clock SECONDS``: it is ahead by so much from now on."""
        self._ahead_ms[device] = round(1_000 * float(seconds))

    def _device_times(self, device: str, channel: str) -> None:
        """``DEVICE times CHANNEL``: when its records were stored, and when written, they say."""
        terminal = self.terminals[device]
        epoch = terminal.machine.holdings.by_channel[channel].epoch
        for one in terminal.store.records(channel, epoch, start=1, stop=SEQ_STOP, limit=100):
            times = f"at {trace.at(one.time)}, sent {trace.at(one.sent)}"
            self._lines.append(f"{one.seq} {trace.said(one.kind, one.body)} {times}")

    def _device_send(self, device: str, channel: str, *bodies: str) -> None:
        """``DEVICE send CHANNEL BODY...``; with a script: plain messages."""
        for body in bodies:
            if device in self.plains:
                self.plains[device].publish(channel, body.encode())
            else:
                sent = self.timeline.now_ms + self._ahead_ms[device]
                self.terminals[device].write(channel, body.encode(), kind=0, content_type="", sent=sent)

    def _device_file(self, device: str, channel: str, size: str) -> None:
        """``DEVICE file CHANNEL SIZE``: a message of so many bytes."""
        body, kind, whole = as_sent(_file(int(size)), 0)
        self.terminals[device].write(
            channel, body, kind=kind, content_type="", sent=self.timeline.now_ms, whole=whole
        )

    def _device_body(self, device: str, channel: str, seq: str) -> None:
        """``DEVICE body CHANNEL SEQ``: fetch what is not in the record."""
        self.terminals[device].fetch(channel, int(seq))

    def _device_compare(self, device: str, channel: str, seq: str) -> None:
        """``DEVICE compare CHANNEL SEQ``: whether what it has of a body is what was sent."""
        terminal = self.terminals[device]
        record, _ = held_record(terminal.store, terminal.machine.holdings.get(channel), int(seq))
        stub = stub_of(record.kind, record.body)
        if stub is None:
            shown = trace_record(record)
            same = shown.body == _file(shown.size)[: len(shown.body)]
            self._lines.append(f"{len(shown.body)} of {shown.size} bytes, {'as sent' if same else 'others'}")
            return
        got = terminal.store.got(stub.digest)
        same = terminal.store.part(stub.digest, 0, stub.size) == _file(stub.size)[:got]
        self._lines.append(f"{got} of {stub.size} bytes, {'as sent' if same else 'others'}")

    def _device_edit(self, device: str, channel: str, seq: str, text: str) -> None:
        """``DEVICE edit CHANNEL SEQ TEXT``; a script does not know what came before, and when."""
        if device in self.plains:
            voids = RangeSet([(int(seq), int(seq) + 1)])
            edit = Edit(voids=voids, time=0, content=text.encode())
            self.plains[device].revise(channel, KIND_EDIT, edit_body(edit))
            return
        terminal = self.terminals[device]
        holding = terminal.machine.holdings.get(channel)
        body, _ = edit_body_of(terminal.store, holding, int(seq), text.encode())
        terminal.write(channel, body, kind=KIND_EDIT, content_type="", sent=self.timeline.now_ms)

    def _device_delete(self, device: str, channel: str, start: str, stop: str) -> None:
        """``DEVICE delete CHANNEL START STOP``: half-open."""
        run = (int(start), int(stop))
        if device in self.plains:
            self.plains[device].revise(channel, KIND_DELETE, delete_body(RangeSet([run])))
            return
        terminal = self.terminals[device]
        holding = terminal.machine.holdings.get(channel)
        assert holding is not None
        body, sent = delete_body_of(terminal.store, holding, [run]), self.timeline.now_ms
        terminal.write(channel, body, kind=KIND_DELETE, content_type="", sent=sent, epoch=holding.epoch)

    def _device_enrol(self, device: str, action: str, *words: str) -> None:
        """``DEVICE enrol ACTION [CHANNEL] [USER...] [role=ROLE] [windowed]``."""
        said = dict(_setting(word) for word in words if "=" in word)
        names = [word for word in words if "=" not in word and word != "windowed"]
        direct = action == "direct"
        frame = Enrol(
            rid=5 if device in self.plains else 0,
            action=Action[action.upper()],
            channel="" if direct else names[0],
            users=tuple(names if direct else names[1:]),
            role=Role[said.get("role", "writer").upper()],
            windowed="windowed" in words,
        )
        (self.plains.get(device) or self.terminals[device]).enrol(frame)

    def _device_read(self, device: str, channel: str) -> None:
        """``DEVICE read CHANNEL``: what its application sees."""
        terminal = self.terminals[device]
        holding = terminal.machine.holdings.get(channel)
        assert holding is not None
        for record in terminal.store.records(channel, holding.epoch, start=1, stop=SEQ_STOP, limit=100):
            if record.kind != KIND_DELETE:
                one = trace_record(record)
                size = "" if one.whole else f" of {one.size} bytes"
                edited = " (edited)" if one.edited else ""
                self._lines.append(f"{one.seq} {trace.body(one.body)}{size}{edited}")

    def _device_stranded(self, device: str, channel: str) -> None:
        """``DEVICE stranded CHANNEL``: what it holds of epochs that are over."""
        for record in stranded_of(self.terminals[device].store, channel):
            self._lines.append(f"{record.seq} {record.author} {trace.body(record.body)}")

    def _device_fill(self, device: str, channel: str, count: str, size: str) -> None:
        """``DEVICE fill CHANNEL COUNT SIZE``: messages of the same size."""
        bodies = [b"%d " % n for n in range(1, int(count) + 1)]
        for body in bodies:
            filled = body.ljust(int(size), b".")
            self.terminals[device].write(channel, filled, kind=0, content_type="", sent=self.timeline.now_ms)

    def _device_put(self, device: str, channel: str, body: str) -> None:
        """``SCRIPT put CHANNEL BODY``: with a number of its own."""
        self.plains[device].put(channel, body.encode())

    def _device_sync(self, device: str, *words: str) -> None:
        """``DEVICE sync [wanted] [mode=auto] [newest=N] [max_bytes=N] [order=oldest|channels] [CHANNEL...]``.

        With ``mode=auto`` it chooses between telling what it has and asking what there is.
        """
        if device in self.plains:
            self.plains[device].sync()
            return
        channels = tuple(word for word in words if word != "wanted" and "=" not in word)
        said = dict(_setting(word) for word in words if "=" in word)
        order = said.get("order", "newest")
        rule = Rule(
            newest=int(said.get("newest", 0)),
            oldest_first=order == "oldest",
            by_channel=order == "channels",
        )
        job = Job(
            id=0,
            channels=channels or None,
            wanted_only="wanted" in words,
            rule=rule,
            cheaper=said.get("mode") == "auto",
            max_bytes=int(said.get("max_bytes", 0)),
        )
        self.terminals[device].begin(job)

    def _device_choose(self, device: str, *words: str) -> None:
        """``DEVICE choose [mode=manifest|preview|list] [newest=N] [authors=A,B] [kinds=0,16] [PATTERN...]``.

        Also ``since=S`` and ``until=S``, in seconds from the beginning, and ``max_body=N``.
        """
        said = dict(_setting(word) for word in words if "=" in word)
        chosen = Filter(
            since=EPOCH_MS + int(1_000 * float(said["since"])) if "since" in said else 0,
            until=EPOCH_MS + int(1_000 * float(said["until"])) if "until" in said else 0,
            newest=int(said.get("newest", 0)),
            authors=tuple(filter(None, said.get("authors", "").split(","))),
            kinds=tuple(map(int, filter(None, said.get("kinds", "").split(",")))),
            patterns=tuple(word for word in words if "=" not in word),
            max_body=int(said.get("max_body", 0)),
        )
        mode = said.get("mode", "delta")
        if device in self.plains:
            self.plains[device].choose(chosen, Depth.DELTA if mode == "delta" else Depth[mode.upper()])
            return
        depth = {"manifest": Depth.MANIFEST, "list": Depth.MANIFEST, "preview": Depth.PREVIEW}.get(mode)
        survey = Survey(depth=depth, fetch=mode == "manifest") if depth else None
        self.terminals[device].begin(Job(id=0, channels=None, filter=chosen, survey=survey))

    def _device_fetch(self, device: str, channel: str, *seqs: str) -> None:
        """``DEVICE fetch CHANNEL SEQ...``."""
        want = Want(epoch=0, seqs=RangeSet.of(map(int, seqs)), told=True)
        self.terminals[device].begin(Job(id=0, channels=(channel,), wants={channel: want}))

    def _device_mark(self, device: str, channel: str, seq: str) -> None:
        """``DEVICE mark CHANNEL SEQ``: read up to there."""
        if device in self.plains:
            self.plains[device].mark(channel, int(seq))
            return
        terminal = self.terminals[device]
        terminal.do(lambda machine: machine.mark_read(channel, int(seq), self.timeline.now))

    def _device_unread(self, device: str, channel: str) -> None:
        """``DEVICE unread CHANNEL``: what its application sees of marks."""
        store = self.terminals[device].store
        snapshot = store.load()
        (holding,) = (one for one in snapshot.holdings if one.channel == channel)
        marks = [one for one in snapshot.marks if (one.channel, one.epoch) == (channel, holding.epoch)]
        read = max((one.read for one in marks if not one.user), default=0)
        count = store.written(channel, holding.epoch, above=read, besides=snapshot.user)
        unread = (
            f"{count} unread to {snapshot.user}" if snapshot.user else "whose device this is is not known"
        )
        self._lines.append(f"{channel}: {unread}")
        for one in marks:
            waits = " (waits)" if one.waiting else ""
            self._lines.append(f"{one.user or 'own'}{trace.progress(one)}{waits}")

    def _device_audit(self, device: str, *words: str) -> None:
        """``DEVICE audit [tell] [CHANNEL...]``: with ``tell`` nothing is repaired."""
        channels = tuple(word for word in words if word != "tell")
        self.terminals[device].audit(channels or None, repair="tell" not in words)

    def _device_spoil(self, device: str, channel: str, *seqs: str) -> None:
        """``DEVICE spoil CHANNEL SEQ...``: its disk has other bodies than were written."""
        terminal = self.terminals[device]
        epoch = terminal.machine.holdings.by_channel[channel].epoch
        for seq in map(int, seqs):
            (one,) = terminal.store.records(channel, epoch, start=seq, stop=seq + 1, limit=1)
            terminal.store.apply(Changes(records=((epoch, replace(one, body=b"#" + one.body)),)))

    def _device_wear(self, device: str, channel: str, *seqs: str) -> None:
        """``DEVICE wear CHANNEL [SEQ...]``: its disk spoils these at each write; none: no more."""
        worn = {(device, channel, int(seq)) for seq in seqs}
        self._worn = {one for one in self._worn if one[:2] != (device, channel)} | worn
        self._device_spoil(device, channel, *seqs)

    def _device_thin(self, device: str, channel: str, stop: str) -> None:
        """``DEVICE thin CHANNEL STOP``: drop four of eleven below, in no order that takes few bytes."""
        seqs = RangeSet.of(seq for seq in range(1, int(stop)) if seq * seq % 11 in (1, 3))
        self.terminals[device].do(lambda machine: machine.drop(channel, seqs))

    def _device_drop(self, device: str, channel: str, start: str, stop: str) -> None:
        """``DEVICE drop CHANNEL START STOP``: half-open."""
        seqs = RangeSet([(int(start), int(stop))])
        self.terminals[device].do(lambda machine: machine.drop(channel, seqs))

    def _device_link(self, device: str, state: str) -> None:
        """``DEVICE link up|down``."""
        link = (self.plains.get(device) or self.terminals[device]).link
        link.restore() if state == "up" else link.cut()

    def _device_crash(self, device: str, where: str = "") -> None:
        """``DEVICE crash [before|between]``: now, or before persisting or sending its next step."""
        if where:
            self.terminals[device].power_cut = PowerCut(where)
        else:
            self.terminals[device].boot()

    def _device_backup(self, device: str) -> None:
        """``DEVICE backup``."""
        store = self.terminals[device].store
        self._backup = store.load().outbox_id, content(store)

    def _device_restore(self, device: str) -> None:
        """``DEVICE restore``: back to the backup, with the link down."""
        outbox_id, changes = self._backup
        terminal = self.terminals[device]
        store = self._new_store(device)
        store.apply(changes)
        assert store.load().outbox_id == outbox_id, "a restored store has the same outbox"
        terminal.boot(store)

    def _device_show(self, device: str, channel: str = "") -> None:
        """``DEVICE show [CHANNEL]``: what it holds, and what waits in its outbox."""
        if device in self.plains:
            for name, copy in sorted(self.plains[device].copies.items()):
                self._lines.append(f"{name} epoch {copy.epoch}: {trace.shown(RangeSet.of(copy.records))}")
            return
        store = self.terminals[device].store
        snapshot = store.load()
        for holding in snapshot.holdings:
            if channel in ("", holding.channel):
                count = store.weight(holding.channel, holding.epoch).records
                self._lines.append(trace.of_holding(holding, count))
        for entry in snapshot.outbox:
            refused = f" {entry.rejected}" if entry.rejected else ""
            said = trace.body(entry.body) if entry.kind != KIND_STUB else trace.said(entry.kind, entry.body)
            self._lines.append(f"waits: {entry.n} {entry.channel} {said}{refused}")

    # The network

    def _carry(self, delivery: Delivery) -> None:
        """Trace a packet on the hop that ends at a device or at the service, and let it arrive."""
        to_service = delivery.client == SERVICE and not delivery.up
        to_device = delivery.client != SERVICE and not delivery.up
        if (to_device and self._holding == "devices") or (to_service and self._holding == "service"):
            self._held.append(delivery)
            return
        if to_service or to_device:
            name = SERVICE if to_service else delivery.client
            lost = bool(self._losses) and self._losses[0] == (name, trace.kind(delivery))
            self._trace(delivery, lost=lost)
            if lost:
                self._losses.popleft()
                return
        self.timeline.after(0.0, partial(self._broker.carry, delivery))

    def _trace(self, delivery: Delivery, *, lost: bool) -> None:
        if is_foreign(delivery.topic):
            lines = [
                f"{delivery.topic}, {len(delivery.payload)} bytes",
                f"    {trace.body(delivery.payload)}",
            ]
            self._lines += [
                f"{SERVICE} hears  {lines[0]}{' (retained)' if delivery.retain else ''}",
                lines[1],
            ]
            return
        if delivery.topic.endswith("/status"):
            return
        sender = delivery.topic.split("/")[1]
        way = f"{SERVICE} -> {sender}" if delivery.topic == reply_topic(sender) else f"{sender} -> {SERVICE}"
        lines = trace.of_packet(delivery, self._opened)
        self._lines.append(f"{way}{' LOST' if lost else ''}  {lines[0]}")
        self._lines += [f"    {line}" for line in lines[1:]]

    def _opened(self, device: str, parcel: Parcel) -> Messages | None:
        store = RecordStore(self._database)
        terminal = store.terminal(device)
        assert terminal is not None
        try:
            return opened(parcel, terminal, store)
        except ProtocolError:
            return None

    # What terminals tell

    def saw_packet(self, device: str, payload: bytes) -> None:
        """Traced on its way."""

    def saw_changes(self, device: str, changes: Changes) -> None:
        """What is written where the disk is worn is spoiled."""
        for _, one in changes.records:
            if (device, one.channel, one.seq) in self._worn:
                self._device_spoil(device, one.channel, str(one.seq))

    def saw_event(self, device: str, event: Event) -> None:
        """Trace it."""
        self._lines.append(f"{device}: {trace.of_event(event)}")


def _file(size: int) -> bytes:
    lines = b"".join(b"%07d: the tide is high\n" % n for n in range(size // 26 + 1))
    return lines[:size]


def _setting(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """The blocks of a scenario file: a command, and the trace that is expected after it."""
    command = ""
    expected: list[str] = []
    for line in text.splitlines():
        if line.startswith("> "):
            if command:
                yield command, expected
            command, expected = line[2:], []
        elif line.strip() and not line.startswith("#"):
            expected.append(line)
    if command:
        yield command, expected
