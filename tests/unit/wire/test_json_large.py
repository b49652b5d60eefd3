from __future__ import annotations

import json

import pytest

from tidelog.wire import jsonform
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import KIND_STUB, Message, Messages
from tidelog.wire.large import Ask, Chunk, Portion, Upload
from tidelog.wire.stubs import Stub, stub_body

DIGEST = bytes(range(32))


def read(**fields: object) -> Frame:
    return jsonform.decode(json.dumps(fields).encode())


def test_a_stub_tells_size_and_digest_and_has_its_beginning_where_bodies_are() -> None:
    stub = Stub(kind=16, size=40_000, digest=DIGEST, first=b"once")
    message = Message(n=0, channel="room1", kind=KIND_STUB, body=stub_body(stub))
    frame = Messages(outbox=b"", messages=(message,))
    told = json.loads(jsonform.encode(frame))
    assert told == {
        "type": "message",
        "channel": "room1",
        "kind": 3,
        "of_kind": 16,
        "size": 40_000,
        "digest": DIGEST.hex(),
        "text": "once",
    }
    assert read(**told) == frame


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"digest": "ab", "size": 40_000}, "digest"),
        ({"digest": DIGEST.hex(), "text": "a"}, "size"),
        ({"digest": DIGEST.hex(), "size": 40_000}, "body"),
        ({"digest": DIGEST.hex(), "size": 4, "text": "a"}, "inline"),
        ({"digest": DIGEST.hex(), "size": 40_000, "text": "a", "of_kind": 3}, "kind"),
    ],
)
def test_a_stub_that_is_none_is_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ProtocolError, match=named):
        read(type="message", channel="room1", kind=3, **wrong)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (
            Ask(rid=5, channel="room1", epoch=7, seq=9, offset=99, page_bytes=999),
            {
                "type": "ask",
                "id": 5,
                "channel": "room1",
                "epoch": 7,
                "seq": 9,
                "offset": 99,
                "page_bytes": 999,
            },
        ),
        (
            Chunk(rid=5, digest=DIGEST, size=1_026, offset=1_024, data=b"\xff\x00"),
            {
                "type": "chunk",
                "id": 5,
                "digest": DIGEST.hex(),
                "size": 1_026,
                "offset": 1_024,
                "data64": "/wA=",
            },
        ),
        (Portion(rid=5, size=2, data=b"\xff\x00"), {"type": "portion", "id": 5, "size": 2, "data64": "/wA="}),
        (Upload(rid=5, offset=1_024), {"type": "upload", "id": 5, "offset": 1_024}),
    ],
)
def test_a_frame_says_the_same_in_json(frame: Frame, told: dict[str, object]) -> None:
    assert json.loads(jsonform.encode(frame)) == told
    assert read(**told) == frame


@pytest.mark.parametrize("kind", ["ask", "chunk", "portion", "upload"])
def test_a_field_that_is_not_known_is_named(kind: str) -> None:
    told = {"channel": "a", "epoch": 1, "seq": 1} if kind == "ask" else {}
    told |= {"size": 0} if kind in ("chunk", "portion") else {}
    told |= {"digest": DIGEST.hex()} if kind == "chunk" else {}
    with pytest.raises(ProtocolError, match="ofset"):
        read(type=kind, id=5, ofset=9, **told)
