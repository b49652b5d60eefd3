"""Syncs that take only the beginnings of larger bodies: both sides go on building on the same."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest

from simulated.bench import Bench
from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.codec import offered
from tidelog.replica.downloads import BodyJob
from tidelog.replica.ports import Record
from tidelog.replica.requests import Job
from tidelog.replica.revisions import shown
from tidelog.replica.steps import BodyEnded, Preview
from tidelog.replica.surveys import Survey
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.errors import Code, error_for
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, Fault, Receipts
from tidelog.wire.limits import STUB_FIRST_BYTES_MAX
from tidelog.wire.parcels import Parcel
from tidelog.wire.primed import PrimedPush
from tidelog.wire.queries import Depth, Filter
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body
from tidelog_service.engine.core import Engine
from tidelog_service.engine.cutting import content_of
from tidelog_service.engine.packets import Bounds, Packet

CAP = 1_024
CHANNELS = ("room", "hall")
SIZES = (0, 5, 60, 512, 1_023, 1_024, 1_025, 1_500, 4_000, 30_000)


class World:
    """Two channels with bodies of all sizes, edits and deletes among them, and Bob's phone."""

    def __init__(
        self,
        seed: int,
        *,
        pages: bool = True,
        live: bool = True,
        page_bytes: int = 16_384,
        sizes: tuple[int, ...] = (),
    ) -> None:
        self.rng = Random(seed)
        self.ids = count(9_000)
        self.shelf = Shelf(dict.fromkeys(CHANNELS, ("ann", "bob")), rng=Random(seed))
        self.time = 1_000
        for _ in range(0 if sizes else self.rng.randrange(10, 80)):
            self.write()
        for size in sizes:
            self.write(size, "room")
        bench = Bench(
            tuning=Tuning(live=live, page_bytes=page_bytes),
            device="bob-phone",
            pages=pages,
            codecs=offered() if pages else (),
        )
        bounds = Bounds(requests_burst=10**6)
        self.pair = Pair(bench, Engine(self.shelf, bounds=bounds))

    def write(self, size: int | None = None, name: str = "") -> None:
        name = name or self.rng.choice(CHANNELS)
        self.time += 2
        text = b"".join(b"%d: the tide is %d, caf\xc3\xa9; " % (self.time, n) for n in range(1_200))
        body = text[: self.rng.choice(SIZES) if size is None else size]
        self.shelf.fill(name, [body], author="ann", times=[self.time])
        log = self.shelf.logs[name]
        rows = self.shelf.records[log.id]
        kind = self.rng.choice([0, 0, 0, KIND_EDIT, KIND_DELETE]) if size is None else 0
        voids = RangeSet.of(self.rng.sample(range(900_000, 900_900), 40))
        if kind == KIND_EDIT:
            body = edit_body(Edit(voids=voids, time=7, content=body))
        if kind == KIND_DELETE:
            body = delete_body(voids)
        rows[log.head] = rows[log.head]._replace(kind=kind, body=body)

    def sync(self, survey: Survey | None = None, cap: int = CAP) -> Job:
        job = Job(id=0, channels=None, filter=Filter(max_body=cap), survey=survey)
        report = self.pair.end(job).report
        assert report is not None
        assert report.complete
        return job

    def held(self, name: str) -> list[Record]:
        return self.pair.bench.store.records(name, 7, start=1, stop=2**53, limit=10**6)

    def fetch(self, record: Record, *, damaged: bool = False) -> str:
        """The body of a record; why it failed, if it did."""
        job = BodyJob(id=next(self.ids), channel=record.channel, epoch=7, seq=record.seq, stub=None)
        bench = self.pair.bench
        bench.do(bench.machine.fetch_body(job))
        bench.tick()
        if damaged:
            self.pair.on_way_down = lambda payload: payload.replace(b"tide is 3,", b"tide is 4,")
        self.pair.run()
        self.pair.on_way_down = lambda payload: payload
        (ended,) = [one for one in bench.events if isinstance(one, BodyEnded) and one.job == job.id]
        return ended.error.code if ended.error else ""

    def check(self, *, whole: bool = False) -> int:
        """Compare all that is held with what the service has; how many bodies are not all there."""
        cut = 0
        for name in CHANNELS:
            rows = self.shelf.records[self.shelf.logs[name].id]
            held = {one.seq: one for one in self.held(name)}
            assert held.keys() == rows.keys()
            for seq, one in held.items():
                row = rows[seq]
                assert row.body.startswith(one.body)
                assert one.size == len(row.body)
                content = content_of(row.kind, row.body)
                small = len(content) <= CAP or row.kind == KIND_DELETE
                assert one.whole or not small
                if not one.whole:
                    told = shown(one)
                    assert not whole
                    assert STUB_FIRST_BYTES_MAX - 4 < len(told.body) <= STUB_FIRST_BYTES_MAX
                    assert told.size == len(content)
                    assert told.body.decode(), "no character is cut in two"
                cut += not one.whole
        return cut


