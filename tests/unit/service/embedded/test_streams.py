"""Reading whole packets, with a bound."""

from __future__ import annotations

import asyncio

import pytest
from amqtt.errors import MQTTError

from tidelog_service.embedded.streams import PacketReader

PING = bytes.fromhex("c000")
PUBLISH = bytes.fromhex("3005 0001 74 6869".replace(" ", ""))
LONG = bytes([0x30]) + bytes.fromhex("c801") + bytes(200)


def fetched(data: bytes, *, packet_bytes_max: int = 1000, step: int = 0) -> list[tuple[int, bytes]]:
    """Type and body of each packet in the data, which arrives whole or some bytes at a time."""

    async def story() -> list[tuple[int, bytes]]:
        stream = asyncio.StreamReader()
        reader = PacketReader(stream, packet_bytes_max=packet_bytes_max)
        feeding = asyncio.create_task(feed(stream))
        found = []
        while await reader.fetch():
            found.append((reader.packet_type, reader.body))
        await feeding
        return found

    async def feed(stream: asyncio.StreamReader) -> None:
        size = step or len(data)
        for start in range(0, len(data), size):
            stream.feed_data(data[start : start + size])
            await asyncio.sleep(0)
        stream.feed_eof()

    return asyncio.run(story())


@pytest.mark.parametrize("step", [0, 1, 3])
def test_packets_are_read_whole_however_they_arrive(step: int) -> None:
    packets = fetched(PING + PUBLISH + LONG, step=step)
    assert packets == [(12, b""), (3, PUBLISH[2:]), (3, bytes(200))]


@pytest.mark.parametrize("length", range(len(LONG)))
def test_a_packet_that_ends_early_is_the_end(length: int) -> None:
    assert fetched(PING + LONG[:length]) == [(12, b"")]


@pytest.mark.parametrize("announced", ["c801", "ffffff7f"])
def test_a_packet_that_announces_too_much_is_refused_before_its_body(announced: str) -> None:
    """Nothing follows the header here: waiting for the body would be an end, not an error."""
    with pytest.raises(MQTTError, match="199 are allowed"):
        fetched(b"\x30" + bytes.fromhex(announced), packet_bytes_max=199)


def test_the_largest_packet_allowed_is_read() -> None:
    assert fetched(LONG, packet_bytes_max=200) == [(3, bytes(200))]


@pytest.mark.parametrize("data", [b"\x30\xff\xff\xff\xff\x01", b"\x30\x80\x80\x80\x80"])
def test_a_length_of_more_than_four_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(MQTTError, match="more than 4 bytes"):
        fetched(data)


def test_a_decoder_gets_the_packet_and_nothing_of_the_next() -> None:
    async def story() -> None:
        stream = asyncio.StreamReader()
        stream.feed_data(PUBLISH + PING)
        reader = PacketReader(stream, packet_bytes_max=100)
        assert await reader.fetch()
        assert await reader.read(1) == b"\x30"
        assert reader.unread_bytes == 6
        assert await reader.read(100) == PUBLISH[1:]
        assert await reader.read(1) == b""
        assert reader.unread_bytes == 0
        assert await reader.fetch()
        assert await reader.read() == PING

    asyncio.run(story())
