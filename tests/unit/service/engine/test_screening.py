"""What a packet asks, and who may ask."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulated.shelf import Shelf
from tidelog.codec.parcels import Ground, pack
from tidelog.codec.preset import Preset
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.enrolling import Action, Enrol
from tidelog.wire.errors import Code
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.frames import Message, Messages, Presence, Receipts, SyncRequest
from tidelog.wire.limits import VERSION
from tidelog.wire.page_frames import Resync
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.screening import Question, Refusal, screen

MESSAGE = Messages(outbox=b"\x01" * 4, messages=(Message(n=1, channel="room", body=b"hello"),))
REQUEST = SyncRequest(rid=5)


PRESET = Preset(text=b"hello\0", time=1_000, seqs=(1,), full=False)


def parcel(preset: Preset) -> Parcel:
    made = pack(MESSAGE, Ground(channel="room", preset=preset))
    assert made is not None
    return made


@pytest.fixture
def store() -> Shelf:
    return Shelf({"room": ("ann",)})


def packed(frame: Frame) -> bytes:
    return wire.encode(frame, Encoding.PACKED)


def question(topic: str, payload: bytes, store: Shelf) -> Question:
    screened = screen(Packet(topic, payload), store)
    assert isinstance(screened, Question)
    return screened


def refusal(topic: str, payload: bytes, store: Shelf) -> Refusal:
    screened = screen(Packet(topic, payload), store)
    assert isinstance(screened, Refusal)
    return screened


@pytest.mark.parametrize("encoding", list(Encoding))
def test_messages_and_requests_are_answered_as_they_were_asked(store: Shelf, encoding: Encoding) -> None:
    leave = Enrol(rid=5, action=Action.LEAVE, channel="room")
    for request in (REQUEST, Fetch(rid=5, dictionary=300), leave):
        asked = question("tl1/ann-phone/sync", wire.encode(request, encoding), store)
        assert (asked.frame, asked.encoding) == (request, encoding)
    asked = question("tl1/ann-phone/msg", wire.encode(MESSAGE, encoding), store)
    assert (asked.frame, asked.encoding) == (MESSAGE, encoding)
    assert (asked.terminal.user, asked.terminal.device) == ("ann", "ann-phone")


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("tl1/ann-phone/msg/room", Message(n=0, channel="room", body=b"{hi")),
        ("tl1/ann-phone/msg/a/b/c", Message(n=0, channel="a/b/c", body=b"{hi")),
        ("tl1/ann-phone/put/17/room", Message(n=17, channel="room", body=b"{hi")),
    ],
)
def test_a_plain_payload_is_the_body_and_is_answered_in_json(
    store: Shelf, topic: str, message: Message
) -> None:
    asked = question(topic, b"{hi", store)
    assert asked.frame == Messages(outbox=b"", messages=(message,))
    assert asked.encoding is Encoding.JSON


@pytest.mark.parametrize(
    ("payload", "presence"),
    [(b"1", Presence.LIVE), (b"2", Presence.QUIET), (b"0", Presence.OFFLINE), (b"", Presence.OFFLINE)],
)
def test_a_status_is_a_digit_and_a_cleared_one_is_offline(
    store: Shelf, payload: bytes, presence: Presence
) -> None:
    assert question("tl1/ann-phone/status", payload, store).frame is presence


@pytest.mark.parametrize("payload", [b"3", b"online", b"\xff", b"11"])
def test_another_status_is_malformed(store: Shelf, payload: bytes) -> None:
    assert refusal("tl1/ann-phone/status", payload, store).reason == "malformed"


def test_nobody_answers_a_stranger_or_a_revoked_device(store: Shelf) -> None:
    store.revoked.add("ann-tab")
    for device, reason in (("zoe-phone", "stranger"), ("ann-tab", "revoked")):
        for topic in ("sync", "msg", "status", "msg/room", "put/1/room"):
            refused = refusal(f"tl1/{device}/{topic}", packed(REQUEST), store)
            assert (refused.reason, refused.device, refused.fault) == (reason, "", None)
        assert refusal(f"tl1/{device}/nonsense", b"", store).fault is None


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("tl1/ann-phone/nonsense", Code.MALFORMED),
        ("tl1/ann-phone/put/0/room", Code.MALFORMED),
        ("tl1/ann-phone/put/x/room", Code.MALFORMED),
        ("tl1/ann-phone/put/5", Code.NO_CHANNEL),
        ("tl1/ann-phone/put", Code.MALFORMED),
        ("tl1/ann-phone/put/9999999999999999999/room", Code.MALFORMED),
        ("tl1/ann-phone/msg/a//b", Code.NO_CHANNEL),
        ("tl1/ann-phone/msg/a/b/c/d", Code.NO_CHANNEL),
    ],
)
def test_a_known_device_hears_what_is_wrong_with_its_topic(store: Shelf, topic: str, code: Code) -> None:
    refused = refusal(topic, b"hello", store)
    assert (refused.device, refused.encoding) == ("ann-phone", Encoding.JSON)
    assert refused.fault is not None
    assert refused.fault.code is code


@pytest.mark.parametrize(
    "topic", ["", "tl1", "tl1/", "tl1/Ann!/sync", "tl1/service/status", "other/ann-phone/sync", "a/b"]
)
def test_a_topic_that_names_no_device_is_counted_and_no_more(store: Shelf, topic: str) -> None:
    assert refusal(topic, b"", store) == Refusal(reason="topic")


def test_a_parcel_is_asked_as_the_messages_in_it(store: Shelf) -> None:
    store.fill("room", [b"hello"])
    asked = question("tl1/ann-phone/msg", packed(parcel(PRESET)), store)
    assert (asked.frame, asked.encoding) == (MESSAGE, Encoding.PACKED)


def test_a_parcel_after_other_records_gets_a_coded_answer(store: Shelf) -> None:
    refused = refusal("tl1/ann-phone/msg", packed(parcel(PRESET)), store)
    assert (refused.reason, refused.device, refused.encoding) == ("context", "ann-phone", Encoding.PACKED)
    assert refused.fault is not None
    assert (refused.fault.code, refused.fault.rid) == (Code.CONTEXT, 0)


def test_a_parcel_of_a_stranger_reads_no_record(store: Shelf) -> None:
    store.fill("room", [b"hello"])
    assert refusal("tl1/zoe-phone/msg", packed(parcel(PRESET)), store).fault is None
    assert store.reads == 0


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", Code.MALFORMED),
        (packed(REQUEST)[:-1] + b"\xff\xff", Code.MALFORMED),
        (b"\x23\x00", Code.MALFORMED),
        (bytes([7 << 5 | 2]) + packed(REQUEST)[1:], Code.VERSION),
        (b"\x22" + b"x" * 70_000, Code.LIMIT),
        (b"{" + b" " * 70_000 + b"}", Code.LIMIT),
        (b'{"type": "sync", "have": {"room": [[1, 2], [3', Code.MALFORMED),
        (packed(Receipts(outbox=b"", highest=0)), Code.UNSUPPORTED),
        (packed(MESSAGE), Code.UNSUPPORTED),
        (packed(Piece(rid=5, dictionary=300)), Code.UNSUPPORTED),
        (b"\x25abcd\x00\x01\x04room\x00", Code.UNSUPPORTED),
    ],
)
def test_a_payload_that_cannot_be_served_gets_a_coded_answer(
    store: Shelf, payload: bytes, code: Code
) -> None:
    refused = refusal("tl1/ann-phone/sync", payload, store)
    assert refused.fault is not None
    assert (refused.device, refused.fault.code, refused.reason) == ("ann-phone", code, code.word)
    assert refused.encoding is Encoding.of(payload)
    assert (refused.fault.version, refused.fault.rid) == (VERSION if code is Code.VERSION else 0, 0)
    assert wire.decode(wire.encode(refused.fault, refused.encoding))[0] == refused.fault


@pytest.mark.parametrize(
    "payload",
    [
        b"\x22\x82\x19\x02\xbc\x01",
        packed(Resync(rid=700, token=b"abcd", digest=5)) + b"\x81\x41\x05",
        packed(Resync(rid=700, token=b"abcd", digest=5))[:-3],
        b"\x24\x82\x19\x02\xbc\x20",
        b'{"type": "sync", "id": 700, "haev": {}}',
        b'{"type": "sink", "id": 700}',
    ],
)
def test_a_request_that_cannot_be_served_hears_so_by_its_id(store: Shelf, payload: bytes) -> None:
    """Else its device would wait, and ask the same again."""
    refused = refusal("tl1/ann-phone/sync", payload, store)
    assert refused.fault is not None
    assert refused.fault.rid == 700


def test_what_is_no_request_has_no_id(store: Shelf) -> None:
    refused = refusal("tl1/ann-phone/msg", packed(replace(REQUEST, rid=700)), store)
    assert refused.fault is not None
    assert refused.fault.rid == 0
