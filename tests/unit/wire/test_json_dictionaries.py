from __future__ import annotations

import json

import pytest

from tidelog.wire import jsonform
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import ProtocolError
from tidelog.wire.fetching import Fetch, Piece


def read(**fields: object) -> Frame:
    return jsonform.decode(json.dumps(fields).encode())


def test_a_fetch_needs_nothing_but_the_dictionary() -> None:
    assert read(type="fetch", dictionary=300) == Fetch(rid=0, dictionary=300)
    assert json.loads(jsonform.encode(Fetch(rid=5, dictionary=300, offset=9, page_bytes=999))) == {
        "type": "fetch",
        "id": 5,
        "dictionary": 300,
        "offset": 9,
        "page_bytes": 999,
    }


def test_a_piece_is_base64() -> None:
    frame = Piece(rid=5, dictionary=300, size=3, offset=1, data=b"\xff\x00")
    assert json.loads(jsonform.encode(frame)) == {
        "type": "piece",
        "id": 5,
        "dictionary": 300,
        "size": 3,
        "offset": 1,
        "data64": "/wA=",
    }
    assert read(type="piece", id=5, dictionary=300) == Piece(rid=5, dictionary=300)


@pytest.mark.parametrize("wrong", [5, "not Base64", "/w", "é"])
def test_what_is_not_base64_is_refused(wrong: object) -> None:
    with pytest.raises(ProtocolError, match="data64"):
        read(type="piece", id=5, dictionary=300, size=9, data64=wrong)


@pytest.mark.parametrize("kind", ["fetch", "piece"])
def test_a_field_that_is_not_known_is_named(kind: str) -> None:
    with pytest.raises(ProtocolError, match="ofset"):
        read(type=kind, id=5, dictionary=300, ofset=9)
    with pytest.raises(ProtocolError, match="dictionary"):
        read(type=kind, id=5)
