"""Channels that cannot be had any more: told once, asked for no more, and whole again when they are back."""

from __future__ import annotations

import pytest

from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import STATEMENTS_MAX
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds

FREE = Bounds(requests_burst=10**6, requests_per_second=10**6)


def filled(count: int) -> Shelf:
    """So many channels of Ann's with five records each."""
    shelf = Shelf({f"c{n}": ("ann",) for n in range(count)})
    for name in shelf.logs:
        shelf.fill(name, [b"high tide"] * 5, times=range(1_000, 1_005))
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
