"""A sync with a budget: what it takes, what comes within it, and what the next one brings."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from simulated.bench import Bench
from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.codec import offered
from tidelog.codec.page import Rule
from tidelog.replica.steps import Arrived, SyncReport
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.errors import Code, UsageError
from tidelog.wire.frames import Fault
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds

ORDERS = (Rule(), Rule(oldest_first=True), Rule(by_channel=True))


def shelf_of(seed: int, channels: int, *, large: bool = False) -> Shelf:
    """Channels of one user; bodies from none to 32 KiB."""
    rng = Random(seed)
    shelf = Shelf({f"c{n}": ("ann", "bob") for n in range(channels)})
    for name in shelf.logs:
        grow(shelf, name, rng, rng.randrange(1, 160 // channels + 3), large=large)
    return shelf


def grow(shelf: Shelf, name: str, rng: Random, count: int, *, large: bool = False) -> None:
    time = max(log.time for log in shelf.logs.values())
    times = [time := time + rng.choice([0, 1, 900, 60_000]) for _ in range(count)]
    bodies = [body(rng, large=large) for _ in range(count)]
    shelf.fill(name, bodies, author=rng.choice(["ann", "bob"]), times=times)


def woven(channels: int) -> Shelf:
    """Channels that were written by turns."""
    rng = Random(channels)
    shelf = Shelf({f"c{n}": ("ann", "bob") for n in range(channels)})
    for name in [name for _ in range(4) for name in rng.sample(sorted(shelf.logs), channels)]:
        grow(shelf, name, rng, rng.randrange(1, 3))
    return shelf


def body(rng: Random, *, large: bool) -> bytes:
    if large and rng.random() < 0.15:
        size = rng.choice([600, 4_000, 32_768])
        return rng.choice([rng.randbytes(size), bytes(size), b"tide" * (size // 4)])
    return b" ".join(
        rng.choice([b"low", b"high", b"tide", b"at", b"noon", b"\x01"]) for _ in range(rng.randrange(20))
    )


def device(shelf: Shelf, *, seed: int = 0, codecs: tuple[int, ...] | None = None) -> Pair:
    bench = Bench(
        chance=Random(seed),
        tuning=Tuning(live=False),
        device="ann-phone",
        pages=True,
        codecs=offered() if codecs is None else codecs,
    )
    bounds = Bounds(requests_per_second=10**6, requests_burst=10**6)
    return Pair(bench, Engine(shelf, bounds=bounds))


def spent(report: SyncReport) -> int:
    return report.bytes_up + report.bytes_down - report.bytes_repeated


def bounded(pair: Pair, budget: int, rule: Rule, *, names: tuple[str, ...] = ()) -> SyncReport | None:
    """A sync that may take so much and does not take more; ``None`` where asking alone takes it."""
    try:
        report = pair.sync(*names, rule=rule, max_bytes=budget)
    except UsageError:
        assert pair.bytes <= budget
        return None
    assert spent(report) <= budget
    return report


def arrivals(pair: Pair) -> list[tuple[str, int]]:
    told = [event for event in pair.bench.events if isinstance(event, Arrived)]
    return [(one.channel, one.seq) for event in told for one in event.records]


def all_of(shelf: Shelf) -> list[tuple[str, int]]:
    return [(name, seq) for name, log in shelf.logs_of(1).items() for seq in range(log.floor, log.head + 1)]


@pytest.mark.parametrize("seed", range(60))
def test_the_budget_is_never_exceeded_and_the_rest_comes_once(seed: int) -> None:
    """One channel or 40, new devices and known ones, every order, bodies up to 32 KiB, every codec."""
    rng = Random(seed)
    shelf = shelf_of(seed, rng.choice([1, 40]), large=rng.random() < 0.5)
    pair = device(shelf, seed=seed, codecs=rng.choice([None, None, (1,), ()]))
    if rng.random() < 0.5:
        pair.sync()
        for name in list(shelf.logs):
            grow(shelf, name, rng, rng.choice([0, 1, 6]), large=rng.random() < 0.5)
    rule = rng.choice(ORDERS)
    for _ in range(rng.randrange(1, 4)):
        report = bounded(pair, rng.choice([256, 257, 300, 400, 700, 1_500, 5_000, 20_000]), rule)
        if report is not None and report.complete:
            assert bounded(pair, 256 if len(shelf.logs) == 1 else 20_000, rule) is not None
    pair.sync(rule=rule)
    assert sorted(arrivals(pair)) == sorted(all_of(shelf)), "each once, and all of them"


@pytest.mark.parametrize("seed", range(20))
def test_lost_and_late_packets_are_not_in_the_budget_and_all_else_is(seed: int) -> None:
    rng = Random(seed)
    shelf = shelf_of(seed, rng.choice([1, 40]))
    pair = device(shelf, seed=seed)
    late: list[bytes] = []

    def way(payload: bytes) -> bytes | None:
        if rng.random() < 0.3:
            late.append(payload)
            return late.pop(0) if rng.random() < 0.3 else None
        return payload

    pair.on_way_down = way
    pair.on_way_up = lambda payload: None if rng.random() < 0.2 else payload
    for _ in range(3):
        report = bounded(pair, rng.choice([300, 700, 2_000]), Rule())
        if report is not None and report.bytes_repeated == 0:
            assert pair.bytes == report.bytes_up + report.bytes_down
    pair.on_way_down = pair.on_way_up = lambda payload: payload
    pair.sync()
    assert sorted(arrivals(pair)) == sorted(all_of(shelf))


def test_the_answer_to_a_first_try_is_waited_for_within_the_budget() -> None:
    """Asking again is a repetition, and takes nothing from what the answer may be."""
    pair = device(shelf_of(1, 1))
    pair.bench.sync(max_bytes=256)
    first = pair.bench.asked().room
    pair.carry()
    for _ in range(5):
        due = pair.bench.machine.due()
        assert due is not None
        pair.bench.now = due
        pair.bench.tick()
        assert pair.bench.asked().room >= first > 0
        pair.carry()


def test_a_token_that_is_not_known_is_paid_for_like_all_else() -> None:
    shelf = shelf_of(2, 40)
    pair = device(shelf)
    pair.sync()
    shelf.tokens.clear()
    grow(shelf, "c0", Random(1), 50)
    report = bounded(pair, 1_200, Rule())
    assert report is not None
    assert report.rounds >= 2
    assert report.bytes_repeated == 0
    assert pair.bytes == spent(report) <= 1_200


def test_no_answer_of_the_service_takes_more_than_the_room() -> None:
    """Not even one that says why there is none."""
    shelf = shelf_of(3, 1)
    bounds = Bounds(requests_per_second=1, requests_burst=1)
    pair = Pair(device(shelf).bench, Engine(shelf, bounds=bounds))
    pair.bench.sync(max_bytes=256)
    pair.carry()
    pair.bench.now += 0.1
    pair.bench.do(pair.bench.machine.disconnected())
    pair.bench.connect()
    (fault,) = pair.carry()
    frame, _ = wire.decode(fault)
    assert isinstance(frame, Fault)
    assert frame.code is Code.BUSY
    assert len(fault) < 10


def test_what_does_not_fit_is_not_asked_for_again_and_again() -> None:
    shelf = Shelf({"room": ("ann",)})
    shelf.fill("room", [Random(1).randbytes(5_000)], times=[1_000])
    pair = device(shelf)
    report = bounded(pair, 2_000, Rule())
    assert report is not None
    assert (report.records, report.complete) == (0, False)
    assert report.rounds <= 2, "the first tells of the channel"
    assert pair.sync().records == 1


def test_asking_alone_may_take_more_than_the_budget() -> None:
    """Nothing is sent then, and the error says what helps."""
    names = tuple(f"channel number {n}" for n in range(40))
    pair = device(Shelf(dict.fromkeys(names, ("ann",))))
    with pytest.raises(UsageError, match="at most 256 bytes") as refused:
        pair.sync(*names, max_bytes=256)
    assert (refused.value.code, pair.up) == ("budget", [])
    assert "more bytes once" in refused.value.hint


def test_after_a_sync_whose_budget_is_too_small_the_next_one_goes_out_at_once() -> None:
    names = tuple(f"channel number {n}" for n in range(40))
    pair = device(Shelf(dict.fromkeys(names, ("ann",))))
    pair.bench.do(pair.bench.machine.disconnected())
    refused = pair.bench.sync(*names, max_bytes=256)
    waiting = pair.bench.sync()
    pair.bench.connect()
    over = pair.ended(refused)
    assert over is not None
    assert over.error is not None
    assert over.error.code == "budget"
    assert pair.bench.request().everywhere
    pair.run()
    assert pair.ended(waiting) is not None


@pytest.mark.parametrize("budget", [300, 400, 600, 900])
def test_the_newest_of_all_channels_come_first(budget: int) -> None:
    shelf = woven(40)
    pair = device(shelf)
    report = bounded(pair, budget, Rule())
    assert report is not None
    assert 0 < report.records < len(all_of(shelf))
    times = {key: shelf.records[shelf.logs[key[0]].id][key[1]].time for key in all_of(shelf)}
    got = [times[key] for key in arrivals(pair)]
    assert min(got) >= max(time for key, time in times.items() if key not in set(arrivals(pair)))


@pytest.mark.parametrize("budget", [450, 500, 600])
def test_the_oldest_come_first_where_they_are_asked_for(budget: int) -> None:
    shelf = woven(12)
    pair = device(shelf)
    bounded(pair, budget, Rule(oldest_first=True))
    times = {key: shelf.records[shelf.logs[key[0]].id][key[1]].time for key in all_of(shelf)}
    got = set(arrivals(pair))
    assert 0 < len(got) < len(times)
    assert max(times[key] for key in got) <= min(time for key, time in times.items() if key not in got)


def test_channels_come_one_after_the_other_as_they_are_named() -> None:
    shelf = woven(12)
    pair = device(shelf)
    names = tuple(Random(1).sample(sorted(shelf.logs), 9))
    last: list[RangeSet] = []
    for _ in range(40):
        report = bounded(pair, 300, Rule(by_channel=True), names=names)
        assert report is not None
        have = [pair.have(name) for name in names]
        heads = [shelf.logs[name].head for name in names]
        for (seqs, head), (after, _) in pairwise(zip(have, heads, strict=True)):
            assert not after or seqs == RangeSet([(1, head + 1)]), "the one before is done"
        assert all(not seqs or seqs.stop == head + 1 for seqs, head in zip(have, heads, strict=True))
        if report.complete:
            break
        assert have != last
        last = have
    assert {name for name in shelf.logs if pair.have(name)} == set(names)
    assert [pair.have(name).count for name in names] == [shelf.logs[name].head for name in names]


def test_a_live_device_does_not_fetch_beside_a_budget_what_it_left_out() -> None:
    """Repairs have no budget: a push of the next record would bring the whole log."""
    shelf = shelf_of(8, 1)
    pair = paired(Engine(shelf), live=True)
    report = bounded(pair, 300, Rule())
    assert report is not None
    assert not report.complete
    held = pair.have("c0")
    assert pair.bench.machine.holdings.by_channel["c0"].gaps == EMPTY
    pair.bench.do(pair.bench.machine.disconnected())
    pair.bench.connect()
    while (due := pair.bench.machine.due()) is not None:
        pair.bench.now = due
        pair.bench.tick()
        pair.run()
    assert pair.have("c0") == held
    pair.sync()
    assert sorted(arrivals(pair)) == sorted(all_of(shelf))
