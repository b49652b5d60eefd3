"""Syncs with a filter, from request to the merged log: what passes comes, and nothing else is disturbed."""

from __future__ import annotations

from random import Random

import pytest

from corpora import records
from simulated.bench import Bench
from simulated.pair import Pair
from simulated.shelf import Shelf
from tidelog.codec import offered
from tidelog.codec.page import Rule
from tidelog.replica.requests import Job
from tidelog.replica.steps import Arrived, Listing, Preview
from tidelog.replica.surveys import Survey, Want
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import Part, Push, Record, SyncRequest
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import NO_FILTER, Depth, Filter, Listed, Manifest, Query
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds
from tidelog_service.engine.ports import Row

CHANNELS = ("room", "hall", "ship/deck", "ship/hold")
AUTHORS = ("ann", "bob", "cem")


class World:
    """A shelf of four channels, written by three users in several kinds, and Bob's phone."""

    def __init__(self, seed: int, *, pages: bool = True, live: bool = True, page_bytes: int = 16_384) -> None:
        self.rng = Random(seed)
        self.shelf = Shelf(dict.fromkeys(CHANNELS, ("ann", "bob", "cem")), rng=Random(seed))
        self.time = 1_000
        for _ in range(self.rng.randrange(20, 150)):
            self.write()
        bench = Bench(
            tuning=Tuning(live=live, page_bytes=page_bytes),
            device="bob-phone",
            pages=pages,
            codecs=offered() if pages else (),
        )
        self.pair = Pair(bench, Engine(self.shelf))

    def write(self) -> None:
        name = self.rng.choice(CHANNELS)
        self.time += self.rng.randrange(3)
        kind = self.rng.choice([0, 0, 0, 16, 17])
        body = b"%s %d: the tide is %d" % (name.encode(), self.time, self.rng.randrange(9))
        self.shelf.fill(name, [body], author=self.rng.choice(AUTHORS), times=[self.time])
        log = self.shelf.logs[name]
        rows = self.shelf.records[log.id]
        rows[log.head] = rows[log.head]._replace(kind=kind)
        if self.rng.random() < 0.1:
            del rows[log.head]

    def filter(self) -> Filter:
        rng = self.rng
        return Filter(
            since=rng.choice([0, 0, rng.randrange(990, self.time + 5)]),
            until=rng.choice([0, 0, rng.randrange(990, self.time + 5)]),
            newest=rng.choice([0, 0, 1, 5, 40]),
            authors=tuple(rng.sample(AUTHORS, rng.choice([0, 0, 1, 2]))),
            kinds=rng.choice([(), (), (0,), (16,), (16, 17), (0, 17)]),
            patterns=rng.choice([(), (), ("ship/+",), ("room", "ship/#"), ("#",), ("none",)]),
        )

    def rows(self, name: str) -> dict[int, Row]:
        return self.shelf.records[self.shelf.logs[name].id]

    def passing(self, name: str, chosen: Filter) -> set[int]:
        """By reading every record."""
        log = self.shelf.logs[name]
        if chosen.patterns and not any(
            Filter(patterns=(pattern,)).admits(name) for pattern in chosen.patterns
        ):
            return set()
        rows = self.rows(name)
        in_time = [
            seq
            for seq in range(log.floor, log.head + 1)
            if seq not in rows
            or (rows[seq].time >= chosen.since and (not chosen.until or rows[seq].time < chosen.until))
        ]
        if not chosen.authors and not chosen.kinds:
            # Numbers count here, whether they have a record or not; those at the edges may go either way.
            edges = [seq for seq in in_time if seq in rows]
            span = range(edges[0], edges[-1] + 1) if edges else range(0)
            in_time = [seq for seq in in_time if seq in span]
        else:
            in_time = [
                seq
                for seq in in_time
                if seq in rows
                and (not chosen.authors or rows[seq].author in chosen.authors)
                and (not chosen.kinds or rows[seq].kind in chosen.kinds)
            ]
        return {seq for seq in in_time[-chosen.newest :] if seq in rows}

    def held(self, name: str) -> set[int]:
        store = self.pair.bench.store
        return {one.seq for one in store.records(name, 7, start=1, stop=2**53, limit=10**6)}

    def arrived(self) -> list[tuple[str, int]]:
        told = [event for event in self.pair.bench.events if isinstance(event, Arrived)]
        return [(one.channel, one.seq) for event in told for one in event.records]

    def lose(self, loss: float) -> None:
        def maybe(payload: bytes) -> bytes | None:
            return None if self.rng.random() < loss else payload

        self.pair.on_way_up = self.pair.on_way_down = maybe


