"""The vectors that other implementations test against: whole, byte by byte, and with trailing bytes."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from tidelog.wire import jsonform, packed
from tidelog.wire.anyframe import Frame
from tidelog.wire.digest import message_digest
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Messages
from tidelog.wire.page_frames import Page, Resync
from unit.wire import described

FOLDER = Path(__file__).parents[2] / "vectors"


def vectors(name: str, having: str = "name") -> list[Any]:
    listed = json.loads((FOLDER / name).read_text("utf8"))
    return [pytest.param(vector, id=vector["name"]) for vector in listed if having in vector]


def frame_of(vector: dict[str, Any]) -> Frame:
    if "packed" in vector:
        return described.frame_of(vector["packed"])
    return jsonform.decode(json.dumps(vector["frame"]).encode())


def ends(frame: Frame) -> int:
    """Where a frame that has no JSON form may end though it goes on; 0 for nowhere."""
    match frame:
        case Resync():
            return 11
        case Page():
            return 3
    return 0


def refusal(payload: bytes) -> Code:
    with pytest.raises(ProtocolError) as caught:
        packed.decode(payload)
    return caught.value.wire_code


@pytest.mark.parametrize("vector", vectors("frames.json"))
def test_bytes_and_frame_stand_for_each_other(vector: dict[str, Any]) -> None:
    payload = bytes.fromhex(vector["hex"])
    assert packed.decode(payload) == frame_of(vector)
    assert packed.encode(frame_of(vector)) == payload


@pytest.mark.parametrize("vector", vectors("frames.json", "frame"))
def test_the_json_form_is_that_of_the_vector(vector: dict[str, Any]) -> None:
    told = json.loads(jsonform.encode(frame_of(vector)))
    told.pop("hint", None)
    assert told == vector["frame"]
    assert next(iter(told)) == "type"


@pytest.mark.parametrize("vector", vectors("frames.json"))
def test_cut_short_anywhere_it_is_malformed(vector: dict[str, Any]) -> None:
    """But for a page's bodies, whose length its records tell, and where what follows is an option."""
    payload, frame = bytes.fromhex(vector["hex"]), frame_of(vector)
    bodies = len(frame.content.bodies) if isinstance(frame, Page) and frame.content else 0
    for stop in {*range(len(payload) - bodies)} - {ends(frame)}:
        assert refusal(payload[:stop]) is Code.MALFORMED


@pytest.mark.parametrize("vector", vectors("frames.json", "frame"))
@pytest.mark.parametrize("trailing", ["00", "80", "f6", "ff"])
def test_with_a_byte_more_it_is_malformed(vector: dict[str, Any], trailing: str) -> None:
    assert refusal(bytes.fromhex(vector["hex"] + trailing)) is Code.MALFORMED


@pytest.mark.parametrize("vector", vectors("packed_errors.json"))
def test_packed_errors_are_answered_with_their_code(vector: dict[str, Any]) -> None:
    assert refusal(bytes.fromhex(vector["hex"])).word == vector["code"]


@pytest.mark.parametrize("vector", vectors("json_errors.json"))
def test_json_errors_are_answered_with_their_code(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        jsonform.decode(vector["payload"].encode())
    assert caught.value.code == vector["code"]


@pytest.mark.parametrize("vector", vectors("digests.json"))
def test_digests_are_those_of_the_vector(vector: dict[str, Any]) -> None:
    frame = jsonform.decode(json.dumps(vector["message"]).encode())
    assert isinstance(frame, Messages)
    (message,) = frame.messages
    assert message_digest(message).hex() == vector["digest"]
    assert blake2b(bytes.fromhex(vector["hashed"]), digest_size=8).hexdigest() == vector["digest"]


@pytest.mark.parametrize(
    "name",
    ["frames.json", "packed_errors.json", "json_errors.json", "digests.json", "primed.json", "pages.json"],
)
def test_names_are_distinct_and_each_vector_says_what_it_shows(name: str) -> None:
    listed = json.loads((FOLDER / name).read_text("utf8"))
    assert len({vector["name"] for vector in listed}) == len(listed)
    assert all(vector["says"] for vector in listed)
