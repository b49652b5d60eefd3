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
from tidelog.replica.steps import Arrived
from tidelog.replica.tuning import Tuning
from tidelog.wire.errors import TidelogError
from tidelog.wire.frames import SyncRequest
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds

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
        self.time = 1_000
        self.unprimed = 0

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

    def drop(self) -> None:
        low = self.rng.randrange(1, 60)
        seqs = RangeSet([(low, low + self.rng.choice([1, 3, 50]))])
        self.pair.bench.do(self.pair.bench.machine.drop(self.any_channel(), seqs))

    def begin(self) -> None:
        self.shelf.begin(self.any_channel(), self.rng.randrange(1, 2**32))

    def lift(self) -> None:
        name = self.any_channel()
        log = self.shelf.logs[name]
        self.shelf.lift(name, self.rng.randrange(log.floor, max(log.floor, log.head) + 1))

    def open(self) -> None:
        self.shelf.open(f"n{len(self.shelf.logs)}", "ann")

    def leave(self) -> None:
        name = self.any_channel()
        self.shelf.members[name] = () if self.shelf.members[name] else ("ann", "bob")

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
        primed = self.pair.bench.machine._requests._ability.context_bytes > 0
        frames = [frame for frame in self.pair.frames() if isinstance(frame, SyncRequest)]
        self.unprimed += sum(primed and not frame.context_bytes for frame in frames)
        for payload in late:
            self.pair.deliver(payload)

    def check(self) -> None:
        """Everything that the user may read is there, as it was stored."""
        for name, log in self.shelf.logs_of(1).items():
            assert not RangeSet([(log.floor, max(log.floor, log.head + 1))]) - self.pair.have(name)
            got = self.pair.bench.store.records(name, log.epoch, start=log.floor, stop=2**53, limit=10**6)
            assert [
                (one.seq, one.author, one.time, one.sent, one.kind, one.content_type, one.body) for one in got
            ] == [tuple(row) for seq, row in sorted(self.shelf.records[log.id].items()) if seq >= log.floor]


@pytest.mark.parametrize("seed", range(25))
def test_each_record_arrives_as_it_is(seed: int) -> None:
    world = World(seed)
    often: list[Callable[[], None]] = (
        [world.write] * 4 + [world.sync] * 6 + [lambda: world.sync(loss=0.3)] * 3
    )
    seldom = [world.drop, world.begin, world.lift, world.open, world.leave, world.restart, world.forget]
    for _ in range(50):
        world.rng.choice(often + seldom)()
    world.pair.sync()
    world.check()
    assert world.unprimed == 0, "every page came out at the first try"
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
        world.rng.choice([*often, world.lift, world.open, world.leave, world.forget])()
    world.pair.sync()
    told = [event for event in world.pair.bench.events if isinstance(event, Arrived)]
    keys = [(one.channel, one.seq) for event in told for one in event.records]
    assert len(set(keys)) == len(keys)
    world.check()
