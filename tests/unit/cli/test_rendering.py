"""What packets say."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.codec.parcels import Ground, pack
from tidelog.codec.preset import Preset
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Fault, Message, Messages, SyncRequest
from tidelog.wire.payload import Encoding, encode
from tidelog.wire.ranges import RangeSet
from tidelog.wire.statements import Statement
from tidelog_cli.packets import Packet
from tidelog_cli.rendering import described, lines

SYNC = SyncRequest(rid=7, statements=(Statement(channel="room1", epoch=9, have=RangeSet([(1, 5)])),))


@pytest.mark.parametrize("encoding", Encoding)
def test_both_encodings_of_a_frame_say_the_same(encoding: Encoding) -> None:
    payload = encode(SYNC, encoding)
    assert described(Packet(payload=payload, topic="tl1/a1/sync")) == {
        "topic": "tl1/a1/sync",
        "bytes": len(payload),
        "encoding": encoding.value,
        "frame": {"type": "sync", "id": 7, "have": {"room1": {"epoch": 9, "ranges": [[1, 5]]}}},
    }


def test_a_topic_is_told_where_it_is_known() -> None:
    assert "topic" not in described(Packet(payload=encode(SYNC, Encoding.PACKED)))


@pytest.mark.parametrize(
    ("topic", "payload", "frame"),
    [
        ("tl1/a1/msg/room", b"{hi", {"type": "message", "channel": "room", "text": "{hi"}),
        ("tl1/a1/put/3/room", b"\xff", {"type": "message", "n": 3, "channel": "room", "body64": "/w=="}),
        ("tl1/a1/status", b"1", {"type": "status", "presence": "live"}),
        ("tl1/service/status", b'{"online":true}', {"type": "status", "online": True}),
    ],
)
def test_what_is_no_frame_is_told_by_its_topic(topic: str, payload: bytes, frame: object) -> None:
    told = described(Packet(topic=topic, payload=payload))
    assert (told["encoding"], told["frame"]) == ("plain", frame)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [("tl1/a1/status", b"9"), ("tl1/service/status", b"[]"), ("tl1/a1/huh", b""), ("tl1/", b""), ("", b"")],
)
def test_what_follows_no_rule_is_an_error_of_the_protocol(topic: str, payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        described(Packet(topic=topic, payload=payload))


@given(
    payload=st.binary(max_size=64),
    topic=st.sampled_from(["", "tl1/a/re", "tl1/a/msg/x", "tl1/service/status"]),
)
def test_any_payload_is_told_or_is_that_error(payload: bytes, topic: str) -> None:
    with suppress(ProtocolError):
        assert described(Packet(topic=topic, payload=payload))["bytes"] == len(payload)


def test_for_people_objects_are_indented_and_entries_of_lists_are_lines() -> None:
    batch = Messages(
        outbox=b"abcd",
        messages=(Message(n=1, channel="r", body=b"some text\x1b"), Message(n=2, channel="r", body=b"b")),
    )
    told = described(Packet(payload=encode(batch, Encoding.PACKED)))["frame"]
    assert list(lines(told)) == [
        "  type      messages",
        "  outbox    61626364",
        "  messages",
        "    n 1  channel r  text some text\\x1b",
        "    n 2  channel r  text b",
    ]
    assert list(lines({"have": {"r": {"ranges": [[1, 5]]}}})) == ["  have", "    r", "      ranges  [[1, 5]]"]


def parcel(on: Ground | None) -> Packet:
    batch = Messages(
        outbox=b"abcd",
        messages=(
            Message(n=1, channel="r", body=b"hi", sent=5_000),
            Message(n=2, channel="q", body=b"", kind=16),
        ),
    )
    made = pack(batch, on)
    assert made is not None
    return Packet(payload=encode(made, Encoding.PACKED), topic="tl1/a1/msg")


def test_a_parcel_that_builds_on_nothing_is_shown_whole() -> None:
    assert described(parcel(None))["frame"] == {
        "type": "parcel",
        "outbox": "61626364",
        "messages": [
            {"n": 1, "channel": "r", "sent": 5_000, "text": "hi"},
            {"n": 2, "channel": "q", "kind": 16, "text": ""},
        ],
    }


@pytest.mark.parametrize(("seqs", "holes"), [((5, 4), {}), ((5, 3), {"holes": [[4, 5]]})])
def test_a_parcel_that_builds_on_records_is_shown_without_bodies(
    seqs: tuple[int, int], holes: dict[str, object]
) -> None:
    on = Ground(channel="r", preset=Preset(text=b"hi\0", time=4_000, seqs=seqs, full=True))
    told = described(parcel(on))["frame"]
    check = told["context"].pop("check")
    assert len(bytes.fromhex(check)) == 4
    assert told == {
        "type": "parcel",
        "outbox": "61626364",
        "messages": [
            {"n": 1, "channel": "r", "sent_after_ms": 1_000},
            {"n": 2, "channel": "q", "kind": 16, "sent_after_ms": -4_000},
        ],
        "context": {"channel": "r", "last": 5} | holes,
        "deflated": told["deflated"],
    }
    assert list(lines(told))


def test_a_parcel_that_cannot_be_expanded_is_malformed() -> None:
    with pytest.raises(ProtocolError):
        described(Packet(payload=b"\x25abcd\x00\x01\x01r\x00\xff\xff", topic="tl1/a1/msg"))


def test_a_fault_has_its_hint() -> None:
    told = described(Packet(payload=encode(Fault(code=Code.LIMIT), Encoding.PACKED)))
    assert told["frame"]["hint"]
