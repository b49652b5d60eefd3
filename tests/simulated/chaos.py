"""What goes wrong in the simulation, and what its people do meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from simulated.disks import copy
from simulated.ledger import Written
from simulated.network import CALM, storm
from simulated.people import MEMBERS, readable
from simulated.plain import PlainDevice
from simulated.terminal import PowerCut, Terminal
from tidelog.codec.page import Rule
from tidelog.mqtt.loopback import LoopbackTransport
from tidelog.replica.ports import Record, Store
from tidelog.replica.revisions import edit_of
from tidelog.revising import delete_body_of
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.ports import Row
from tidelog_service.store import keeping
from tidelog_service.store.models import Channel

if TYPE_CHECKING:
    from simulated.world import World


_WORDS = b"anybody dinner hello home is soup the there today tomorrow what where".split()


class Chaos:
    """Makes a world stormy.

    Args:
        world: whose dice it uses.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = world.rng
        self._backups: dict[str, Store] = {}
        self._buried: dict[tuple[int, int], Row] = {}

    def begin(self) -> None:
        """Let everybody act, each in their own rhythm, until the storm is over."""
        for terminal in self.world.terminals:
            self._again(partial(self._up_and_down, terminal.link), mean=30.0, first=self.rng.uniform(0, 5))
            self._again(partial(self._act, terminal), mean=6.0)
        for plain in self.world.plains:
            self._again(partial(self._up_and_down, plain.link), mean=30.0, first=self.rng.uniform(0, 5))
            self._again(partial(self._act_plainly, plain), mean=8.0)
        self._again(self._change_weather, mean=30.0, first=0.0)
        self._again(self._disturb, mean=60.0)
        if self.world.trims:
            self._again(self._trim, mean=40.0)
        if self.world.restores:
            self._again(self._save, mean=40.0, first=1.0)
            self._again(self._set_back, mean=80.0)

    def _again(self, act: Callable[[], None], *, mean: float, first: float | None = None) -> None:
        """Do something now and then as long as the storm lasts."""

        def once() -> None:
            if self.world.stormy:
                act()
                self._again(act, mean=mean)

        self.world.timeline.after(self.rng.expovariate(1 / mean) if first is None else first, once)

    def _change_weather(self) -> None:
        self.world.network.weather = CALM if self.rng.random() < 0.2 else storm(self.rng)

    def _disturb(self) -> None:
        if self.rng.random() < 0.5 and self.world.server.up:
            self.world.server.kill(redelivered=self.rng.random() < 0.5)
            self.world.timeline.after(self.rng.uniform(0.1, 20.0), self.world.restart_server)
            self.world.tally["kill"] += 1
        elif self.rng.random() < 0.2:
            self.world.renew(self.rng.choice(sorted(MEMBERS)))
            self.world.tally["epoch"] += 1

    def _trim(self) -> None:
        """The service keeps less of a channel, whether it runs or not."""
        channel = self.rng.choice(sorted(MEMBERS))
        ((key, floor, head),) = self.world.database.select(
            Channel.select(Channel.id, Channel.floor, Channel.head).where(Channel.name == channel)
        )
        before = self.rng.randrange(floor, head + 2)
        self.world.server.bury(key, RangeSet([(floor, before)]))
        keeping.trim(self.world.database, channel, before=before)
        keeping.sweep(self.world.database, channel)
        self.world.tally["trim"] += 1

    def _save(self) -> None:
        self.world.vault.save()
        self._buried = dict(self.world.server.buried)

    def _set_back(self) -> None:
        """The service is stopped, its database put back to the last backup, and nobody is told."""
        world = self.world
        if world.server.up:
            world.server.kill(redelivered=self.rng.random() < 0.5)
        world.timeline.after(self.rng.uniform(0.1, 20.0), world.restart_server)
        before = world.bodies() | {row.body for row in world.server.buried.values()}
        world.vault.restore()
        world.server.buried.clear()
        world.server.buried.update(self._buried)
        world.tally["restored"] += 1
        there = world.bodies() | {row.body for row in self._buried.values()}
        # A receipt of before may be under way to those that compare no epochs.
        unsent = {body for plain in world.plains for _, body in plain.unconfirmed.values()}
        there |= unsent - before
        for terminal in world.terminals:
            there |= self._brings(terminal)
        self._mourn(there)

    def _brings(self, terminal: Terminal) -> set[bytes]:
        """What a device will send, or send again."""
        if not terminal.pages:
            return set()  # it has no shelf to find it on
        store = terminal.store
        channels = [holding.channel for holding in store.load().holdings]
        found = [
            record.body
            for channel in channels
            for _, record in store.own_earlier(channel, -1, since=0, above=0, limit=10**6)
        ]
        return {*found, *(entry.body for entry in store.load().outbox)}

    def _mourn(self, there: set[bytes], *, device: str = "") -> None:
        """Messages that are nowhere else may be lost."""
        for body, written in self.world.ledger.messages.items():
            if body not in there and device in ("", written.device):
                written.may_be_lost = True

    def _up_and_down(self, link: LoopbackTransport) -> None:
        if self.rng.random() < 0.7:
            link.restore()
        else:
            link.cut()

    def _act(self, terminal: Terminal) -> None:
        acts = {
            self._write: 40,
            self._revise: 8,
            self._mark: 8,
            self._sync: 12,
            self._drop: 6,
            self._reconnect: 8,
            self._cut_power: 8,
            self._back_up: 4,
            self._restore: 2,
            self._relapse: 4,
            self._wipe: 1,
            self._resubmit: 2,
        }
        act = self.rng.choices(list(acts), list(acts.values()))[0]
        self.world.tally[act.__name__] += 1
        act(terminal)

    def _new_message(self, device: str, *, confirmed: bool) -> tuple[bytes, Written]:
        user = self.world.users[device]
        mine = sorted(readable(user) - {"empty"})
        channel = self.rng.choice([*mine, *mine, "room1", "nowhere"])
        size = self.rng.choice([0, 10, 10, 50, 50, 50, 50, 300, 300, 1_500])
        noise = self.rng.randbytes(size) if self.rng.random() < 0.5 else self._talk(size)
        body = b"%d %s" % (len(self.world.ledger.messages), noise)
        written = Written(
            user=user,
            device=device,
            channel=channel,
            allowed=channel in readable(user),
            confirmed=confirmed,
        )
        self.world.ledger.messages[body] = written
        return body, written

    def _talk(self, size: int) -> bytes:
        """What compresses, and the better after other talk."""
        return b" ".join(self.rng.choice(_WORDS) for _ in range(size // 6))

    def _write(self, terminal: Terminal) -> None:
        for _ in range(self.rng.choice([1, 1, 1, 2, 8])):
            if terminal.power_cut:
                return
            body, written = self._new_message(terminal.device, confirmed=True)
            written.kind = self.rng.choice([0, 0, 0, 16, 255])
            written.content_type = self.rng.choice(["", "", "text/plain"])
            written.sent = max(1, self.world.timeline.now_ms + self.rng.randrange(-(10**6), 10**6))
            written.may_be_lost = True
            terminal.write(
                written.channel,
                body,
                kind=written.kind,
                content_type=written.content_type,
                sent=written.sent,
            )
            written.may_be_lost = not written.numbers

    def _revise(self, terminal: Terminal) -> None:
        """Edit or delete what the user wrote, as far as the device holds it."""
        user = self.world.users[terminal.device]
        holding = self.rng.choice(list(terminal.machine.holdings.by_channel.values()) or [None])
        if holding is None or terminal.power_cut:
            return
        held = terminal.store.records(holding.channel, holding.epoch, start=1, stop=SEQ_STOP, limit=10**6)
        own = [record for record in held if record.author == user and record.kind != KIND_DELETE]
        if not own:
            return
        record = self.rng.choice(own)
        if self.rng.random() < 0.6:
            self._edit(terminal, record)
            return
        runs = [
            (one.seq, one.seq + 1) for one in self.rng.sample(own, min(len(own), self.rng.choice([1, 1, 4])))
        ]
        if all(seq < holding.floor for seq, _ in runs):
            return  # the device itself refuses that
        body = delete_body_of(terminal.store, holding, runs)
        terminal.write(
            record.channel,
            body,
            kind=KIND_DELETE,
            content_type="",
            sent=self.world.timeline.now_ms,
            epoch=holding.epoch,
        )

    def _edit(self, terminal: Terminal, record: Record) -> None:
        body = edit_of(record, b"%d %s" % (len(self.world.ledger.messages), self._talk(50)))
        written = Written(
            user=record.author,
            device=terminal.device,
            channel=record.channel,
            allowed=True,
            confirmed=True,
            sent=self.world.timeline.now_ms,
            kind=KIND_EDIT,
            content_type=record.content_type,
        )
        self.world.ledger.messages[body] = written
        terminal.write(
            record.channel, body, kind=KIND_EDIT, content_type=record.content_type, sent=written.sent
        )

    def _sync(self, terminal: Terminal) -> None:
        mine = sorted(readable(self.world.users[terminal.device]))
        scope = self.rng.choice([None, None, (self.rng.choice(mine),), ("nowhere", mine[0])])
        rule = Rule(
            newest=self.rng.choice([0, 0, 0, 1, 5, 20]),
            oldest_first=self.rng.random() < 0.3,
            by_channel=self.rng.random() < 0.2,
        )
        terminal.sync(
            scope,
            wanted=self.rng.random() < 0.3,
            rule=rule,
            max_bytes=self.rng.choice([0, 0, 256, 700, 3_000]),
        )

    def _mark(self, terminal: Terminal) -> None:
        """Read some of a channel; more than there is at times, or less than before."""
        holdings = [one for one in terminal.machine.holdings.by_channel.values() if one.head]
        if holdings and not terminal.power_cut:
            holding = self.rng.choice(holdings)
            seq = self.rng.randrange(1, holding.head + 3)
            now = self.world.timeline.now
            terminal.do(lambda machine: machine.mark_read(holding.channel, seq, now))

    def _drop(self, terminal: Terminal) -> None:
        holdings = [one for one in terminal.machine.holdings.by_channel.values() if one.have]
        if holdings:
            holding = self.rng.choice(holdings)
            start = self.rng.randrange(1, holding.head + 1)
            seqs = RangeSet([(start, start + self.rng.choice([1, 5, 100]))])
            self._risk(terminal)
            terminal.do(lambda machine: machine.drop(holding.channel, seqs))

    def _risk(self, terminal: Terminal) -> None:
        """A device is about to lose records: what the service has lost before, or will, is nowhere then."""
        if self.world.restores:
            waiting = {entry.body for entry in terminal.store.load().outbox}
            safe = waiting if self.world.tally["restored"] else {*waiting, *self.world.bodies()}
            self._mourn(safe, device=terminal.device)

    def _resubmit(self, terminal: Terminal) -> None:
        refused = [entry for entry in terminal.machine.outbox.entries.values() if entry.rejected]
        if refused:
            n = self.rng.choice(refused).n
            again = self.rng.random() < 0.5
            terminal.do(lambda machine: machine.resubmit(n) if again else machine.discard(n))

    def _reconnect(self, terminal: Terminal) -> None:
        terminal.link.cut()
        terminal.link.restore()

    def _cut_power(self, terminal: Terminal) -> None:
        if self.rng.random() < 0.3:
            terminal.boot()
        else:
            terminal.power_cut = self.rng.choice(list(PowerCut))

    def _back_up(self, terminal: Terminal) -> None:
        self._backups[terminal.device] = copy(terminal.store)

    def _restore(self, terminal: Terminal) -> None:
        """Set a device back to its backup; it is up again at once, with what it sent before under way."""
        backup = self._backups.get(terminal.device)
        if backup is None:
            return
        self._risk(terminal)
        kept = {entry.body: entry.n for entry in backup.load().outbox}
        self._forget_unsent(terminal, kept)
        for body, n in kept.items():
            written = self.world.ledger.messages.get(body)
            if written is not None:
                written.set_back += any(number > n for number in written.numbers)
        terminal.boot(copy(backup))
        terminal.link.restore()

    def _relapse(self, terminal: Terminal) -> None:
        """Set a device back to a moment ago: its numbers come again while the first ones are under way."""
        self._back_up(terminal)
        self._write(terminal)

        def relapse() -> None:
            if self.world.stormy:
                self._restore(terminal)
                self._write(terminal)

        self.world.timeline.after(self.rng.uniform(0.0, 5.0), relapse)

    def _wipe(self, terminal: Terminal) -> None:
        self._risk(terminal)
        self._forget_unsent(terminal, {})
        self._backups.pop(terminal.device, None)
        terminal.boot(self.world.new_store())

    def _forget_unsent(self, terminal: Terminal, kept: dict[bytes, int]) -> None:
        for entry in terminal.store.load().outbox:
            if entry.body not in kept and entry.kind != KIND_DELETE:
                self.world.ledger.messages[entry.body].may_be_lost = True

    def _act_plainly(self, plain: PlainDevice) -> None:
        act = self.rng.random()
        if act < 0.3:
            body, written = self._new_message(plain.device, confirmed=False)
            plain.publish(written.channel, body)
        elif act < 0.7:
            body, written = self._new_message(plain.device, confirmed=True)
            written.numbers.add(plain.put(written.channel, body))
        elif not plain.asking:
            plain.sync()