@pytest.mark.parametrize("way", ["pages", "deltas", "manifest"])
@pytest.mark.parametrize("seed", range(12))
def test_larger_bodies_come_by_their_beginnings_and_prime_nothing(seed: int, way: str) -> None:
    """Whatever else is held: every page comes out at the first try, and pushes and parcels are read."""
    world = World(seed, pages=way != "deltas", page_bytes=[700, 2_048, 16_384][seed % 3])
    for _ in range(5):
        if world.rng.random() < 0.3:
            world.pair.sync()
        else:
            world.sync(Survey(depth=Depth.MANIFEST, fetch=True) if way == "manifest" else None)
        world.check()
        for _ in range(world.rng.randrange(12)):
            world.write()
    world.sync()
    assert world.pair.bench.machine._parts.trust._distrusts == 0
    assert all(not isinstance(wire.decode(one)[0], Fault) for one in world.pair.down)
    if way == "deltas":
        return  # such a device has no shelf, where bodies come to
    for name in CHANNELS:
        for one in world.held(name):
            if not one.whole:
                assert not world.fetch(one)
    assert not world.check(whole=True)


def test_a_push_and_a_parcel_build_on_what_is_held_in_part() -> None:
    """A body that is larger than what primes is passed over, whatever the device has of it."""
    world = World(3, sizes=(1_500, 40, 900, 4_000))
    world.sync()
    assert world.check() == 2
    bench = world.pair.bench
    bench.write(world.held("room")[-1].body[:70] + world.held("room")[-2].body[:500])
    bench.now += 1.0
    bench.tick()
    world.pair.run()
    parcels = [one for raw in world.pair.up if isinstance(one := wire.decode(raw)[0], Parcel)]
    assert [one.basis is not None for one in parcels] == [True]
    assert not bench.machine.outbox.entries, "the service could read it"
    assert all(not isinstance(wire.decode(one)[0], Fault) for one in world.pair.down)
    world.pair.engine.handle([Packet("tl1/ann-phone/msg/room", world.held("room")[2].body[450:])], 2_000_000)
    world.pair.push()
    assert isinstance(wire.decode(world.pair.down[-1])[0], PrimedPush)
    assert len(world.held("room")) == 6, "the device could read it"


def test_a_sync_with_a_bound_costs_less() -> None:
    world = World(1)
    for _ in range(5):
        world.write(30_000, "room")
    bounded = World(1)
    for _ in range(5):
        bounded.write(30_000, "room")
    world.pair.sync()
    whole = world.pair.bytes
    bounded.sync()
    assert bounded.pair.bytes < whole


def test_what_comes_damaged_is_not_kept() -> None:
    world = World(2)
    world.write(4_000, "room")
    world.sync()
    record = world.held("room")[-1]
    assert not record.whole
    assert world.fetch(record, damaged=True) == error_for(Code.BLOB, "").code
    assert world.held("room")[-1] == record
    assert not world.fetch(record)
    assert world.held("room")[-1].whole


@pytest.mark.parametrize("seed", range(6))
def test_a_preview_counts_what_would_come(seed: int) -> None:
    world = World(seed, live=False)
    job = Job(id=0, channels=None, filter=Filter(max_body=CAP), survey=Survey(depth=Depth.PREVIEW))
    found = world.pair.end(job).found
    assert isinstance(found, Preview)
    world.sync()
    held = [one for name in CHANNELS for one in world.held(name)]
    assert found.records == len(held)
    assert found.body_bytes == pytest.approx(sum(len(one.body) for one in held), rel=0.1)
    assert found.bytes == pytest.approx(world.pair.bytes, rel=0.15)


def test_what_the_device_wrote_itself_stays_whole_where_its_beginning_comes_before_its_receipt() -> None:
    """Should the service be set back, nobody else could bring it again."""
    pair = paired(Engine(Shelf({"room": ("ann", "bob")}), bounds=Bounds(requests_burst=10**6)))
    body = b"tide " * 1_000
    pair.on_way_down = lambda payload: None if isinstance(wire.decode(payload)[0], Receipts) else payload
    pair.bench.write(body)
    pair.bench.tick()
    pair.run()
    pair.end(Job(id=0, channels=None, filter=Filter(max_body=CAP)))
    (held,) = pair.bench.store.records("room", 7, start=1, stop=9, limit=9)
    assert held.left_out
    pair.on_way_down = lambda payload: payload
    while pair.bench.machine.outbox.entries:
        pair.wait()
    (held,) = pair.bench.store.records("room", 7, start=1, stop=9, limit=9)
    assert (held.body, held.left_out) == (body, 0)
    ((copy, own),) = pair.bench.store.own_earlier("room", 8, since=0, above=0, limit=9)
    assert (copy.n, own.body) == (1, body)