def exact(chosen: Filter) -> bool:
    """Whether numbers without a record cannot make one more or less pass."""
    return bool(chosen.authors or chosen.kinds) or not chosen.newest


@pytest.mark.parametrize("pages", [True, False])
@pytest.mark.parametrize("seed", range(30))
def test_what_passes_comes_and_nothing_else(seed: int, *, pages: bool) -> None:
    """Whatever was had before, with losses and small pages; every page comes out at the first try."""
    world = World(seed, pages=pages, page_bytes=[256, 1_024, 16_384][seed % 3])
    world.lose(0.2 if seed % 2 else 0.0)
    for _ in range(6):
        chosen = world.filter()
        if chosen == NO_FILTER:
            continue
        before = {name: world.held(name) for name in CHANNELS}
        rule = Rule(oldest_first=world.rng.random() < 0.3)
        report = world.pair.end(Job(id=0, channels=None, rule=rule, filter=chosen)).report
        assert report is not None
        assert report.complete
        for name in CHANNELS:
            fresh = world.held(name) - before[name]
            if exact(chosen):
                assert fresh == world.passing(name, chosen) - before[name], (name, chosen)
            holding = world.pair.bench.machine.holdings.get(name)
            if holding is not None and not chosen.newest:
                assert not holding.wanted - holding.have, "nothing is wanted that was not asked for"
        for _ in range(world.rng.randrange(8)):
            world.write()
    assert world.pair.bench.machine._parts.trust._distrusts == 0
    world.pair.sync()
    for name in CHANNELS:
        assert world.held(name) == set(world.rows(name))
    assert len(set(world.arrived())) == len(world.arrived()), "nothing comes twice"


def test_a_filter_goes_by_the_token_of_everything() -> None:
    world = World(5)
    world.pair.sync()
    world.write()
    world.shelf.fill("room", [b"from cem"], author="cem", times=[world.time + 1])
    world.pair.end(Job(id=0, channels=None, filter=Filter(authors=("cem",))))
    (query,) = [wire.decode(payload)[0] for payload in world.pair.up]
    assert isinstance(query, Query)
    assert not isinstance(query.request, SyncRequest)
    assert world.rows("room")[world.shelf.logs["room"].head].body == b"from cem"
    world.pair.sync()
    assert len(world.pair.up[0]) < 20, "the token moved on with the filtered answer"


def test_a_later_push_does_not_bring_what_was_never_asked_for() -> None:
    world = World(6)
    world.pair.end(Job(id=0, channels=None, filter=Filter(authors=("cem",), patterns=("room",))))
    before = world.held("room")
    holding = world.pair.bench.machine.holdings.get("room")
    assert holding is not None
    assert not holding.wanted.open_ended
    head = world.shelf.logs["room"].head
    assert before < set(world.rows("room")), "something was left out"
    record = Record(seq=head + 3, author="ann", time=9_999, sent=9_999, body=b"live", size=4)
    part = Part(channel="room", epoch=7, head=head + 3, records=(record,))
    world.pair.deliver(wire.encode(Push(part=part), Encoding.PACKED))
    world.pair.bench.now += 60.0
    world.pair.bench.tick()
    world.pair.run()
    assert world.held("room") == before | {head + 3}


