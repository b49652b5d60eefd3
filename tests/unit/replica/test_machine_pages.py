"""The machine that asks for pages, against the service's engine: lost, doubled, late, unknown, changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest

from simulated.bench import Bench
from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.codec import offered
from tidelog.codec.page import Rule
from tidelog.replica.ports import Changes, Record, Snapshot
from tidelog.replica.steps import Arrived, SyncEnded, Trouble
from tidelog.replica.tuning import Tuning
from tidelog.store.memory import MemoryStore
from tidelog.wire import payload as wire
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Delta, Fault, Part, Push, SyncRequest
from tidelog.wire.frames import Record as WireRecord
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds

WORDS = (b"tide", b"high", b"low", b"noon", b"water", b"boat", b"wind", b"pier")


def bodies(count: int, *, seed: int = 0, words: int = 8) -> list[bytes]:
    rng = Random(seed)
    return [b" ".join(rng.choice(WORDS) for _ in range(words)) for _ in range(count)]


@pytest.fixture
def shelf() -> Shelf:
    """A room of 200 records."""
    made = Shelf({"room": ("ann", "bob")})
    made.fill("room", bodies(200), times=range(1_000, 201_000, 1_000))
    return made


@pytest.fixture
def pair(shelf: Shelf) -> Pair:
    """A device that has synced."""
    made = paired(Engine(shelf))
    made.sync()
    return made


def more(shelf: Shelf, count: int = 5, *, channel: str = "room") -> None:
    log = shelf.logs[channel]
    shelf.fill(channel, bodies(count, seed=log.head), times=range(log.time, log.time + 10 * count, 10))


def whole(pair: Pair, shelf: Shelf) -> None:
    """The device has every record of the log, as it is there."""
    for name, log in shelf.logs_of(1).items():
        assert pair.have(name) == RangeSet([(log.floor, log.head + 1)] if log.head >= log.floor else ())
        got = pair.bench.store.records(name, log.epoch, start=1, stop=2**53, limit=10**6)
        assert [(one.seq, one.author, one.time, one.body) for one in got if one.seq >= log.floor] == [
            (row.seq, row.author, row.time, row.body) for _, row in sorted(shelf.records[log.id].items())
        ]


def arrivals(pair: Pair) -> list[tuple[str, int]]:
    """Every record that the application was ever told."""
    told = [event for event in pair.bench.events if isinstance(event, Arrived)]
    return [(one.channel, one.seq) for event in told for one in event.records]


def primed(pair: Pair) -> list[bool]:
    """Of each request in full, whether it allowed pages made for what the device holds."""
    return [frame.context_bytes > 0 for frame in pair.frames() if isinstance(frame, SyncRequest)]


def first(pair: Pair, change: Callable[[bytes], bytes | None]) -> None:
    """Change the next payload for the device, or lose it; those after it pass."""
    changes = iter([change])

    def way(payload: bytes) -> bytes | None:
        return next(changes, bytes)(payload)

    pair.on_way_down = way


# Nothing wrong


def test_up_to_date_costs_11_bytes_up_and_3_down(pair: Pair, shelf: Shelf) -> None:
    for _ in range(3):
        assert pair.sync().records == 0
        assert ([len(one) for one in pair.up], [len(one) for one in pair.down]) == ([11], [3])
    whole(pair, shelf)


def test_what_is_new_comes_in_one_round_by_token(pair: Pair, shelf: Shelf) -> None:
    for _ in range(3):
        more(shelf, 20)
        report = pair.sync()
        assert (report.records, report.rounds, report.complete) == (20, 1, True)
        assert [len(one) for one in pair.up] == [11]
        assert len(pair.down[0]) < 250
    whole(pair, shelf)


def test_a_log_of_many_pages_comes_whole_and_once() -> None:
    shelf = Shelf({"room": ("ann",), "other": ("ann",)})
    for name in shelf.logs:
        shelf.fill(name, bodies(700, seed=len(name)), times=range(0, 700_000, 1_000))
    pair = paired(Engine(shelf), page_bytes=1_000)
    report = pair.sync()
    assert report.records == 1_400
    assert report.rounds > 5
    assert all(len(one) <= 1_000 for one in pair.down)
    assert [len(one) for one in pair.up[1:]] == [11] * (report.rounds - 1), "each page proves the one before"
    assert len(set(arrivals(pair))) == len(arrivals(pair)) == 1_400
    whole(pair, shelf)


def test_tokens_survive_a_restart(pair: Pair, shelf: Shelf) -> None:
    pair.bench.boot()
    pair.bench.connect()
    more(shelf)
    assert pair.sync().rounds == 1
    assert isinstance(pair.frames()[0], Resync)
    whole(pair, shelf)


def test_what_was_dropped_is_told_and_comes_again(pair: Pair, shelf: Shelf) -> None:
    pair.bench.do(pair.bench.machine.drop("room", RangeSet([(20, 30), (100, 101)])))
    report = pair.sync()
    assert (report.records, report.rounds) == (11, 1)
    (request,) = pair.frames()
    assert isinstance(request, Resync)
    assert [one.dropped for one in request.changes] == [RangeSet([(20, 30), (100, 101)])]
    whole(pair, shelf)


# The link


def test_a_lost_page_is_asked_for_again(pair: Pair, shelf: Shelf) -> None:
    more(shelf)
    first(pair, lambda _payload: None)
    report = pair.sync()
    assert (report.records, report.rounds) == (5, 2)
    assert [type(one) for one in pair.frames()] == [Resync, Resync]
    assert report.bytes_repeated == report.bytes_up // 2
    whole(pair, shelf)


def test_a_lost_request_is_put_again(pair: Pair, shelf: Shelf) -> None:
    more(shelf)
    lost = iter([None])
    pair.on_way_up = lambda payload: next(lost, payload)
    assert pair.sync().rounds == 2
    whole(pair, shelf)


def test_a_doubled_page_counts_once(pair: Pair, shelf: Shelf) -> None:
    more(shelf)
    pair.sync()
    strays = pair.bench.machine.strays
    assert not pair.deliver(pair.down[0])
    assert pair.bench.machine.strays == strays + 1
    pair.sync()
    assert ([len(one) for one in pair.up], [len(one) for one in pair.down]) == ([11], [3])
    assert len(set(arrivals(pair))) == len(arrivals(pair))
    whole(pair, shelf)


def test_the_page_of_an_earlier_try_counts(pair: Pair, shelf: Shelf) -> None:
    """It was made for what the request of that try stated, and the next one proves which page it was."""
    more(shelf)
    pair.bench.now += 10.0
    pair.bench.sync()
    (first,) = pair.carry()
    more(shelf)
    pair.bench.now += 20.0
    pair.bench.tick()
    (second,) = pair.carry()
    assert any(isinstance(event, SyncEnded) for event in pair.deliver(first))
    assert pair.have("room") == RangeSet([(1, 206)])
    assert not pair.deliver(second)
    report = pair.sync()
    assert (report.records, report.rounds) == (5, 1)
    assert [len(one) for one in pair.up] == [11]
    whole(pair, shelf)


def test_a_page_after_the_end_is_a_stray(pair: Pair, shelf: Shelf) -> None:
    more(shelf)
    number = pair.bench.sync()
    (late,) = pair.carry()
    pair.bench.do(pair.bench.machine.give_up(number, ProtocolError("enough")))
    assert not pair.deliver(late)
    assert pair.have("room") == RangeSet([(1, 201)])
    assert pair.sync().records == 5
    assert [len(one) for one in pair.up] == [11], "the service still knows what it was before"


def test_a_link_that_breaks_between_pages_costs_a_page_at_most() -> None:
    shelf = Shelf({"room": ("ann",)})
    shelf.fill("room", bodies(600), times=range(0, 600_000, 1_000))
    pair = paired(Engine(shelf), page_bytes=1_000)
    number = pair.bench.sync()
    for _ in range(3):
        (page,) = pair.carry()
        pair.deliver(page)
    pair.carry()
    pair.bench.do(pair.bench.machine.disconnected())
    pair.bench.connect()
    pair.run()
    assert pair.ended(number) is not None
    assert len(set(arrivals(pair))) == len(arrivals(pair)) == 600
    whole(pair, shelf)


# Tokens that are not known


def test_a_token_that_is_not_known_costs_a_round(pair: Pair, shelf: Shelf) -> None:
    shelf.tokens.clear()
    more(shelf)
    report = pair.sync()
    assert (report.records, report.rounds) == (5, 2)
    assert [type(one) for one in pair.frames()] == [Resync, SyncRequest]
    assert len(pair.down[0]) <= 8
    assert report.bytes_repeated == 0, "the second request is none"
    assert pair.sync().rounds == 1
    assert len(pair.up[0]) == 11
    whole(pair, shelf)


def test_a_token_that_is_not_known_to_several_tries_is_no_trouble(pair: Pair, shelf: Shelf) -> None:
    """On a slow link the answer to the second try comes when the device has long asked in full."""
    shelf.tokens.clear()
    pair.bench.now += 10.0
    number = pair.bench.sync()
    faults = pair.carry()
    pair.bench.now += 20.0
    pair.bench.tick()
    faults += pair.carry()
    pair.bench.events.clear()
    for fault in faults:
        pair.deliver(fault)
    pair.run()
    assert [type(event) for event in pair.bench.events] == [SyncEnded]
    assert pair.ended(number) is not None


def test_a_token_that_is_not_known_twice_is_an_error(pair: Pair) -> None:
    """A service that says so of a request without a token would be asked for ever."""
    pair.bench.sync()
    for _ in range(2):
        rid = pair.bench.asked().rid
        events = pair.bench.receive(Fault(code=Code.TOKEN, rid=rid))
    assert [event.error.code for event in events if isinstance(event, SyncEnded) and event.error] == ["token"]


def test_a_wiped_device_gets_everything(pair: Pair, shelf: Shelf) -> None:
    pair.bench.wipe()
    pair.bench.connect()
    assert pair.sync().records == 200
    whole(pair, shelf)


@pytest.mark.parametrize("syncs", [1, 2, 6])
def test_a_device_restored_from_a_backup_gets_what_the_backup_lacks(
    pair: Pair, shelf: Shelf, syncs: int
) -> None:
    """After one sync the account of the backup may still stand; after more it is not known."""
    backup = pair.bench.store.load(), _records(pair.bench.store)
    for _ in range(syncs):
        more(shelf)
        pair.sync()
    pair.bench.store = _restored(*backup)
    pair.bench.boot()
    pair.bench.connect()
    report = pair.sync()
    assert report.records == 5 * syncs
    assert report.rounds == (1 if syncs == 1 else 2)
    assert pair.sync().rounds == 1
    assert len(pair.up[0]) == 11
    whole(pair, shelf)


def _records(store: MemoryStore) -> list[Record]:
    return store.records("room", 7, start=1, stop=10**6, limit=10**6)


def _restored(snapshot: Snapshot, records: Sequence[Record]) -> MemoryStore:
    store = MemoryStore(random_bytes=lambda _size: snapshot.outbox_id)
    store.apply(
        Changes(
            records=tuple((7, one) for one in records),
            holdings=snapshot.holdings,
            next_n=snapshot.next_n,
            tokens=snapshot.tokens,
        )
    )
    return store


def test_two_clones_of_a_device_both_get_everything(shelf: Shelf) -> None:
    """They move the same token on by turns; each is known again by what it states."""
    engine = Engine(shelf)
    one = paired(engine)
    one.sync()
    other = paired(engine)
    other.bench.store = _restored(one.bench.store.load(), _records(one.bench.store))
    other.bench.boot()
    other.bench.connect()
    for _ in range(4):
        more(shelf)
        for each in (one, other):
            assert each.sync().records == 5
            whole(each, shelf)


# What changes while a request is under way


def test_live_pushes_while_a_request_is_under_way_come_once(pair: Pair, shelf: Shelf) -> None:
    more(shelf)
    pair.bench.sync()
    (page,) = pair.carry()
    pair.bench.receive(pushed(shelf, 203, 205))
    more(shelf)
    pair.bench.receive(pushed(shelf, 206, 207))
    pair.deliver(page)
    assert pair.have("room") == RangeSet([(1, 208)])
    report = pair.sync()
    assert (report.records, report.rounds) == (3, 1)
    (request,) = pair.frames()
    assert isinstance(request, Resync)
    assert [tuple(one) for one in request.grown] == [(0, 2)], "only what the page did not bring is told"
    assert len(set(arrivals(pair))) == len(arrivals(pair))
    whole(pair, shelf)


def pushed(shelf: Shelf, *seqs: int) -> Push:
    log = shelf.logs["room"]
    rows = [shelf.records[log.id][seq] for seq in seqs]
    records = tuple(
        WireRecord(
            seq=row.seq,
            author=row.author,
            time=row.time,
            sent=row.sent,
            kind=row.kind,
            content_type=row.content_type,
            body=row.body,
            size=len(row.body),
        )
        for row in rows
    )
    return Push(part=Part(channel="room", epoch=log.epoch, head=max(seqs), records=records))


def test_a_drop_of_what_the_page_was_made_with_costs_a_round(pair: Pair, shelf: Shelf) -> None:
    """The bodies are gone: the page can not be read, and is asked for once more without them."""
    more(shelf)
    number = pair.bench.sync()
    (page,) = pair.carry()
    pair.bench.do(pair.bench.machine.drop("room", RangeSet([(150, 201)])))
    pair.deliver(page)
    pair.run()
    over = pair.ended(number)
    assert over is not None
    assert over.report is not None
    assert over.report.records == 56, "a sync of everything brings the dropped ones too"
    whole(pair, shelf)


def test_a_drop_of_what_the_page_does_not_need_costs_nothing(shelf: Shelf) -> None:
    pair = paired(Engine(shelf))
    pair.sync("room", rule=Rule(newest=3))
    pair.bench.sync("room")
    (page,) = pair.carry()
    pair.bench.do(pair.bench.machine.drop("elsewhere", EVERYTHING))
    pair.deliver(page)
    pair.run()
    whole(pair, shelf)


def test_a_drop_of_what_the_page_brings_is_undone_by_it(pair: Pair, shelf: Shelf) -> None:
    more(shelf)
    pair.bench.sync()
    (page,) = pair.carry()
    pair.bench.do(pair.bench.machine.drop("room", RangeSet([(203, 205)])))
    pair.deliver(page)
    whole(pair, shelf)
    pair.sync()
    assert len(pair.up[0]) == 11


# Pages that do not come out


def damaged(payload: bytes) -> bytes:
    """One bit of the check."""
    frame, _ = wire.decode(payload)
    assert isinstance(frame, Page)
    assert frame.content is not None
    at = payload.index(frame.content.check)
    return payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]


def test_a_page_that_does_not_decode_is_asked_for_once_more_in_full_without_context(
    pair: Pair, shelf: Shelf
) -> None:
    more(shelf)
    before = len(arrivals(pair))
    first(pair, damaged)
    report = pair.sync()
    assert (report.records, report.rounds) == (5, 2)
    assert [type(one) for one in pair.frames()] == [Resync, SyncRequest]
    assert primed(pair) == [False]
    assert len(arrivals(pair)) == before + 5
    whole(pair, shelf)
    pair.on_way_down = lambda payload: payload
    more(shelf)
    assert pair.sync().records == 5
    assert primed(pair) == [True], "the next sync trusts the service again"
    whole(pair, shelf)


def test_every_page_that_does_not_decode_is_asked_for_in_full(pair: Pair, shelf: Shelf) -> None:
    """Not by the token that was given for the last such page."""
    for _ in range(2):
        more(shelf)
        first(pair, damaged)
        pair.sync()
        assert primed(pair)[-1:] == [False]
        assert isinstance(pair.frames()[-1], SyncRequest)
        whole(pair, shelf)
        pair.on_way_down = lambda payload: payload
        pair.sync()


def test_a_second_page_that_does_not_decode_ends_the_sync_by_name(pair: Pair, shelf: Shelf) -> None:
    more(shelf)
    pair.on_way_down = damaged
    with pytest.raises(ProtocolError, match="does not decode"):
        pair.sync()
    assert len(pair.up) == 2
    assert pair.have("room") == RangeSet([(1, 201)])
    pair.on_way_down = lambda payload: payload
    pair.sync()
    whole(pair, shelf)


def test_a_repair_whose_pages_do_not_decode_is_trouble(shelf: Shelf) -> None:
    pair = paired(Engine(shelf), live=True)
    pair.sync()
    more(shelf)
    pair.bench.receive(pushed(shelf, 203))
    pair.on_way_down = damaged
    pair.bench.events.clear()
    pair.wait()
    told = [event.error for event in pair.bench.events if isinstance(event, Trouble)]
    assert [type(error) for error in told] == [ProtocolError]
    assert pair.have("room") == RangeSet([(1, 201), (203, 204)])


@pytest.mark.parametrize("seed", range(20))
def test_a_page_with_any_bit_flipped_brings_no_wrong_record(pair: Pair, shelf: Shelf, seed: int) -> None:
    rng = Random(seed)
    more(shelf, 20)

    def flipped(payload: bytes) -> bytes:
        at = rng.randrange(3, len(payload))
        return payload[:at] + bytes([payload[at] ^ 1 << rng.randrange(8)]) + payload[at + 1 :]

    first(pair, flipped)
    pair.sync()
    pair.sync()
    whole(pair, shelf)


def test_a_page_in_answer_to_a_request_for_a_delta_is_a_stray(shelf: Shelf) -> None:
    """The sync must not vanish with it."""
    del shelf
    bench = Bench()
    bench.connect()
    number = bench.sync()
    assert not bench.receive(Page(rid=bench.request().rid))
    assert bench.machine.strays == 1
    (over,) = bench.receive(Delta(rid=bench.request().rid, more=False))
    assert isinstance(over, SyncEnded)
    assert over.job == number


def test_a_delta_in_answer_to_a_request_for_a_page_is_taken(pair: Pair, shelf: Shelf) -> None:
    more(shelf, 1)
    pair.bench.sync()
    part = pushed(shelf, 201).part
    events = pair.bench.receive(Delta(rid=pair.bench.asked().rid, more=False, parts=(part,)))
    assert [type(event) for event in events] == [Arrived, SyncEnded]
    pair.bench.sent.clear()
    assert pair.sync().records == 0
    whole(pair, shelf)


def test_a_token_that_was_not_asked_for_is_not_kept(shelf: Shelf) -> None:
    pair = paired(Engine(shelf))
    pair.bench.sync(wanted=True)
    request = pair.bench.request()
    pair.bench.sent.clear()
    pair.bench.receive(Page(rid=request.rid, token=b"\1\2\3\4"))
    kept = pair.bench.store.load().tokens
    assert [one.scope for one in kept if not one.scope] == []


# Channels


def test_channels_come_go_and_come_back(pair: Pair, shelf: Shelf) -> None:
    shelf.open("new", "ann")
    shelf.fill("new", bodies(5), times=range(5))
    assert (pair.sync().records, len(pair.up)) == (5, 1)
    whole(pair, shelf)
    shelf.members["new"] = ("bob",)
    more(shelf)
    report = pair.sync()
    assert (report.records, report.rounds, report.gone) == (5, 1, ("new",))
    shelf.members["new"] = ("ann",)
    more(shelf, channel="new")
    more(shelf)
    report = pair.sync()
    assert (report.records, report.rounds) == (10, 1), "what it had before it still has"
    assert pair.sync().rounds == 1
    assert ([len(one) for one in pair.up], [len(one) for one in pair.down]) == ([11], [3])
    whole(pair, shelf)


def test_a_log_that_begins_anew_under_a_token_comes_anew(pair: Pair, shelf: Shelf) -> None:
    shelf.begin("room", 99)
    assert pair.sync().records == 0
    assert pair.have("room") == EMPTY
    shelf.fill("room", bodies(7, seed=5), times=range(7))
    assert (pair.sync().records, [len(one) for one in pair.up]) == (7, [11])
    whole(pair, shelf)


def test_a_floor_that_rises_under_a_token_is_told_once(pair: Pair, shelf: Shelf) -> None:
    pair.bench.do(pair.bench.machine.drop("room", RangeSet([(1, 150)])))
    shelf.lift("room", 100)
    assert pair.sync().records == 50
    assert pair.bench.machine.holdings.by_channel["room"].floor == 100
    pair.sync()
    assert ([len(one) for one in pair.up], [len(one) for one in pair.down]) == ([11], [3])
    assert pair.have("room") == RangeSet([(100, 201)])


def test_named_channels_have_tokens_of_their_own(pair: Pair, shelf: Shelf) -> None:
    shelf.open("other", "ann")
    shelf.fill("other", bodies(5), times=range(5))
    assert pair.sync("other", "room").records == 5
    assert isinstance(pair.frames()[0], SyncRequest)
    more(shelf)
    more(shelf, channel="other")
    report = pair.sync("other", "room")
    assert (report.records, [len(one) for one in pair.up]) == (10, [11])
    report = pair.sync()
    assert (report.records, report.rounds) == (0, 1)
    assert isinstance(pair.frames()[0], Resync)
    whole(pair, shelf)


def test_a_named_channel_that_is_not_to_be_had_is_asked_for_anew_each_time(pair: Pair, shelf: Shelf) -> None:
    """A token that lacks it would hide it for ever."""
    shelf.open("theirs", "cem")
    for _ in range(2):
        more(shelf)
        report = pair.sync("room", "theirs")
        assert (report.records, report.gone) == (5, ("theirs",))
        assert isinstance(pair.frames()[0], SyncRequest)
    shelf.members["theirs"] = ("ann",)
    shelf.fill("theirs", bodies(3), times=range(3))
    assert pair.sync("room", "theirs").records == 3
    pair.sync("room", "theirs")
    assert len(pair.up[0]) == 11


def test_the_newest_of_a_new_device_and_then_the_rest_come_once() -> None:
    shelf = Shelf({"room": ("ann",), "other": ("ann",), "small": ("ann",)})
    shelf.fill("room", bodies(300), times=range(300))
    shelf.fill("other", bodies(40, seed=1), times=range(40))
    shelf.fill("small", bodies(3, seed=2), times=range(3))
    pair = paired(Engine(shelf))
    assert pair.sync(rule=Rule(newest=10)).records == 23
    assert pair.have("room") == RangeSet([(291, 301)])
    assert pair.bench.machine.holdings.by_channel["room"].wanted == RangeSet([(291, 301)])
    assert pair.sync(rule=Rule(newest=10)).records == 0
    assert ([len(one) for one in pair.up], [len(one) for one in pair.down]) == ([11], [3])
    assert pair.sync(wanted=True).records == 0, "the rest is no gap"
    assert pair.sync().records == 320
    assert len(set(arrivals(pair))) == len(arrivals(pair)) == 343
    whole(pair, shelf)


def test_own_messages_prime_the_next_page_too() -> None:
    """A receipt makes a record of what was sent: it must be what the service has, to the letter."""
    shelf = Shelf({"room": ("ann", "bob")})
    pair = paired(Engine(shelf))
    for n in range(20):
        pair.bench.write(b"%d: water at the pier" % n)
    pair.bench.tick()
    pair.run()
    log = shelf.logs["room"]
    assert log.head == 20
    shelf.fill(
        "room", [b"%d: water at the pier" % n for n in range(20, 40)], times=range(log.time, log.time + 20)
    )
    assert pair.sync().records == 20
    assert primed(pair) == [True]
    more(shelf)
    pair.sync()
    assert primed(pair) == []
    whole(pair, shelf)


@pytest.mark.parametrize("before", [True, False])
def test_whole_seconds_go_on_and_prime_what_follows(*, before: bool) -> None:
    """With a store that was filled so, and with one that was not: what primes is cut on both sides."""
    rng = Random(2)
    shelf = Shelf({"room": ("ann", "bob")})
    shelf.fill("room", bodies(300), times=sorted(rng.sample(range(10**6, 3 * 10**6), 300)))
    pair = paired(Engine(shelf), whole_seconds=before, live=True)
    pair.sync()
    pair.bench._tuning = Tuning(whole_seconds=not before)
    pair.bench.boot()
    pair.bench.connect()
    for _ in range(3):
        log = shelf.logs["room"]
        shelf.fill("room", bodies(5, seed=log.head), times=[log.time + 777 * n + 1 for n in range(5)])
        pair.sync()
        assert primed(pair) in ([], [True]), "by token, or the first in full"
        pair.bench.write(b"high water at the pier, low wind")
        pair.bench.tick()
        pair.run()
        pair.push()
    assert not [event for event in pair.bench.events if isinstance(event, Trouble)]
    assert pair.have("room") == RangeSet([(1, shelf.logs["room"].head + 1)])
    later = pair.bench.store.records("room", 7, start=305, stop=310, limit=9)
    assert all(not one.time % 1_000 for one in later[:1])


def test_a_context_between_two_sizes_counts_as_the_lower_on_both_sides(shelf: Shelf) -> None:
    for asked, allowed in ((5_000, 262_144), (262_144, 5_000), (2_000, 262_144), (262_144, 2_047)):
        bench = Bench(
            device="ann-phone", pages=True, codecs=offered(), context_bytes=asked, tuning=Tuning(live=False)
        )
        pair = Pair(bench, Engine(shelf, bounds=Bounds(context_bytes_max=allowed)))
        pair.sync()
        more(shelf, 20)
        assert pair.sync().rounds == 1
        assert primed(pair) == []
        whole(pair, shelf)


def test_a_busy_service_is_asked_again_by_the_same_token(pair: Pair, shelf: Shelf) -> None:
    more(shelf)
    number = pair.bench.sync()
    rid = pair.bench.asked().rid
    pair.carry()
    assert not pair.bench.receive(Fault(code=Code.BUSY, rid=rid))
    assert pair.ended(number) is None
    pair.up.clear()
    pair.wait()
    assert [len(one) for one in pair.up] == [11]
    assert pair.ended(number) is not None
    whole(pair, shelf)


def test_a_page_whose_records_were_pushed_meanwhile_is_no_stall() -> None:
    """One record fits a page, and each time it has just come as a push."""
    shelf = Shelf({"room": ("ann", "bob")})
    rng = Random(1)
    shelf.fill("room", [rng.randbytes(150) for _ in range(50)], times=range(1_000, 51_000, 1_000))
    pair = paired(Engine(shelf), live=True, page_bytes=256)
    pair.bench.now += 10
    job = pair.bench.sync()
    for _ in range(8):
        time = shelf.logs["room"].time + 1_000
        shelf.fill("room", [rng.randbytes(150)], times=[time])
        payloads = pair.carry()
        pair.bench.receive(pushed(shelf, shelf.logs["room"].head))
        for payload in payloads:
            pair.deliver(payload)
    while pair.ended(job) is None:
        pair.run()
    assert pair.ended(job).error is None
    whole(pair, shelf)


def test_new_channels_that_two_pages_tell_in_another_order_stay_apart() -> None:
    """Both answer tries of one request; the device takes the first, the service built on the second."""
    shelf = Shelf({"room": ("ann",)})
    pair = paired(Engine(shelf))
    rule = Rule(oldest_first=True)
    pair.sync(rule=rule)
    rng = Random(1)
    shelf.fill("room", [rng.randbytes(20_000) for _ in range(3)], times=[1_000, 2_000, 3_000])
    for name, time in (("x", 9_000), ("y", 8_000)):
        shelf.open(name, "ann")
        shelf.fill(name, [b"first"], times=[time])
    pair.bench.now += 10
    job = pair.bench.sync(rule=rule)
    (first_page,) = pair.carry()
    shelf.fill("y", [b"second"], times=[10_000])
    pair.bench.now = pair.bench.machine.due()
    pair.bench.tick()
    (second_page,) = pair.carry()
    pair.deliver(first_page)
    pair.deliver(second_page)
    pair.run()
    while pair.ended(job) is None:
        pair.wait()
    assert all(primed(pair))
    whole(pair, shelf)
