"""Channels that cannot be had any more: told once, asked for no more, and whole again when they are back."""

from __future__ import annotations

from random import Random

import pytest

from simulated.bench import Bench
from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.codec.page import Rule
from tidelog.replica import asking
from tidelog.replica.tuning import Tuning
from tidelog.wire import standings
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import STATEMENTS_MAX
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine import telling
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds

FREE = Bounds(requests_burst=10**6, requests_per_second=10**6)


def filled(count: int, *, body: bytes = b"high tide") -> Shelf:
    """So many channels of Ann's with five records each."""
    shelf = Shelf({f"c{n}": ("ann",) for n in range(count)})
    for name in shelf.logs:
        shelf.fill(name, [body] * 5, times=range(1_000, 1_005))
    return shelf


def take_out(shelf: Shelf, *names: str) -> None:
    """Ann is no member of these any more."""
    shelf.members |= dict.fromkeys(names, ("bob",))


def let_in(shelf: Shelf, *names: str) -> None:
    """Ann is a member again."""
    shelf.members |= dict.fromkeys(names, ("ann",))


def stated(pair: Pair) -> list[int]:
    """How many channels each request of the last sync stated."""
    return [len(frame.statements) for frame in pair.frames() if isinstance(frame, SyncRequest)]


@pytest.mark.parametrize("reboot", [False, True])
def test_channels_that_are_gone_cost_nothing_at_the_next_sync(*, reboot: bool) -> None:
    shelf = filled(50)
    pair = paired(Engine(shelf))
    pair.sync()
    names = [f"c{n}" for n in range(40)]
    take_out(shelf, *names)
    assert pair.sync().gone == tuple(sorted(names))
    if reboot:
        pair.bench.boot()
        pair.bench.connect()
    assert pair.sync().gone == ()
    assert ([len(one) for one in pair.up], [len(one) for one in pair.down]) == ([11], [3])


def test_what_a_device_held_of_a_channel_that_is_back_is_not_sent_again() -> None:
    shelf = filled(3)
    engine = Engine(shelf)
    pair = paired(engine)
    pair.sync()
    take_out(shelf, "c1")
    pair.sync()
    let_in(shelf, "c1")
    shelf.fill("c1", [b"low tide"] * 2, times=(2_000, 2_001))
    sent = engine.tally["sent"]
    assert pair.sync().records == 2
    assert (engine.tally["sent"] - sent, len(pair.up)) == (2, 1)
    assert pair.have("c1") == RangeSet([(1, 8)])


def test_what_was_dropped_of_a_channel_that_is_gone_comes_when_it_is_back() -> None:
    shelf = filled(3)
    pair = paired(Engine(shelf))
    pair.sync()
    take_out(shelf, "c1")
    pair.sync()
    pair.bench.do(pair.bench.machine.drop("c1", RangeSet([(2, 4)])))
    pair.sync()
    let_in(shelf, "c1")
    assert pair.sync().records == 2
    assert pair.have("c1") == RangeSet([(1, 6)])


def test_a_request_in_full_says_nothing_of_what_is_gone() -> None:
    shelf = filled(50)
    pair = paired(Engine(shelf))
    pair.sync()
    take_out(shelf, *(f"c{n}" for n in range(40)))
    pair.sync()
    shelf.tokens.clear()
    assert pair.sync().gone == ()
    assert stated(pair) == [10]


def test_a_channel_that_is_asked_for_by_name_and_there_counts_as_others_do() -> None:
    shelf = filled(2)
    pair = paired(Engine(shelf))
    pair.sync()
    take_out(shelf, "c1")
    pair.sync()
    let_in(shelf, "c1")
    assert pair.sync("c1").records == 0, "nothing is new, so nothing is told of it"
    shelf.tokens.clear()
    pair.sync()
    assert stated(pair) == [2]


def test_a_push_of_a_channel_that_is_back_makes_it_count_again() -> None:
    shelf = filled(2)
    pair = paired(Engine(shelf), live=True)
    pair.sync()
    take_out(shelf, "c1")
    pair.sync()
    let_in(shelf, "c1")
    pair.bench.write(b"from here", channel="c1")
    pair.bench.tick()
    pair.run()
    holding = pair.bench.machine.holdings.get("c1")
    assert holding is not None
    assert (holding.gone, 6 in holding.have) == (False, True)


