"""The two ends of a socket as amqtt wants them, with bounds on bytes and on time.

amqtt reads whatever a fixed header announces, waits for a CONNECT for ever, never acts on the keep alive, and
waits without end for a reader that is slow. Here a packet is read whole, after its length was looked at.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final

from amqtt.adapters import ReaderAdapter, WriterAdapter
from amqtt.errors import MQTTError

if TYPE_CHECKING:
    import ssl

LENGTH_BYTES_MAX: Final = 4
"""Bytes of a remaining length (MQTT 3.1.1, section 2.2.3)."""

CHUNK_BYTES: Final = 65_536
"""How much of a body is asked of the socket at once: each chunk that arrives restarts the clock."""

DRAIN_SECONDS_MAX: Final = 60.0
"""How long a reader may leave a full send buffer as it is: 48 KiB at 1 KiB/s take less."""

CLOSE_SECONDS_MAX: Final = 1.0
"""How long a closing connection may take to send what it holds, before that is thrown away."""

_NO_LINGER: Final = struct.pack("ii", 1, 0)


class PacketReader(ReaderAdapter):
    """Reads whole packets from a socket and hands them to amqtt's decoders piece by piece.

    Args:
        stream: the socket's reader.
        packet_bytes_max: the largest remaining length that a fixed header may announce.
    """

    def __init__(self, stream: asyncio.StreamReader, *, packet_bytes_max: int) -> None:
        """See the class."""
        self.idle_seconds_max: float | None = None
        """How long the peer may be silent; None: for ever, as MQTT says of a keep alive of 0."""
        self._stream = stream
        self._packet_bytes_max = packet_bytes_max
        self._packet = b""
        self._body_start = 0
        self._position = 0

    @property
    def packet_type(self) -> int:
        """The type of the packet that was fetched last (MQTT 3.1.1, section 2.2.1)."""
        return self._packet[0] >> 4

    @property
    def body(self) -> bytes:
        """The packet that was fetched last, without its fixed header."""
        return self._packet[self._body_start :]

    @property
    def unread_bytes(self) -> int:
        """What a decoder left of the packet: not 0 means that the packet was malformed."""
        return len(self._packet) - self._position

    async def fetch(self) -> bool:
        """Read the next packet whole.

        Returns:
            False where the peer has gone, between packets or within one.

        Raises:
            MQTTError: the packet is too large, its length malformed, or the peer was silent for too long.
        """
        try:
            header, length = await self._fixed_header()
            self._packet = header + await self._read_body(length)
        except TimeoutError as error:
            raise MQTTError("silent for too long") from error
        except (asyncio.IncompleteReadError, OSError):
            return False
        self._body_start = len(header)
        self._position = 0
        return True

    async def read(self, n: int = -1) -> bytes:
        """The next bytes of the packet: fewer than asked for at its end, which amqtt's decoders refuse."""
        stop = len(self._packet) if n < 0 else self._position + n
        piece = self._packet[self._position : stop]
        self._position += len(piece)
        return piece

    def feed_eof(self) -> None:
        """Nothing: only amqtt's client calls it."""

    async def _fixed_header(self) -> tuple[bytes, int]:
        async with asyncio.timeout(self.idle_seconds_max):
            header = await self._stream.readexactly(1)
            length = 0
            for index in range(LENGTH_BYTES_MAX):
                byte = await self._stream.readexactly(1)
                header += byte
                length |= (byte[0] & 0x7F) << (7 * index)
                if byte[0] < 0x80:  # noqa: PLR2004 - the continuation bit
                    return header, self._checked(length)
        raise MQTTError("a remaining length of more than 4 bytes")

    def _checked(self, length: int) -> int:
        if length > self._packet_bytes_max:
            raise MQTTError(f"a packet of {length} bytes, {self._packet_bytes_max} are allowed")
        return length

    async def _read_body(self, length: int) -> bytes:
        body = bytearray()
        while len(body) < length:
            async with asyncio.timeout(self.idle_seconds_max):
                chunk = await self._stream.read(min(length - len(body), CHUNK_BYTES))
            if not chunk:
                raise asyncio.IncompleteReadError(bytes(body), length)
            body += chunk
        return bytes(body)


class PacketWriter(WriterAdapter):
    """Writes to a socket, and can throw away what was not sent yet.

    Args:
        stream: the socket's writer.
    """

    def __init__(self, stream: asyncio.StreamWriter) -> None:
        """See the class."""
        self._stream = stream

    @property
    def sock(self) -> socket.socket:
        """The socket, for its options."""
        found: socket.socket = self._stream.get_extra_info("socket")
        return found

    def write(self, data: bytes) -> None:
        """Queue whole packets for the socket; nothing where the connection is closing."""
        if not self._stream.is_closing():
            self._stream.write(data)

    async def drain(self) -> None:
        """Wait until the socket takes more.

        Raises:
            ConnectionResetError: the connection is gone, or the peer has not read for too long.
        """
        try:
            async with asyncio.timeout(DRAIN_SECONDS_MAX):
                await self._stream.drain()
        except TimeoutError:
            self.discard()
            raise ConnectionResetError("the peer does not read") from None
        except OSError as error:
            # amqtt takes this kind for the end of a connection, and others for a fault of its own.
            raise ConnectionResetError(str(error)) from error

    def get_peer_info(self) -> tuple[str, int]:
        """Address and port of the peer; empty and 0 where it has gone already."""
        name = self._stream.get_extra_info("peername") or ("", 0)
        return name[0], name[1]

    def get_ssl_info(self) -> ssl.SSLObject | None:
        """None: the embedded broker listens in plain TCP, on the loopback interface by default."""
        return None

    def abort(self) -> None:
        """Close at once; what the kernel holds already is still sent."""
        self._stream.transport.abort()

    def discard(self) -> None:
        """Close at once and throw away everything not sent, the kernel's send buffer included."""
        if self.sock.fileno() >= 0:
            # A linger of 0 seconds turns the close into a reset, which empties the send buffer (socket(7)).
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.abort()

    async def close(self) -> None:
        """Send what is queued, within `CLOSE_SECONDS_MAX`, and close."""
        self._stream.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await self._closed()
        except TimeoutError:
            self.discard()
            await self._closed()

    async def _closed(self) -> None:
        try:
            await self._stream.wait_closed()
        except OSError:
            return  # closed by the peer or the network, which is as good
