"""The engine as a whole: packets in, replies out, alive whatever comes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.shelf import Shelf
from tidelog.codec.deflate import Deflate
from tidelog.codec.dictionaries import Dictionary
from tidelog.codec.parcels import Ground, pack
from tidelog.codec.preset import Preset
from tidelog.wire import payload as wire
from tidelog.wire import varint
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code, Unavailable
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.frames import Delta, Fault, Message, Messages, Push, Receipts, SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX
from tidelog.wire.mqttsize import delivery_bytes, publish_bytes
from tidelog.wire.parcels import Basis
from tidelog.wire.payload import Encoding
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import RangeSet
from tidelog.wire.statements import Statement
from tidelog_service.engine.accounts import Account
from tidelog_service.engine.core import Engine, internal_fault
from tidelog_service.engine.dictionaries import NoLibrary
from tidelog_service.engine.packets import Bounds, Kind, Packet, Reply
from tidelog_service.engine.ports import Stand

OUTBOX = b"\x01" * 4


class Eyes(list[Stand]):
    """A witness that remembers all it was told."""

    def saw(self, stands: Iterable[Stand]) -> None:
        self += stands


@pytest.fixture
def store() -> Shelf:
    return Shelf({"room": ("ann", "bob"), "theirs": ("cem",)})


@pytest.fixture
def engine(store: Shelf) -> Engine:
    return Engine(store)


def message(n: int, body: bytes = b"hello", *, device: str = "ann-phone", channel: str = "room") -> Packet:
    frame = Messages(outbox=OUTBOX, messages=(Message(n=n, channel=channel, body=body, sent=500),))
    return Packet(f"tl1/{device}/msg", wire.encode(frame, Encoding.PACKED))


def request(rid: int = 5, *, device: str = "ann-phone", live: bool = False) -> Packet:
    return Packet(f"tl1/{device}/sync", wire.encode(SyncRequest(rid=rid, live=live), Encoding.PACKED))


def read(replies: tuple[Reply, ...]) -> list[tuple[str, Frame]]:
    assert all(len(reply.payload) <= PACKET_BYTES_MAX for reply in replies)
    return [(reply.device, wire.decode(reply.payload)[0]) for reply in replies]


def test_messages_of_a_batch_are_stored_before_its_requests_are_answered(engine: Engine) -> None:
    replies = read(engine.handle([request(), message(1), message(1, device="bob-phone")], 9_000))
    assert [(device, type(frame)) for device, frame in replies] == [
        ("ann-phone", Receipts),
        ("bob-phone", Receipts),
        ("ann-phone", Delta),
    ]
    (delta,) = [frame for _, frame in replies if isinstance(frame, Delta)]
    assert len(delta.parts[0].records) == 2
    assert engine.tally == {"stored": 2, "duplicates": 0, "answered": 1, "sent": 2}


def test_a_status_gets_no_answer_but_pushes(engine: Engine) -> None:
    assert engine.handle([Packet("tl1/bob-phone/status", b"1"), message(1)], 9_000)
    assert engine.due_ms == 9_030
    ((device, pushed),) = read(engine.flush(9_030))
    assert isinstance(pushed, Push)
    assert device == "bob-phone"
    assert engine.due_ms is None
    assert engine.tally["pushed"] == 1


def test_a_live_request_brings_pushes_too(engine: Engine) -> None:
    engine.handle([request(device="bob-phone", live=True), message(1)], 9_000)
    assert [reply.device for reply in engine.flush(9_030)] == ["bob-phone"]


@pytest.mark.parametrize(
    ("asks", "form"),
    [(SyncRequest(rid=5, live=True), PrimedPush), (SyncRequest(rid=5, live=True, plain=True), Push)],
)
def test_a_live_request_says_whether_pushes_may_be_primed(
    engine: Engine, asks: SyncRequest, form: type[Frame]
) -> None:
    asked = wire.encode(asks, Encoding.PACKED)
    engine.handle([Packet("tl1/bob-phone/sync", asked), message(1, b"hello there")], 9_000)
    engine.flush(9_030)
    engine.handle([message(2, b"hello there")], 9_100)
    ((_, pushed),) = read(engine.flush(9_130))
    assert isinstance(pushed, form)


def test_a_request_that_wants_no_pushes_brings_none(engine: Engine) -> None:
    engine.handle([request(device="bob-phone"), message(1)], 9_000)
    assert not engine.flush(9_030)


def test_a_lease_of_a_script_ends(store: Shelf) -> None:
    engine = Engine(store, bounds=Bounds(lease_ms=1_000))
    asked = wire.encode(SyncRequest(rid=5, live=True), Encoding.JSON)
    engine.handle([Packet("tl1/bob-phone/sync", asked), message(1)], 9_000)
    assert engine.flush(9_999)
    engine.handle([message(2)], 9_999)
    assert not engine.flush(10_000)


def test_a_device_that_asks_too_often_is_told_to_wait(store: Shelf) -> None:
    engine = Engine(store, bounds=Bounds(requests_per_second=1, requests_burst=1))
    answered, refused = read(engine.handle([request(5), request(6)], 9_000))
    assert isinstance(answered[1], Delta)
    assert isinstance(refused[1], Fault)
    assert (refused[1].code, refused[1].rid) == (Code.BUSY, 6)
    assert engine.tally["refused_busy"] == 1
    assert isinstance(read(engine.handle([request(7)], 10_000))[0][1], Delta)


def test_a_device_that_fetches_a_dictionary_gets_a_piece_in_its_encoding(engine: Engine) -> None:
    for encoding in Encoding:
        asked = wire.encode(Fetch(rid=5, dictionary=300), encoding)
        (reply,) = engine.handle([Packet("tl1/ann-phone/sync", asked)], 9_000)
        assert reply.device == "ann-phone"
        assert wire.decode(reply.payload) == (Piece(rid=5, dictionary=300), encoding)
    assert engine.tally == {"lent": 2}


def test_fetches_have_the_rate_of_requests_and_a_store_that_fails_is_busy(store: Shelf) -> None:
    class Failing(NoLibrary):
        def dictionary(self, number: int) -> Dictionary | None:
            raise Unavailable(f"no {number}")

    engine = Engine(store, bounds=Bounds(requests_per_second=1, requests_burst=1), library=Failing())
    asked = Packet("tl1/ann-phone/sync", wire.encode(Fetch(rid=5, dictionary=300), Encoding.PACKED))
    faults = [frame for _, frame in read(engine.handle([asked, asked], 9_000))]
    assert [(frame.code, frame.rid) for frame in faults if isinstance(frame, Fault)] == [(Code.BUSY, 5)] * 2
    assert [frame.text for frame in faults if isinstance(frame, Fault)] == [
        "the store does not answer",
        "too many requests",
    ]


def test_the_operators_page_bounds_an_answer(store: Shelf) -> None:
    store.fill("room", [b"x" * 100] * 50)
    engine = Engine(store, bounds=Bounds(page_bytes=1_000))
    (reply,) = engine.handle([request()], 9_000)
    assert len(reply.payload) <= 1_000


def test_a_store_that_fails_on_messages_keeps_the_whole_batch_for_later(engine: Engine, store: Shelf) -> None:
    store.failing = True
    with pytest.raises(Unavailable):
        engine.handle([message(1), request()], 9_000)
    store.failing = False
    assert len(engine.handle([message(1), request()], 9_000)) == 2
    assert engine.tally["stored"] == 1


def test_a_store_that_fails_on_requests_only_does_not_bring_the_messages_again(store: Shelf) -> None:
    """They are on disk: handled again, plain ones would be there twice."""

    class Fails(Shelf):
        def rows(self, *_args: object, **_more: object) -> list[object]:  # type: ignore[override] # never returns
            raise Unavailable("the disk failed", code="store_failed")

    engine = Engine(Fails(store.members))
    stored, answered = read(engine.handle([Packet("tl1/ann-phone/msg/room", b"hi"), request()], 9_000))
    assert isinstance(stored[1], Receipts)
    assert isinstance(answered[1], Fault)
    assert (answered[1].code, answered[1].rid) == (Code.BUSY, 5)


def test_a_new_engine_on_the_same_store_knows_what_was_stored(engine: Engine, store: Shelf) -> None:
    before = engine.handle([message(1)], 9_000)
    assert Engine(store).handle([message(1)], 99_000) == before


@pytest.mark.parametrize(
    ("topic", "payload", "encoding"),
    [
        ("tl1/ann-phone/sync", b"\x22\x01", Encoding.PACKED),
        ("tl1/ann-phone/sync", b"{}", Encoding.JSON),
        ("tl1/ann-phone/msg/room", b"hello", Encoding.JSON),
    ],
)
def test_a_fault_of_our_own_is_told_in_the_encoding_of_the_packet(
    topic: str, payload: bytes, encoding: Encoding
) -> None:
    reply = internal_fault(Packet(topic, payload))
    assert reply is not None
    assert reply.device == "ann-phone"
    frame, written = wire.decode(reply.payload)
    assert isinstance(frame, Fault)
    assert (frame.code, written) == (Code.INTERNAL, encoding)


def test_a_fault_of_our_own_on_a_topic_of_nobody_is_told_to_nobody() -> None:
    assert internal_fault(Packet("nonsense", b"")) is None


def test_a_parcel_is_stored_once_however_it_comes(engine: Engine, store: Shelf) -> None:
    """Sent again plain after its receipt was lost, it is the same message."""
    store.fill("room", [b"is anybody at home?"])
    frame = Messages(
        outbox=OUTBOX, messages=(Message(n=1, channel="room", body=b"is anybody there?", sent=500),)
    )
    preset = Preset(text=b"is anybody at home?\0", time=1_000, seqs=(1,), full=False)
    parcels = [pack(frame, Ground(channel="room", preset=preset)), pack(frame, None)]
    ways = [wire.encode(way, Encoding.PACKED) for way in (*parcels, frame) if way]
    answers = {engine.handle([Packet("tl1/ann-phone/msg", payload)], 9_000) for payload in ways}
    assert len(answers) == 1
    assert (engine.tally["stored"], engine.tally["duplicates"]) == (1, 2)


def test_a_parcel_after_other_records_stores_nothing(engine: Engine, store: Shelf) -> None:
    frame = Messages(outbox=OUTBOX, messages=(Message(n=1, channel="room", body=b"hello"),))
    parcel = pack(
        frame, Ground(channel="room", preset=Preset(text=b"hello\0", time=1, seqs=(1,), full=False))
    )
    assert parcel is not None
    payload = wire.encode(parcel, Encoding.PACKED)
    ((_, fault),) = read(engine.handle([Packet("tl1/ann-phone/msg", payload)], 9_000))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.rid) == (Code.CONTEXT, 0)
    assert engine.tally == {"refused_context": 1}
    assert not store.records[1]


# Bad input


def _million_runs() -> bytes:
    """A request whose have-set has a million runs, as a hostile encoder would write it."""
    honest = wire.encode(
        SyncRequest(rid=5, statements=(Statement(channel="room", epoch=7, have=RangeSet([(1, 2), (3, 4)])),)),
        Encoding.PACKED,
    )
    return honest + varint.encode([1] * 1_000_000)


BAD = {
    "malformed": (b"\x22\xff\xff\xff", Code.MALFORMED),
    "unknown version": (b"\xe2\x80", Code.VERSION),
    "oversized": (b"\x22" * (PACKET_BYTES_MAX + 1), Code.LIMIT),
    "a million runs": (_million_runs(), Code.LIMIT),
    "a million runs in JSON": (
        b'{"type":"sync","id":5,"have":{"room":[' + b",".join([b"[1,2]"] * 200_000) + b"]}}",
        Code.LIMIT,
    ),
    "very many runs that fit": (
        b'{"type":"sync","id":5,"have":{"room":[' + b"[1,2]," * 10_000 + b"[1,2]]}}",
        None,
    ),
    "seqs beyond the head": (
        b'{"type":"sync","id":5,"have":{"room":[[5000000,9000000]]},"want":{"room":[[1,null]]}}',
        None,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_are_answered_with_a_code_and_the_engine_lives(engine: Engine, name: str) -> None:
    payload, code = BAD[name]
    engine.handle([message(1)], 9_000)
    ((device, frame),) = read(engine.handle([Packet("tl1/ann-phone/sync", payload)], 9_000))
    assert device == "ann-phone"
    if code is None:
        assert isinstance(frame, Delta)
        assert frame.rid == 5
    else:
        assert isinstance(frame, Fault)
        assert frame.code is code
        assert engine.tally[f"refused_{code.word}"] == 1
    assert isinstance(read(engine.handle([request()], 9_000))[0][1], Delta)


def test_a_bomb_is_answered_with_a_code(engine: Engine) -> None:
    bomb = Deflate().compress(bytes(30_000_000), b"")
    payload = b"\x25abcd\x00\x01\x04room\x00" + bomb
    ((_, fault),) = read(engine.handle([Packet("tl1/ann-phone/msg", payload)], 9_000))
    assert isinstance(fault, Fault)
    assert fault.code is Code.LIMIT


def test_one_bad_packet_does_not_hurt_the_others_of_its_batch(engine: Engine) -> None:
    replies = read(engine.handle([message(1), Packet("tl1/bob-phone/msg", b"\x21\xff"), message(2)], 9_000))
    assert [(device, type(frame)) for device, frame in replies] == [
        ("bob-phone", Fault),
        ("ann-phone", Receipts),
    ]
    assert engine.tally["stored"] == 2


def test_strangers_are_counted_and_get_nothing(engine: Engine, store: Shelf) -> None:
    store.revoked.add("bob-phone")
    packets = [message(1, device="zoe-phone"), request(device="bob-phone"), Packet("nonsense", b"")]
    assert engine.handle(packets, 9_000) == ()
    assert engine.tally == {"refused_stranger": 1, "refused_revoked": 1, "refused_topic": 1}


def accounted(engine: Engine) -> dict[tuple[str, Kind], Account]:
    """What was accounted since the last call, by device and kind."""
    return {(key.device, key.kind): account for key, account in engine.accounts.take(1_000)}


def test_each_packet_is_accounted_under_its_kind(engine: Engine) -> None:
    packets = [
        message(1),
        request(),
        Packet("tl1/ann-phone/sync", b"\xff"),
        Packet("tl1/bob-phone/status", b"1"),
    ]
    replies = {reply.kind: reply for reply in (*engine.handle(packets, 9_000), *engine.flush(9_030))}
    told = accounted(engine)
    assert set(told) == {
        *(("ann-phone", kind) for kind in (Kind.MESSAGES, Kind.REQUESTS, Kind.RECEIPTS, Kind.ANSWERS)),
        ("ann-phone", Kind.FAULTS),
        ("bob-phone", Kind.STATUS),
        ("bob-phone", Kind.PUSHES),
    }
    assert told["ann-phone", Kind.REQUESTS].packets == 2
    for kind, reply in replies.items():
        topic, plain = f"tl1/{reply.device}/re", delivery_bytes("tl1/ann-phone/re", 5, qos=1)
        size = publish_bytes(topic, len(reply.payload), qos=0)
        expected = plain if kind in (Kind.ANSWERS, Kind.PUSHES) else 0
        assert told[reply.device, kind] == Account(packets=1, bytes_down=size, bytes_plain=expected)


def test_a_batch_that_is_handled_again_is_accounted_once(engine: Engine, store: Shelf) -> None:
    store.failing = True
    with pytest.raises(Unavailable):
        engine.handle([message(1)], 9_000)
    store.failing = False
    engine.handle([message(1)], 9_000)
    assert accounted(engine)["ann-phone", Kind.MESSAGES].packets == 1


def test_strangers_and_the_revoked_have_no_account(engine: Engine, store: Shelf) -> None:
    store.revoked.add("bob-phone")
    packets = [message(1, device="zoe-phone"), request(device="bob-phone"), Packet("nonsense", b"")]
    engine.handle(packets, 9_000)
    assert not engine.accounts


@given(st.integers(0, 2**32))
def test_whatever_arrives_the_engine_lives(seed: int) -> None:
    """Good packets, cut and bent ones, on any topic: answers that can be read, and numbers stay dense."""
    rng = Random(seed)
    store = Shelf({"room": ("ann", "bob"), "theirs": ("cem",)})
    engine = Engine(store)
    for now_ms in range(0, 1_000, 100):
        replies = engine.handle([_any_packet(rng) for _ in range(rng.randrange(1, 6))], now_ms)
        for device, frame in read((*replies, *engine.flush(now_ms))):
            channels = {part.channel for part in frame.parts} if isinstance(frame, Delta) else set()
            assert device.startswith("cem") or "theirs" not in channels
    for log in store.logs.values():
        assert sorted(store.records[log.id]) == list(range(1, log.head + 1))


def _any_parcel(rng: Random, n: int) -> bytes:
    channel = rng.choice(["room", "theirs"])
    basis = Basis(channel=channel, last=rng.randrange(1, 9), check=b"crc!")
    frame = Messages(outbox=OUTBOX, messages=(Message(n=n, channel="room", body=b"a", sent=500),))
    parcel = pack(frame, None)
    assert parcel is not None
    based = replace(parcel, basis=basis)
    return wire.encode(rng.choice([parcel, based]), Encoding.PACKED)


def _any_packet(rng: Random) -> Packet:
    device = rng.choice(["ann-phone", "bob-phone", "cem-phone", "zoe-phone"])
    n = rng.choice([1, 2, 3, 70_000, 2**52])
    made = rng.choice(
        [
            message(n, rng.choice([b"a", b"b"]), device=device, channel=rng.choice(["room", "theirs"])),
            request(rng.randrange(65_536), device=device, live=rng.random() < 0.5),
            Packet(f"tl1/{device}/put/{n}/room", rng.randbytes(3)),
            Packet(f"tl1/{device}/msg", _any_parcel(rng, n)),
            Packet(f"tl1/{device}/msg/theirs", rng.randbytes(3)),
            Packet(f"tl1/{device}/status", rng.choice([b"0", b"1", b"2", b"9"])),
        ]
    )
    if rng.random() < 0.3:
        payload = bytearray(made.payload)
        payload[rng.randrange(len(payload))] = rng.randrange(256)
        return made._replace(payload=bytes(payload[: rng.randrange(len(payload) + 1)]))
    return made


def test_a_witness_is_told_how_far_logs_have_come_once_that_is_on_disk(store: Shelf) -> None:
    eyes = Eyes()
    engine = Engine(store, witness=eyes)
    engine.handle([message(1), message(2), message(1), message(3, channel="theirs")], 1_000)
    assert eyes == [Stand(1, 7, 2)]
    engine.handle([message(1), request()], 1_000)
    store.failing = True
    with pytest.raises(Unavailable):
        engine.handle([message(4)], 1_000)
    store.failing = False
    engine.handle([message(4), message(1, device="cem-phone", channel="theirs")], 1_000)
    assert eyes == [Stand(1, 7, 2), Stand(1, 7, 3), Stand(2, 7, 1)]