@pytest.mark.parametrize("pages", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_the_manifest_way(seed: int, *, pages: bool) -> None:
    """The first form of the published method: filter, ids, the device subtracts, and fetches the rest."""
    world = World(seed, pages=pages, page_bytes=[256, 16_384][seed % 2])
    world.lose(0.2 if seed % 3 == 0 else 0.0)
    world.pair.end(Job(id=0, channels=("room",), filter=Filter(authors=("ann",), newest=3)))
    before = {name: world.held(name) for name in CHANNELS}
    chosen = Filter(kinds=(0, 16), patterns=("room", "ship/#"))
    survey = Survey(depth=Depth.MANIFEST, fetch=True)
    report = world.pair.end(Job(id=0, channels=None, filter=chosen, survey=survey)).report
    assert report is not None
    assert report.complete
    for name in CHANNELS:
        assert world.held(name) == before[name] | world.passing(name, chosen)
    asked = [wire.decode(payload)[0] for payload in world.pair.up]
    stated = [frame.request if isinstance(frame, Query) else frame for frame in asked]
    assert all(
        isinstance(one, SyncRequest) and not any(statement.have for statement in one.statements)
        for one in stated
    ), "the service does not hear what the device has"
    assert len(set(world.arrived())) == len(world.arrived())


@pytest.mark.parametrize("seed", range(12))
def test_the_delta_way(seed: int) -> None:
    """The second form: everything that passes where the device has nothing, else the difference alone."""
    world = World(seed)
    chosen = Filter(authors=("ann", "cem"), patterns=("room", "hall"))
    world.pair.end(Job(id=0, channels=None, filter=chosen))
    for name in CHANNELS:
        assert world.held(name) == world.passing(name, chosen)
    for _ in range(10):
        world.write()
    before = {name: world.held(name) for name in CHANNELS}
    world.shelf.read.clear()
    report = world.pair.end(Job(id=0, channels=None, filter=chosen)).report
    assert report is not None
    lacked = {(name, seq) for name in CHANNELS for seq in world.passing(name, chosen) - before[name]}
    assert report.records == len(lacked)
    for name in CHANNELS:
        assert world.held(name) == before[name] | world.passing(name, chosen)


@pytest.mark.parametrize("seed", range(10))
def test_a_manifest_alone_lists_what_there_is(seed: int) -> None:
    world = World(seed, page_bytes=[256, 16_384][seed % 2])
    chosen = world.filter()
    found = world.pair.end(Job(id=0, channels=None, filter=chosen, survey=Survey(depth=Depth.MANIFEST))).found
    if exact(chosen):
        assert found == tuple(
            Listing(channel=name, seq=seq, size=len(world.rows(name)[seq].body))
            for name in sorted(CHANNELS)
            for seq in sorted(world.passing(name, chosen))
        )
    assert not any(world.held(name) for name in CHANNELS)


def test_more_numbers_than_a_packet_holds_are_asked_for_in_parts() -> None:
    """Every second record of 34,000, of which one that is listed is gone when it is asked for."""
    shelf = Shelf({"room": ("ann", "bob"), "zoo": ("ann", "bob")})
    shelf.fill("room", [b""] * 34_000)
    shelf.fill("zoo", [b"one"])
    rows = shelf.records[1]
    rows.update((seq, row._replace(author="bob")) for seq, row in rows.items() if seq % 2)
    pair = Pair(Bench(device="bob-phone", pages=True, codecs=offered()), Engine(shelf))
    listed = {seq for seq, row in rows.items() if row.author == "ann"}

    def lose_one(payload: bytes) -> bytes:
        if not isinstance(wire.decode(payload)[0], Query):
            rows.pop(20_000, None)
        return payload

    pair.on_way_up = lose_one
    survey = Survey(depth=Depth.MANIFEST, fetch=True)
    report = pair.end(Job(id=0, channels=None, filter=Filter(authors=("ann",)), survey=survey)).report
    assert report is not None
    assert report.complete
    assert report.records == len(listed)
    assert set(pair.have("room")) == listed
    assert set(pair.have("zoo")) == {1}
    assert max(len(payload) for payload in pair.up) < 32_768


@pytest.mark.parametrize("max_bytes", range(256, 600, 7))
def test_a_manifest_keeps_to_the_budget(max_bytes: int) -> None:
    names = ["a" * 60, "b", "c" * 50, "d" * 64]
    shelf = Shelf(dict.fromkeys(names, ("ann", "bob")))
    for name in names:
        shelf.fill(name, [b"the tide is high"] * 40)
    pair = Pair(Bench(tuning=Tuning(page_bytes=256), device="bob-phone", pages=True), Engine(shelf))
    survey = Survey(depth=Depth.MANIFEST, fetch=True)
    report = pair.end(Job(id=0, channels=None, survey=survey, max_bytes=max_bytes)).report
    assert report is not None
    assert pair.bytes <= max_bytes


def test_a_manifest_forgets_what_a_log_was_that_begins_anew_between_its_pages() -> None:
    survey = Survey(depth=Depth.MANIFEST, fetch=True)
    first = Listed("room", 7, 90, seqs=RangeSet([(50, 91)]), sizes=(1,) * 41)
    survey.take(Manifest(rid=1, more=True, channels=(first,)))
    second = Listed("room", 8, 3, seqs=RangeSet([(2, 4)]), sizes=(5, 5))
    survey.take(Manifest(rid=2, channels=(second,)))
    assert survey.listings() == (
        Listing(channel="room", seq=2, size=5),
        Listing(channel="room", seq=3, size=5),
    )


def test_a_manifest_that_goes_back_is_no_answer() -> None:
    """Else two pages in turn would be asked for without end."""
    survey = Survey(depth=Depth.MANIFEST)
    pages = [
        Manifest(rid=1, more=True, channels=(Listed(name, 7, 9, seqs=RangeSet([(5, 6)]), sizes=(1,)),))
        for name in ("room", "hall")
    ]
    survey.take(pages[1])
    survey.take(pages[0])
    with pytest.raises(ProtocolError, match="does not go on"):
        survey.take(pages[1])


def test_records_are_fetched_by_their_numbers() -> None:
    world = World(8)
    seqs = set(sorted(world.rows("room"))[2:9:2])
    job = Job(id=0, channels=("room",), wants={"room": Want(epoch=0, seqs=RangeSet.of(seqs), told=True)})
    report = world.pair.end(job).report
    assert report is not None
    assert (report.records, report.rounds) == (len(seqs), 1)
    assert world.held("room") == seqs
    again = Job(id=0, channels=("room",), wants={"room": Want(epoch=0, seqs=RangeSet.of(seqs), told=True)})
    report = world.pair.end(again).report
    assert report is not None
    assert (report.records, report.rounds) == (0, 0), "what is held is not asked for"


@pytest.mark.parametrize("seed", range(8))
def test_a_preview_says_what_the_sync_takes(seed: int) -> None:
    world = World(seed, live=False)
    if seed % 2:
        world.pair.end(Job(id=0, channels=None, filter=Filter(authors=("bob",))))
    chosen = world.filter() if seed % 4 > 1 else None
    preview = world.pair.end(
        Job(id=0, channels=None, filter=chosen, survey=Survey(depth=Depth.PREVIEW))
    ).found
    assert isinstance(preview, Preview)
    assert world.pair.bytes <= 200
    report = world.pair.end(Job(id=0, channels=None, filter=chosen)).report
    assert report is not None
    assert preview.records == report.records
    took = report.bytes_up + report.bytes_down
    assert abs(preview.bytes - took) <= 0.1 * took + 64


@pytest.mark.parametrize(("channels", "page_bytes"), [(20, 256), (100, 1_000), (1_000, 16_384)])
@pytest.mark.parametrize("chosen", [None, Filter(authors=("ann",))], ids=["all", "authors"])
def test_a_preview_counts_channels_that_take_several_pages_to_tell(
    channels: int, page_bytes: int, chosen: Filter | None
) -> None:
    """A new device: the first page's header has no room for all names, and no record of the others counts."""
    shelf = Shelf({f"site/{at}/sensor": ("ann", "bob") for at in range(channels)})
    for at, name in enumerate(shelf.logs):
        shelf.fill(name, [b"%d: the tide is at %d" % (n, at) for n in range(10)], times=range(1_000, 1_010))
    bench = Bench(
        tuning=Tuning(live=False, page_bytes=page_bytes), device="bob-phone", pages=True, codecs=offered()
    )
    pair = Pair(bench, Engine(shelf, bounds=Bounds(requests_per_second=10**6, requests_burst=10**6)))
    job = Job(id=0, channels=None, filter=chosen, survey=Survey(depth=Depth.PREVIEW))
    preview = pair.end(job).found
    assert isinstance(preview, Preview)
    report = pair.end(Job(id=0, channels=None, filter=chosen)).report
    assert report is not None
    assert preview.records == report.records == 10 * channels
    took = report.bytes_up + report.bytes_down
    assert abs(preview.bytes - took) <= 0.12 * took + 64


def test_nothing_is_said_of_channels_out_of_scope() -> None:
    world = World(9)
    world.pair.sync()
    world.shelf.open("new", "bob", "ann")
    world.shelf.fill("new", [b"one"], author="ann", times=[world.time])
    world.pair.end(Job(id=0, channels=None, filter=Filter(patterns=("ship/+",))))
    assert world.pair.bench.machine.holdings.get("new") is None
    assert world.held("new") == set()


def test_the_newest_of_forty_channels_take_one_request() -> None:
    """A new phone that wants the newest 30 of each."""
    names = [f"room{n}" for n in range(40)]
    shelf = Shelf(dict.fromkeys(names, ("ann", "bob")))
    for n, name in enumerate(names):
        bodies = [b"%d: the tide turns at %d" % (at, n) for at in range(60)]
        shelf.fill(name, bodies, times=range(1_000 + n, 61_000 + n, 1_000))
    bench = Bench(tuning=Tuning(), device="bob-phone", pages=True, codecs=offered())
    pair = Pair(bench, Engine(shelf))
    report = pair.sync(rule=Rule(newest=30))
    assert (report.records, report.rounds, report.complete) == (1_200, 1, True)
    assert len(pair.up) == len(pair.down) == 1


@pytest.mark.parametrize("name", ["chat", "telemetry"])
@pytest.mark.parametrize("missing", [0, 300])
def test_a_preview_is_within_a_tenth_on_real_logs(name: str, missing: int) -> None:
    rows = records(name)[:3_000]
    channels = sorted({row["channel"] for row in rows})
    shelf = Shelf(dict.fromkeys(channels, ("ann", "bob")))
    for row in sorted(rows, key=lambda row: row["ts"]):
        shelf.fill(row["channel"], [row["body"].encode()], times=[row["ts"]])
    bench = Bench(tuning=Tuning(live=False), device="bob-phone", pages=True, codecs=offered())
    pair = Pair(bench, Engine(shelf))
    if missing:
        pair.sync()
        most = max(channels, key=lambda one: shelf.logs[one].head)
        head = shelf.logs[most].head
        seqs = RangeSet([(max(1, head + 1 - missing), head + 1)])
        bench.do(bench.machine.drop(most, seqs))
    preview = pair.end(Job(id=0, channels=None, survey=Survey(depth=Depth.PREVIEW))).found
    assert isinstance(preview, Preview)
    assert pair.bytes <= 100
    report = pair.sync()
    took = report.bytes_up + report.bytes_down
    assert preview.records == report.records
    assert abs(preview.bytes - took) <= 0.1 * took + 64


def scattered(pair: Pair, head: int) -> None:
    """Every third record is dropped: what the device has takes long to say."""
    pair.sync()
    seqs = RangeSet((seq, seq + 1) for seq in range(1, head, 3))
    pair.bench.do(pair.bench.machine.drop("room", seqs))
    pair.bench.boot()
    pair.bench.connect()


@pytest.mark.parametrize("count", [60, 6_000])
def test_auto_takes_the_way_that_takes_less(count: int) -> None:
    """By a manifest where saying what the device has would take more than hearing of a few records."""
    shelf = Shelf({"room": ("ann", "bob")})
    shelf.fill("room", [b"%d: the tide is high" % n for n in range(count)], times=range(1_000, 1_000 + count))
    engine = Engine(shelf)
    pair = Pair(Bench(tuning=Tuning(live=False), device="bob-phone", pages=True, codecs=offered()), engine)
    scattered(pair, count)
    rule = Rule(newest=6)  # of this rule there is no token
    before = pair.bench.machine.holdings.by_channel["room"].have
    report = pair.end(Job(id=0, channels=None, rule=rule, cheaper=True)).report
    assert report is not None
    assert (
        report.records
        == RangeSet([(count - 5, count + 1)]).count - (before & RangeSet([(count - 5, count + 1)])).count
    )
    first = wire.decode(pair.up[0])[0]
    assert isinstance(first, Query) is (count > 1_000)
    if count > 1_000:
        delta = Pair(Bench(tuning=Tuning(live=False), device="bob-tab", pages=True, codecs=offered()), engine)
        scattered(delta, count)
        other = delta.sync(rule=rule)
        assert report.bytes_up + report.bytes_down < other.bytes_up + other.bytes_down
