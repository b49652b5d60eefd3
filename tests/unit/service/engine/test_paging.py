"""Requests for pages through the engine: sizes, tokens, faults, several at once, and peers that lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from simulated.bench import Bench
from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.codec import offered
from tidelog.codec.press import Pressed, PressJob
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code, Unavailable
from tidelog.wire.frames import Fault, SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX, ROOM_BYTES_MIN, SEQ_STOP, STATEMENTS_MAX
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Change, Growth, Standing, Standings
from tidelog.wire.statements import Statement
from tidelog_service.engine.core import Engine
from tidelog_service.engine.insight import Claim
from tidelog_service.engine.packets import Bounds, Packet
from tidelog_service.engine.ports import KeptToken
from tidelog_service.engine.press import InProcessPress
from tidelog_service.engine.tokens import load_kept

ASKED = SyncRequest(rid=5, pages=True, keep=True, codecs=offered(), context_bytes=65_536)


class Calls(Shelf):
    """Counts what is written."""

    kept: int = 0
    forgetful: bool = False

    def keep_tokens(self, kept: Sequence[KeptToken], now_ms: int) -> None:
        self.kept += 1
        if self.forgetful:
            raise Unavailable("the disk failed", code="store_failed")
        super().keep_tokens(kept, now_ms)


class Noting(InProcessPress):
    """Notes what it is asked to do."""

    def __init__(self) -> None:
        self.jobs: list[list[PressJob]] = []

    def press(self, jobs: Sequence[PressJob]) -> list[Pressed]:
        self.jobs.append(list(jobs))
        return super().press(jobs)


@pytest.fixture
def store() -> Calls:
    made = Calls({"room": ("ann", "bob"), "theirs": ("cem",)})
    made.fill("room", words(200), times=range(1_000, 201_000, 1_000))
    return made


@pytest.fixture
def engine(store: Calls) -> Engine:
    return Engine(store)


def words(count: int, *, seed: int = 0) -> list[bytes]:
    rng = Random(seed)
    return [b" ".join(rng.choice([b"tide", b"low", b"at", b"noon"]) for _ in range(9)) for _ in range(count)]


def packet(frame: Frame, device: str = "ann-phone") -> Packet:
    return Packet(f"tl1/{device}/sync", wire.encode(frame, Encoding.PACKED))


def answered(engine: Engine, *frames: Frame, device: str = "ann-phone", now_ms: int = 9_000) -> list[Frame]:
    replies = engine.handle([packet(frame, device) for frame in frames], now_ms)
    assert all(len(reply.payload) <= PACKET_BYTES_MAX for reply in replies)
    return [wire.decode(reply.payload)[0] for reply in replies]


def paged(engine: Engine, frame: Frame, device: str = "ann-phone") -> Page:
    (page,) = answered(engine, frame, device=device)
    assert isinstance(page, Page)
    return page


def refused(engine: Engine, frame: Frame, device: str = "ann-phone") -> Fault:
    (fault,) = answered(engine, frame, device=device)
    assert isinstance(fault, Fault)
    return fault


def tokened(engine: Engine, device: str = "ann-phone") -> Resync:
    """A request by a token that was just given to a device that has the room."""
    statement = Statement(channel="room", epoch=7, have=RangeSet([(1, 201)]))
    token = paged(engine, replace(ASKED, statements=(statement,)), device).token
    digest = Standings([Standing("room", 7, RangeSet([(1, 201)]))]).digest
    return Resync(rid=6, token=token, digest=digest)


# Sizes


@pytest.mark.parametrize("codecs", [(), (1,), offered()])
@pytest.mark.parametrize("size", [256, 300, 1_000, 16_384, 61_440])
def test_a_page_is_no_larger_than_was_asked_for(store: Calls, size: int, codecs: tuple[int, ...]) -> None:
    store.fill("room", words(2_000), times=range(10**6, 10**6 + 2_000))
    engine = Engine(store)
    for rid in range(1, 4):  # the experience of the first ones changes the next
        (reply,) = engine.handle([packet(replace(ASKED, rid=rid, page_bytes=size, codecs=codecs))], 9_000)
        assert len(reply.payload) <= size
        page, _ = wire.decode(reply.payload)
        assert isinstance(page, Page)
        if size <= 1_000:
            assert page.more
            assert len(reply.payload) > size // 2


@pytest.mark.parametrize("body", [Random(1).randbytes(32_768), bytes(32_768), bytes(range(2)) * 16_384])
@pytest.mark.parametrize("codecs", [(), (1,), offered()])
def test_a_record_that_is_larger_than_a_page_comes_alone(
    store: Calls, body: bytes, codecs: tuple[int, ...]
) -> None:
    """Else it would never come; and even one of zeros alone fits a packet, whatever the device can read."""
    store.fill("room", [body, b"after it"], times=[300_000, 300_001])
    statement = Statement(channel="room", epoch=7, have=RangeSet([(1, 201), (202, 203)]))
    page = paged(Engine(store), replace(ASKED, statements=(statement,), page_bytes=256, codecs=codecs))
    assert page.content is not None
    assert not page.more


@pytest.mark.parametrize("room", [ROOM_BYTES_MIN, 40, 60, 100, 300, 5_000])
def test_a_room_is_never_exceeded_not_even_by_one_record(store: Calls, room: int) -> None:
    store.fill("room", [Random(1).randbytes(6_000)], times=[300_000])
    (reply,) = Engine(store).handle([packet(replace(ASKED, room=room))], 9_000)
    assert len(reply.payload) <= room
    page, _ = wire.decode(reply.payload)
    assert isinstance(page, Page)
    assert page.more
    assert page.content is None


def test_the_operators_page_and_context_bound_an_answer(store: Calls) -> None:
    engine = Engine(store, bounds=Bounds(page_bytes=500, context_bytes_max=0))
    (reply,) = engine.handle([packet(ASKED)], 9_000)
    assert len(reply.payload) <= 500
    page, _ = wire.decode(reply.payload)
    assert isinstance(page, Page)
    assert page.content is not None
    assert page.content.model.context_bytes == 0


# Tokens


def test_a_token_is_given_where_it_is_asked_for(engine: Engine, store: Calls) -> None:
    assert paged(engine, replace(ASKED, keep=False)).token == b""
    assert not store.tokens
    token = paged(engine, ASKED).token
    assert list(store.tokens) == [("ann-phone", token)]


def test_up_to_date_is_3_bytes_and_nothing_is_written(engine: Engine, store: Calls) -> None:
    request = tokened(engine)
    store.read.clear()
    store.kept = 0
    (reply,) = engine.handle([packet(request)], 9_000)
    assert len(reply.payload) == 3
    assert (store.kept, store.read) == (0, [])


def test_a_token_is_known_to_its_device_only(engine: Engine) -> None:
    request = tokened(engine)
    assert refused(engine, request, "bob-phone").code is Code.TOKEN
    assert refused(engine, request, "ann-tab").code is Code.TOKEN
    assert refused(engine, replace(request, token=b"\0" * 4)).code is Code.TOKEN
    fault = refused(engine, replace(request, digest=request.digest ^ 1))
    assert (fault.code, fault.rid, fault.text) == (Code.TOKEN, 6, "")
    assert paged(engine, request).rid == 6


def test_a_device_of_a_user_who_left_gets_nothing_of_the_room(engine: Engine, store: Calls) -> None:
    """Whatever the token stood for: membership is looked at when reading."""
    request = tokened(engine)
    store.members["room"] = ("bob",)
    store.fill("room", [b"secret"])
    page = paged(engine, request)
    assert (page.gone, page.content) == (("room",), None)


def test_what_was_sent_is_not_taken_for_received(engine: Engine, store: Calls) -> None:
    request = tokened(engine)
    store.fill("room", words(5, seed=1), times=range(300_000, 300_005))
    first = paged(engine, request)
    assert first.content is not None
    again = paged(engine, replace(request, rid=7))
    assert again.content == first.content
    arrived = Standings([Standing("room", 7, RangeSet([(1, 206)]))])
    assert paged(engine, replace(request, rid=8, digest=arrived.digest)).content is None


def test_the_two_tries_of_a_batch_are_both_remembered(engine: Engine, store: Calls) -> None:
    """A device asks again while its first packet waits; either page may be the one that arrives."""
    request = tokened(engine)
    store.fill("room", words(5, seed=1), times=range(300_000, 300_005))
    store.kept = 0
    grown = replace(request, rid=7, changes=(Change(0, RangeSet(), RangeSet([(1, 3)])),), room=60)
    answered(engine, request, grown)
    assert store.kept == 1
    for account in (RangeSet([(1, 201)]), RangeSet([(1, 206)])):
        digest = Standings([Standing("room", 7, account)]).digest
        assert isinstance(paged(engine, replace(request, rid=9, digest=digest)), Page)
    pending = store.tokens["ann-phone", request.token]
    answered(engine, request, request)
    assert len(store.tokens["ann-phone", request.token]) <= len(pending), "the same page counts once"


def test_that_a_page_arrived_is_written_once(engine: Engine, store: Calls) -> None:
    """`tidelog why` reads it. Whoever asks again and again costs no write, and may be set back a page."""
    request = tokened(engine)
    store.fill("room", words(5, seed=1), times=range(300_000, 300_005))
    paged(engine, request)
    arrived = Standings([Standing("room", 7, RangeSet([(1, 206)]))])
    store.kept = 0
    for rid in (7, 8, 9):
        assert paged(engine, replace(request, rid=rid, digest=arrived.digest)).content is None
    assert store.kept == 1
    kept = load_kept(store.tokens["ann-phone", request.token])
    claim = Claim(kept, 0)
    assert (claim.proven.digest, claim.latest.digest) == (arrived.digest, arrived.digest)
    assert kept.base.digest == request.digest
    assert paged(engine, replace(request, rid=10)).content is not None
    store.fill("room", words(1, seed=2), times=[300_006])
    paged(engine, replace(request, rid=11, digest=arrived.digest))
    assert Claim(load_kept(store.tokens["ann-phone", request.token]), 0).proven.digest == arrived.digest


def test_a_store_that_fails_to_keep_a_token_costs_bytes_only(engine: Engine, store: Calls) -> None:
    store.forgetful = True
    page = paged(engine, ASKED)
    assert page.content is not None
    assert engine.tally["tokens_lost"] == 1
    assert refused(engine, Resync(rid=7, token=page.token, digest=1)).code is Code.TOKEN


def test_a_store_that_fails_to_read_is_told_as_busy(engine: Engine, store: Calls) -> None:
    request = tokened(engine)
    store.failing = True
    faults = answered(engine, ASKED, request)
    assert [fault.code for fault in faults if isinstance(fault, Fault)] == [Code.BUSY] * 2
    store.failing = False
    assert isinstance(paged(engine, request), Page)


def test_an_account_that_is_too_large_gets_no_token(engine: Engine, store: Calls) -> None:
    store.open("x", "ann")
    have = RangeSet.of(range(1, 30_000, 2))
    statements = tuple(Statement(channel=name, epoch=7, have=have) for name in ("room", "x"))
    page = paged(engine, replace(ASKED, statements=statements))
    assert page.token == b"", "30,000 runs"
    assert not store.tokens
    page = paged(engine, replace(ASKED, statements=statements[:1]))
    assert page.token


# A batch


def test_requests_of_a_batch_are_pressed_together_and_answered_each(store: Calls) -> None:
    press = Noting()
    engine = Engine(store, press=press)
    frames = answered(engine, ASKED, replace(ASKED, rid=6, newest=3), Resync(rid=7, token=b"none", digest=1))
    assert {(type(frame), frame.rid) for frame in frames if isinstance(frame, Page | Fault)} == {
        (Page, 5),
        (Page, 6),
        (Fault, 7),
    }
    assert [len(jobs) for jobs in press.jobs] == [2]
    assert engine.tally["answered"] == 2
    assert engine.tally["sent"] == 203
    assert engine.tally["refused_token"] == 1


def test_nothing_is_pressed_where_nothing_is_missing(store: Calls) -> None:
    press = Noting()
    engine = Engine(store, press=press)
    answered(engine, tokened(engine))
    assert press.jobs == []


def test_two_batches_of_the_same_requests_get_the_same_pages(store: Calls) -> None:
    assert answered(Engine(store), ASKED) == answered(Engine(store), ASKED)


def test_who_asks_too_often_waits_by_token_or_in_full(store: Calls) -> None:
    engine = Engine(store, bounds=Bounds(requests_per_second=1, requests_burst=2))
    request = tokened(engine)
    assert paged(engine, request)
    assert refused(engine, request).code is Code.BUSY
    fault = refused(engine, replace(request, room=40))
    assert (fault.code, fault.text) == (Code.BUSY, ""), "there is no room for words"


def test_a_request_by_token_wants_pushes_as_the_one_in_full_did(store: Calls) -> None:
    engine = Engine(store)
    token = paged(engine, replace(ASKED, live=True)).token
    engine = Engine(store)  # a restart
    digest = Standings([Standing("room", 7, RangeSet([(1, 201)]))]).digest
    assert paged(engine, Resync(rid=7, token=token, digest=digest))
    engine.handle([Packet("tl1/bob-phone/msg/room", b"hello")], 10_000)
    assert engine.due_ms is not None
    assert [reply.device for reply in engine.flush(engine.due_ms) if reply.device == "ann-phone"]


# Peers that lie


@pytest.mark.parametrize(
    "lie",
    [
        {"grown": (Growth(1, 1),)},
        {"grown": (Growth(0, SEQ_STOP - 1),)},
        {"grown": (Growth(0, SEQ_STOP - 201),)},
        {"changes": (Change(7, RangeSet([(1, 2)]), RangeSet()),)},
        {"changes": (Change(STATEMENTS_MAX - 1, RangeSet(), RangeSet([(1, 2)])),)},
    ],
)
def test_a_right_digest_with_changes_out_of_place_is_a_fault(
    engine: Engine, store: Calls, lie: dict[str, object]
) -> None:
    request = tokened(engine)
    before = dict(store.tokens)
    fault = refused(engine, replace(request, **lie))  # type: ignore[arg-type]  # each fits its field
    assert fault.code in (Code.MALFORMED, Code.LIMIT)
    assert fault.rid == request.rid
    assert store.tokens == before
    assert isinstance(paged(engine, request), Page), "and the token stands"


def test_a_device_that_says_it_has_almost_everything_is_up_to_date(engine: Engine, store: Calls) -> None:
    request = tokened(engine)
    store.read.clear()
    page = paged(engine, replace(request, grown=(Growth(0, SEQ_STOP - 202),)))
    assert (page.content, page.more, store.read) == (None, False, [])
    store.open("new", "ann")
    store.fill("new", words(3), times=range(3))
    assert paged(engine, replace(request, grown=(Growth(0, SEQ_STOP - 202),))).content is not None
    assert len(store.read) < 500


def test_a_request_that_states_as_many_channels_as_may_be_is_served(store: Calls) -> None:
    """None of them exists: they are told as gone, as far as there is room, and it goes on."""
    engine = Engine(store)
    request = tokened(engine)
    statements = tuple(Statement(channel=f"x{n}", epoch=1) for n in range(STATEMENTS_MAX))
    page = paged(engine, replace(request, statements=statements))
    assert page.more
    assert 100 < len(page.gone) < STATEMENTS_MAX
    named = replace(ASKED, everywhere=False, statements=statements[:-1])
    (reply,) = Engine(store).handle([packet(named)], 9_000)
    assert len(reply.payload) <= ASKED.page_bytes


def test_a_device_that_asks_as_fast_as_it_may_fills_no_memory(store: Calls) -> None:
    """One experience, and of its own making no more than what a token may stand for."""
    engine = Engine(store)
    request = tokened(engine)
    for n in range(300):
        answered(engine, replace(request, rid=n + 1, grown=(Growth(0, n + 1),)))
    assert len(engine._answering._paging._experiences) == 1
    assert len(store.tokens) == 1
    assert max(map(len, store.tokens.values())) < 300


@pytest.mark.parametrize("size", [0, 2_000])
def test_a_context_that_walks_past_much_costs_more_than_others(size: int) -> None:
    """Bodies that are empty or large prime nothing: a device could keep the service busy with 26 bytes."""
    store = Shelf({"room": ("ann",)})
    store.fill("room", [b"x" * size] * 20_000, times=range(1_000, 21_000))
    engine = Engine(store, bounds=Bounds(requests_per_second=200, requests_burst=100))
    statement = Statement(channel="room", epoch=7, have=RangeSet([(1, 10_000), (10_001, 20_001)]))
    asked = replace(ASKED, statements=(statement,), context_bytes=262_144, keep=False)
    found = [type(frame) for _ in range(16) for frame in answered(engine, asked, now_ms=10**6)]
    assert 2 <= found.count(Page) <= 5
    assert found.count(Fault) == 16 - found.count(Page)
    (later,) = answered(engine, asked, now_ms=10**6 + 1_000)
    assert isinstance(later, Page)


def test_an_ordinary_page_costs_as_much_as_a_request(engine: Engine) -> None:
    paged(engine, ASKED)
    tokens, _ = engine._answering._rates._buckets["ann-phone"]
    assert tokens == engine._answering._rates._burst - 1


def test_a_large_account_costs_more_than_a_small_one(store: Calls) -> None:
    """It is read for each request, and written again: a device could keep the service busy with 11 bytes."""
    bounds = Bounds(requests_per_second=1, requests_burst=100)
    engine = Engine(store, bounds=bounds)
    have = RangeSet([(1, 201)]) | RangeSet.of(range(202, 30_000, 2))
    statement = Statement(channel="room", epoch=7, have=have)
    token = paged(engine, replace(ASKED, statements=(statement,))).token
    digest = Standings([Standing("room", 7, have)]).digest
    request = Resync(rid=9, token=token, digest=digest)
    found = [type(frame) for n in range(100) for frame in answered(engine, request, now_ms=1_000_000 + n)]
    assert 3 <= found.count(Page) <= 8


def test_a_record_that_leaves_no_room_for_a_full_header_comes_after_it() -> None:
    names = {f"room{n:060d}": ("ann",) for n in range(400)}
    store = Shelf({"big": ("ann",), **names})
    rng = Random(1)
    text = bytes(rng.choice(range(2, 256)) for _ in range(4_700))
    store.fill("big", [bytes(rng.choice((0, 1)) for _ in range(28_000)) + text], times=[10**9])
    device = Pair(Bench(tuning=Tuning(live=False), device="ann-phone", pages=True, codecs=()), Engine(store))
    device.sync()
    assert max(map(len, device.down)) <= PACKET_BYTES_MAX
    assert device.have("big") == RangeSet([(1, 2)])
    assert len(device.bench.machine.holdings.by_channel) == 401


def test_a_token_that_is_damaged_in_the_store_is_not_known() -> None:
    store = Shelf({"room": ("ann",)})
    store.fill("room", [b"low"], times=[1_000])
    device = paired(Engine(store))
    device.sync()
    for key in store.tokens:
        store.tokens[key] = b"\x00junk"
    store.fill("room", [b"high"], times=[2_000])
    assert device.sync().records == 1
    assert [type(frame) for frame in device.frames()] == [Resync, SyncRequest]
