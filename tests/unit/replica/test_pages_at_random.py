"""Whatever happens to device, service and link: each record once, as it is, within every budget."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from simulated.bench import Bench
from simulated.pair import Pair
from simulated.shelf import Shelf
from tidelog.codec import offered
from tidelog.codec.page import Rule
from tidelog.replica.ports import Record
from tidelog.replica.revisions import edit_of
from tidelog.replica.steps import Arrived
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.errors import TidelogError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, Message, Messages, Receipts, SyncRequest
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import delete_body, voids_of
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds, Packet

PACKED = Encoding.PACKED
CODECS = ((), (1,), offered(), offered())
SIZES = (0, 5_000, 65_536, 262_144)
ORDERS = (Rule(), Rule(oldest_first=True), Rule(by_channel=True), Rule(newest=5), Rule(newest=50))


class World:
    """A user's channels, and one of the user's devices."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(seed)
        names = [f"c{n}" for n in range(rng.choice([1, 2, 5, 40]))]
        self.shelf = Shelf(dict.fromkeys(names, ("ann", "bob")), rng=rng if rng.random() < 0.5 else None)
        bounds = Bounds(
            page_bytes=rng.choice([61_440, 4_096, 700]),
            context_bytes_max=rng.choice(SIZES),
            requests_per_second=10**6,
            requests_burst=10**6,
        )
        bench = Bench(
            chance=Random(seed),
            tuning=Tuning(live=False, page_bytes=rng.choice([256, 1_000, 16_384, 61_440])),
            device="ann-phone",
            pages=True,
            codecs=rng.choice(CODECS),
            context_bytes=rng.choice(SIZES),
        )
        self.pair = Pair(bench, Engine(self.shelf, bounds=bounds))
        self.windowed = {name for name in names if rng.random() < 0.3}
        self.time = 1_000
        self.unprimed = 0
        self.sent = 0

    def any_channel(self) -> str:
        return self.rng.choice(sorted(self.shelf.logs))

    def write(self) -> None:
        rng = self.rng
        for name in rng.sample(sorted(self.shelf.logs), min(len(self.shelf.logs), rng.choice([1, 2, 40]))):
            times = []
            for _ in range(rng.choice([1, 2, 8, 60]) if len(self.shelf.logs) < 9 else rng.choice([1, 5])):
                self.time += rng.choice([0, 0, 1, 1_000])
                times.append(self.time)
            self.shelf.fill(
                name, [self._body() for _ in times], author=rng.choice(["ann", "bob", "dé"]), times=times
            )
            self._vary(name, len(times))

    def _body(self) -> bytes:
        words = [b"tide", b"high", b"low", b"noon", b"\x00", b"\x01", b""]
        return b" ".join(self.rng.choice(words) for _ in range(self.rng.randrange(12)))

    def _vary(self, name: str, count: int) -> None:
        """Clocks that are off, kinds, content types, and numbers without a record."""
        log, rng = self.shelf.logs[name], self.rng
        rows = self.shelf.records[log.id]
        for seq in range(log.head - count + 1, log.head + 1):
            if rng.random() < 0.1:
                late = max(0, rows[seq].time - rng.randrange(5_000))
                rows[seq] = rows[seq]._replace(sent=late, kind=rng.choice([0, 16]), content_type="t/x")
            elif rng.random() < 0.05:
                del rows[seq]

    def revise(self) -> None:
        """Ann edits or deletes some of her records, on another device; maybe what was edited before."""
        name = self.any_channel()
        rows = self.shelf.records[self.shelf.logs[name].id]
        first, _ = self.shelf.windows.get(("ann", name), (1, None))
        own = [
            row
            for row in rows.values()
            if row.author == "ann" and row.kind != KIND_DELETE and row.seq >= first
        ]
        if not own or "ann" not in self.shelf.members[name]:
            return
        row = self.rng.choice(own)
        record = Record(
            channel=name,
            seq=row.seq,
            author=row.author,
            time=row.time,
            sent=row.sent,
            kind=row.kind,
            body=row.body,
            content_type=row.content_type,
        )
        if self.rng.random() < 0.6:
            self._send(name, KIND_EDIT, edit_of(record, self._body()))
            return
        voids = RangeSet([(row.seq, row.seq + 1)]) | voids_of(row.kind, row.body)
        for other in self.rng.sample(own, min(len(own), self.rng.choice([0, 3]))):
            voids |= RangeSet([(other.seq, other.seq + 1)]) | voids_of(other.kind, other.body)
        self._send(name, KIND_DELETE, delete_body(voids))

    def _send(self, name: str, kind: int, body: bytes) -> None:
        self.sent += 1
        message = Message(n=self.sent, channel=name, body=body, kind=kind, sent=5)
        packet = Packet("tl1/ann-tab/msg", wire.encode(Messages(outbox=b"tabl", messages=(message,)), PACKED))
        (reply,) = self.pair.engine.handle([packet], self.time)
        receipts, _ = wire.decode(reply.payload)
        assert isinstance(receipts, Receipts)
        assert not receipts.rejections
        self.time = max(self.time, self.shelf.logs[name].time)

    def drop(self) -> None:
        low = self.rng.randrange(1, 60)
        seqs = RangeSet([(low, low + self.rng.choice([1, 3, 50]))])
        self.pair.bench.do(self.pair.bench.machine.drop(self.any_channel(), seqs))

    def begin(self) -> None:
        name = self.any_channel()
        if name not in self.windowed:
            self.shelf.begin(name, self.rng.randrange(1, 2**32))

    def lift(self) -> None:
        name = self.any_channel()
        log = self.shelf.logs[name]
        self.shelf.lift(name, self.rng.randrange(log.floor, max(log.floor, log.head) + 1))

    def open(self) -> None:
        self.shelf.open(f"n{len(self.shelf.logs)}", "ann")

    def leave(self) -> None:
        name = self.any_channel()
        log, there = self.shelf.logs[name], bool(self.shelf.members[name])
        self.shelf.members[name] = () if there else ("ann", "bob")
        if name in self.windowed:
            first, _ = self.shelf.windows.get(("ann", name), (1, None))
            self.shelf.windows["ann", name] = (first, log.head) if there else (log.head + 1, None)

    def restart(self) -> None:
        self.pair.bench.wipe() if self.rng.random() < 0.3 else self.pair.bench.boot()
        self.pair.bench.connect()

    def forget(self) -> None:
        self.shelf.tokens.clear()

    def sync(self, *, loss: float = 0.0) -> None:
        rng = self.rng
        late: list[bytes] = []

        def way(payload: bytes) -> bytes | None:
            if rng.random() < 0.1:
                self.leave()
            if rng.random() < loss:
                late.append(payload)
                return late.pop(0) if rng.random() < loss else None
            return payload

        self.pair.on_way_down = way
        self.pair.on_way_up = lambda payload: None if rng.random() < loss / 2 else payload
        budget = rng.choice([0, 0, 256, 400, 1_000, 5_000])
        known = sorted(self.shelf.logs)
        names = () if rng.random() < 0.7 else tuple(rng.sample(known, min(len(known), rng.choice([1, 3]))))
        try:
            report = self.pair.sync(*names, rule=rng.choice(ORDERS), max_bytes=budget)
            assert not budget or report.bytes_up + report.bytes_down - report.bytes_repeated <= budget
        except TidelogError as error:
            if error.code not in ("budget", "no_channel"):
                raise
        self.pair.on_way_down = self.pair.on_way_up = lambda payload: payload
        primed = self.pair.bench.machine._parts.requests._ability.context_bytes > 0
        frames = [frame for frame in self.pair.frames() if isinstance(frame, SyncRequest)]
        self.unprimed += sum(primed and not frame.context_bytes for frame in frames)
        for payload in late:
            self.pair.deliver(payload)

    def check(self) -> None:
        """Everything that the user may read is there, as it was stored."""
        for name, log in self.shelf.logs_of(1).items():
            assert not RangeSet([(log.floor, max(log.floor, log.head + 1))]) - self.pair.have(name)
            got = self.pair.bench.store.records(
                name, log.epoch, start=log.floor, stop=log.head + 1, limit=10**6
            )
            # Whoever had nothing of what a delete is about does not get it.
            assert [
                (one.seq, one.author, one.time, one.sent, one.kind, one.content_type, one.body)
                for one in got
                if one.kind != KIND_DELETE
            ] == [
                tuple(row)
                for seq, row in sorted(self.shelf.records[log.id].items())
                if log.floor <= seq <= log.head and row.kind != KIND_DELETE
            ]


