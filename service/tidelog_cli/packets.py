"""Packets as people have them at hand: hex, lines of `mosquitto_sub`, or the bytes themselves.

A line is one of::

    2182...                    a payload in hex (spaces, colons and 0x do not matter)
    tl1/a1phone/re 2182...     topic and payload, as of  mosquitto_sub -F '%t %x'
    {"type": ...               a payload in JSON, with or without a topic before it (mosquitto_sub -v)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import Type
from tidelog.wire.limits import PACKET_BYTES_MAX, VERSION
from tidelog.wire.topics import PREFIX

_SEPARATORS = re.compile(r"0x|[\s:,]")
_PARCEL = bytes([VERSION << 5 | Type.PARCEL])
_LINE_CHARS_MAX = 4 * PACKET_BYTES_MAX
"""A packet in hex with separators and its topic; longer ones are cut, and then are no packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A payload and, where it is known, its topic.

    Attributes:
        payload: the bytes.
        topic: the topic, or empty.
    """

    payload: bytes
    topic: str = ""


def from_line(line: str) -> Packet:
    """Read one line or argument.

    Raises:
        ProtocolError: it is neither hex nor JSON.
    """
    line = line.strip("\r\n")
    topic, payload = _split(line) if line.startswith(f"{PREFIX}/") else ("", line.strip())
    if payload.startswith("{"):
        return Packet(topic=topic, payload=payload.encode(errors="surrogateescape"))
    try:
        return Packet(topic=topic, payload=bytes.fromhex(_SEPARATORS.sub("", payload)))
    except ValueError as error:
        raise ProtocolError(f"neither hex nor JSON: {payload[:32]!r}") from error


def _split(line: str) -> tuple[str, str]:
    """Topic and payload; a topic may hold spaces, hex does not, and JSON begins with a brace."""
    if " {" in line:
        topic, _, rest = line.partition(" {")
        return topic, "{" + rest
    topic, _, payload = line.rpartition(" ")
    return (topic, payload) if topic else (line, "")


def from_stream(stream: IO[bytes]) -> Iterator[str | bytes]:
    """Lines as they come, or everything as one payload where the first line is no text.

    A packed frame is never text: after its first byte comes the head of a CBOR array, 0x80 to 0x9f, which no
    UTF-8 character begins with. Only a parcel has none, and begins with a percent sign, as no line does.
    """
    first = stream.readline(_LINE_CHARS_MAX)
    if not _is_text(first):
        yield first + stream.read(PACKET_BYTES_MAX + 1)
        return
    line = first
    while line:
        if line.strip():
            yield line.decode("utf8", "surrogateescape")
        line = stream.readline(_LINE_CHARS_MAX)


def _is_text(line: bytes) -> bool:
    if line.startswith(_PARCEL):
        return False
    try:
        return not re.search(r"[\x00-\x08\x0e-\x1f]", line.decode("utf8"))
    except UnicodeDecodeError:
        return False