def test_a_reconnect_asks_for_nothing_that_is_gone() -> None:
    shelf = filled(4)
    pair = paired(Engine(shelf), live=True)
    pair.sync()
    take_out(shelf, "c1", "c2")
    pair.sync()
    pair.up.clear()
    pair.bench.do(pair.bench.machine.disconnected())
    pair.bench.connect()
    pair.wait()
    assert [len(one) for one in pair.up] == [11], "the top-up goes by the token of everything"


def test_thousands_that_are_gone_and_thousands_that_are_new_come_to_an_end() -> None:
    """The device knows more channels than a request may state."""
    shelf = Shelf({f"c{n}": ("ann",) for n in range(3_000)})
    pair = paired(Engine(shelf, bounds=FREE))
    pair.sync()
    take_out(shelf, *(f"c{n}" for n in range(3_000)))
    for n in range(3_000, 5_000):
        shelf.open(f"c{n}", "ann")
    assert len(pair.sync().gone) == 3_000
    known = pair.bench.machine.holdings
    assert (len(known.by_channel), len(known.names())) == (5_000, 2_000)
    pair.sync()
    assert [len(one) for one in pair.up] == [11]


def test_a_user_of_too_many_channels_gets_what_there_is_room_for() -> None:
    shelf = Shelf({f"c{n}": ("ann",) for n in range(STATEMENTS_MAX)})
    pair = paired(Engine(shelf, bounds=FREE))
    pair.sync()
    shelf.open("one-more", "ann")
    shelf.fill("one-more", [b"unseen"], times=[10**6])
    shelf.fill("c0", [b"seen"], times=[10**7])
    assert pair.sync().complete
    assert (1 in pair.have("c0"), pair.have("one-more")) == (True, RangeSet())
    take_out(shelf, "c1")
    pair.sync()
    assert 1 in pair.have("one-more")


def marked(pair: Pair, channel: str) -> bool:
    """Whether the device takes the channel to be gone."""
    holding = pair.bench.machine.holdings.get(channel)
    assert holding is not None
    return holding.gone


# Known to one token and not to another


@pytest.mark.parametrize("rule", [Rule(), Rule(newest=50)])
def test_an_answer_that_says_nothing_of_a_channel_says_that_it_is_there(rule: Rule) -> None:
    """It went and came back under another token: to this one it was never gone."""
    shelf = filled(3)
    engine = Engine(shelf)
    pair = paired(engine)
    pair.sync(rule=rule)
    take_out(shelf, "c1")
    pair.sync("c1", "c2")
    assert marked(pair, "c1")
    let_in(shelf, "c1")
    pair.sync(rule=rule)
    assert not marked(pair, "c1")
    shelf.tokens.clear()
    sent = engine.tally["sent"]
    pair.sync(rule=rule)
    assert engine.tally["sent"] == sent


@pytest.mark.parametrize("change", ["membership", "floor"])
def test_news_that_another_token_has_told_are_news_to_this_one(change: str) -> None:
    """They come a few a page, and the device knows them all: that is no standstill."""
    shelf = filled(100)
    pair = paired(Engine(shelf, bounds=FREE), page_bytes=256)
    pair.sync()
    names = [f"c{n}" for n in range(100)]
    if change == "membership":
        take_out(shelf, *names)
        pair.sync()
        let_in(shelf, *names)
    else:
        for name in names:
            shelf.lift(name, 3)
    pair.sync(*names)
    assert pair.sync().complete


def test_a_channel_back_while_offline_is_topped_up_after_a_reconnect() -> None:
    """Even where no token of everything would tell of it: something was dropped, so not all is wanted."""
    shelf = filled(3)
    pair = paired(Engine(shelf), live=True)
    pair.sync()
    take_out(shelf, "c1")
    pair.sync()
    pair.bench.do(pair.bench.machine.disconnected())
    let_in(shelf, "c1")
    shelf.fill("c1", [b"missed"], times=[9_000])
    pair.bench.do(pair.bench.machine.drop("c0", RangeSet([(2, 4)])))
    pair.bench.connect()
    pair.wait()
    assert 6 in pair.have("c1")


# Back within the same sync


