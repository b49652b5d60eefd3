"""Packets out of text and bytes."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.errors import ProtocolError
from tidelog_cli.packets import Packet, from_line, from_stream


@pytest.mark.parametrize(
    ("line", "packet"),
    [
        ("2182\n", Packet(payload=b"\x21\x82")),
        ("0x21 0x82", Packet(payload=b"\x21\x82")),
        ("21:82", Packet(payload=b"\x21\x82")),
        ("tl1/a1/re 2182", Packet(topic="tl1/a1/re", payload=b"\x21\x82")),
        ("tl1/a1/msg/my room 6869", Packet(topic="tl1/a1/msg/my room", payload=b"hi")),
        ("tl1/a1/msg/room ", Packet(topic="tl1/a1/msg/room", payload=b"")),
        ('tl1/a1/sync {"type": "sync"}', Packet(topic="tl1/a1/sync", payload=b'{"type": "sync"}')),
        ('  {"type":"sync"}', Packet(payload=b'{"type":"sync"}')),
    ],
)
def test_lines(line: str, packet: Packet) -> None:
    assert from_line(line) == packet


def test_a_line_that_is_neither_is_an_error_of_the_protocol() -> None:
    with pytest.raises(ProtocolError, match="neither hex nor JSON"):
        from_line("hello")


@given(st.text())
def test_any_line_is_a_packet_or_that_error(line: str) -> None:
    with suppress(ProtocolError):
        assert isinstance(from_line(line), Packet)


def test_lines_come_one_at_a_time_and_empty_ones_are_passed_over() -> None:
    stream = io.BytesIO(b"2182\n\n  \ntl1/a1/re 21\n")
    lines = from_stream(stream)
    assert next(lines) == "2182\n"
    assert stream.tell() == 5
    assert list(lines) == ["tl1/a1/re 21\n"]


def test_bytes_that_are_no_text_are_one_payload() -> None:
    payload = b"\x21\x82\n\x00\n\xff"
    assert list(from_stream(io.BytesIO(payload))) == [payload]


def test_nothing_is_no_packet() -> None:
    assert list(from_stream(io.BytesIO())) == []


def test_a_parcel_is_no_text_even_where_it_looks_like_some() -> None:
    payload = b"%text\nmore"
    assert list(from_stream(io.BytesIO(payload))) == [payload]