@pytest.mark.parametrize("seed", range(25))
def test_each_record_arrives_as_it_is(seed: int) -> None:
    world = World(seed)
    often: list[Callable[[], None]] = (
        [world.write] * 4 + [world.sync] * 6 + [lambda: world.sync(loss=0.3)] * 3
    )
    often += [world.revise] * 3
    seldom = [world.drop, world.begin, world.lift, world.open, world.leave, world.restart, world.forget]
    for _ in range(50):
        world.rng.choice(often + seldom)()
    world.pair.sync()
    world.check()
    assert world.unprimed == 0, "every page came out at the first try"
    for _ in range(2):  # the first may tell of channels: what the token did not know, and what is over now
        report = world.pair.sync()
        assert (report.records, report.rounds) == (0, 1)
    assert report.gone == ()
    assert ([len(one) for one in world.pair.up], [len(one) for one in world.pair.down]) == ([11], [3])


@pytest.mark.parametrize("seed", range(25))
def test_no_record_arrives_twice(seed: int) -> None:
    """Nothing is dropped here, and nothing begins anew."""
    world = World(1_000 + seed)
    often: list[Callable[[], None]] = (
        [world.write] * 4 + [world.sync] * 6 + [lambda: world.sync(loss=0.3)] * 3
    )
    for _ in range(40):
        world.rng.choice(
            [*often, world.revise, world.revise, world.lift, world.open, world.leave, world.forget]
        )()
    world.pair.sync()
    told = [event for event in world.pair.bench.events if isinstance(event, Arrived)]
    keys = [(one.channel, one.seq) for event in told for one in event.records]
    assert len(set(keys)) == len(keys)
    world.check()