def test_what_was_dropped_of_a_channel_that_is_back_at_once_is_told() -> None:
    """Else the next page would be made for records that the device has no more."""
    shelf = filled(3)
    shelf.fill("c1", [b"the tide is high, holding on %d" % n for n in range(20)], times=range(1_100, 1_120))
    pair = paired(Engine(shelf), page_bytes=256)
    pair.sync()
    rng = Random(1)
    shelf.fill("c0", [b"%d" % rng.randrange(10**40) for _ in range(60)], times=range(2_000, 2_060))
    take_out(shelf, "c1")
    pair.bench.now += 10
    number = pair.bench.sync()
    (page,) = pair.carry()
    pair.deliver(page)
    assert marked(pair, "c1")
    pair.carry()  # and the answer is lost
    let_in(shelf, "c1")
    pair.bench.do(pair.bench.machine.drop("c1", RangeSet([(2, 20)])))
    while not pair.ended(number):
        pair.wait()
    assert all(frame.context_bytes for frame in pair.frames() if isinstance(frame, SyncRequest))
    assert pair.have("c1") == RangeSet([(1, 26)])


@pytest.mark.parametrize("pages", [False, True])
def test_a_channel_that_is_back_during_the_sync_is_part_of_it(*, pages: bool) -> None:
    shelf = filled(3)
    shelf.fill("c1", [b"%060d" % n for n in range(30)], times=range(3_000, 3_030))
    tuning = Tuning(live=False, page_bytes=256)
    bench = Bench(tuning=tuning, device="ann-phone", pages=pages, codecs=(1,) if pages else ())
    pair = Pair(bench, Engine(shelf, bounds=FREE))
    pair.sync()
    rng = Random(1)
    shelf.fill("c0", [rng.randbytes(60) for _ in range(30)], times=range(2_000, 2_030))
    take_out(shelf, "c1")

    def way(payload: bytes) -> bytes:
        let_in(shelf, "c1")
        return payload

    pair.on_way_down = way
    report = pair.sync()
    assert (report.complete, report.gone) == (True, ())
    assert report.rounds > 3
    assert pair.have("c0") == RangeSet([(1, 36)])


# By name


@pytest.mark.parametrize("back", [False, True])
def test_a_name_that_was_never_to_be_had_is_asked_for_again_each_time(*, back: bool) -> None:
    """Though the answer came in several pages, the later of which were asked for without it."""
    shelf = filled(2, body=bytes(range(200)))
    shelf.open("never", "bob")
    pair = paired(Engine(shelf), page_bytes=256)
    assert pair.sync("c0", "never").gone == ("never",)
    if back:
        let_in(shelf, "never")
        shelf.fill("never", [b"here"], times=[5_000])
    assert pair.sync("c0", "never").gone == (() if back else ("never",))
    assert (1 in pair.have("never")) == back


# As many as there may be


def test_a_channel_that_is_back_takes_a_place_as_a_new_one_does() -> None:
    shelf = Shelf({f"c{n}": ("ann",) for n in range(STATEMENTS_MAX)})
    pair = paired(Engine(shelf, bounds=FREE))
    pair.sync()
    take_out(shelf, "c1")
    pair.sync()
    let_in(shelf, "c1")
    shelf.open("one-more", "ann")
    shelf.fill("one-more", [b"unseen"], times=[10**6])
    assert pair.sync().complete


def test_a_full_account_changes_some_at_a_time() -> None:
    """Names so long that a page tells one: others come back and new ones come in before all are gone."""
    long = [f"{n}" + "x" * 62 for n in range(4)]
    shelf = Shelf({f"c{n}": ("ann",) for n in range(STATEMENTS_MAX - 4)} | dict.fromkeys(long, ("ann",)))
    pair = paired(Engine(shelf, bounds=FREE), page_bytes=256)
    pair.sync()
    take_out(shelf, "c1")
    pair.sync()
    let_in(shelf, "c1")
    take_out(shelf, *long)
    for name in "abcd":
        shelf.open(name, "ann")
    assert len(shelf.logs_of(1)) == STATEMENTS_MAX
    assert pair.sync().complete
    pair.sync()
    assert [len(one) for one in pair.up] == [11]
    assert set(pair.bench.machine.holdings.names()) == set(shelf.logs_of(1))


def test_a_channel_for_which_there_is_no_place_is_not_stated_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (standings, asking, telling):
        monkeypatch.setattr(module, "STATEMENTS_MAX", 4)
    shelf = filled(5)
    take_out(shelf, "c4")
    pair = paired(Engine(shelf))
    pair.sync()
    take_out(shelf, "c0")
    let_in(shelf, "c4")
    pair.sync("c4")  # c0 to c3 are in the account, c4 is known by name
    let_in(shelf, "c0")
    take_out(shelf, "c4")
    for _ in range(3):
        pair.sync()
    assert [len(one) for one in pair.up] == [11]
