"""A link for each device: a TCP relay in front of the broker that can be cut and healed.

The devices connect to their own port on the loopback interface; what they send travels on to the broker. One
thread carries all links. Link models (delay, loss, bandwidth) will stand here too: every byte passes
`Link._relay`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tidelog.wire.errors import UsageError
from tidelog.wire.url import BrokerUrl

_HOST: Final = "127.0.0.1"
_PIECE_BYTES: Final = 65_536
_CALL_SECONDS: Final = 10.0
"""How long the thread may take for a cut; it is busy only with moving bytes."""

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST and forgets what was not sent, as when a host vanishes."""


@dataclass(slots=True)
class _Outage:
    """Of a link that is cut; ``silent``: nobody is told."""

    silent: bool


@dataclass(slots=True)
class _Tear:
    """A cut that waits for bytes."""

    after_bytes: int
    outage_s: float
    silent: bool


class Link:
    """One device's way to the broker; made by `Links.add`.

    Attributes:
        port: where its device connects, for as long as the links are open.
        bytes_up: bytes on its socket from the device, also those that a cut swallowed.
        bytes_down: bytes on its socket to the device.
        cuts: how often it was cut.
    """

    def __init__(self, links: Links) -> None:
        """See the class."""
        self.port = 0
        self.bytes_up = 0
        self.bytes_down = 0
        self.cuts = 0
        self._links = links
        self._outage: _Outage | None = None
        self._tear: _Tear | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where its device connects: the broker's URL with host and port of the link."""
        given = urlsplit(self._links.url)
        return given._replace(netloc=f"{_HOST}:{self.port}").geturl()

    @property
    def carrying(self) -> bool:
        """Whether it is not cut and a connection goes through it."""
        return self._outage is None and bool(self._writers)

    def cut(self, *, silent: bool) -> None:
        """Cut it; a link that is cut stays as it is.

        Args:
            silent: bytes vanish on the way, connections and attempts to connect hang; else connections are
                reset, and so is every new one.
        """
        self._links.call(lambda: self._cut(silent=silent))

    def heal(self) -> None:
        """Let bytes through again; connections that have lost some are reset."""
        self._links.call(self._heal)

    def tear(self, *, after_bytes: int, outage_s: float, silent: bool) -> None:
        """Cut it by itself in the middle of what comes next.

        Args:
            after_bytes: bytes to the device that still pass.
            outage_s: how long the cut lasts.
            silent: see `cut`.
        """
        self._links.call(lambda: self._arm(_Tear(after_bytes, outage_s, silent)))

    # On the links' thread

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._connected, _HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Reset what there is and listen no more."""
        self._reset_all()
        if self._server is not None:
            self._server.close()

    def _arm(self, tear: _Tear) -> None:
        self._tear = tear

    def _cut(self, *, silent: bool) -> None:
        self._tear = None
        if self._outage is None:
            self.cuts += 1
            self._outage = _Outage(silent)
            if not silent:
                self._reset_all()

    def _heal(self) -> None:
        self._tear = None
        if self._outage is not None:
            self._outage = None
            self._reset_all()

    def _tear_now(self, tear: _Tear) -> None:
        self._cut(silent=tear.silent)
        asyncio.get_running_loop().call_later(tear.outage_s, self._mend, self._outage)

    def _mend(self, outage: _Outage | None) -> None:
        # The plan may have healed it, and cut it anew, meanwhile.
        if self._outage is outage:
            self._heal()

    def _reset_all(self) -> None:
        for writer in self._writers:
            _reset(writer)
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._outage is None:
                await self._carry(reader, writer)
            elif self._outage.silent:
                await self._relay(reader, None, up=True)
        except OSError:
            pass  # an end vanished: so does the other, below
        finally:
            self._writers.discard(writer)
            _reset(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection(self._links.host, self._links.port)
        self._writers.add(broker_writer)
        ways = (
            asyncio.create_task(self._relay(reader, broker_writer, up=True)),
            asyncio.create_task(self._relay(broker_reader, writer, up=False)),
        )
        try:
            await asyncio.gather(*ways)
            for ended in (writer, broker_writer):
                ended.close()
        finally:
            self._writers.discard(broker_writer)
            _reset(broker_writer)
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)

    async def _relay(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter | None, *, up: bool
    ) -> None:
        """Every byte of one direction passes here; without a sink they vanish."""
        while data := await source.read(_PIECE_BYTES):
            if up:
                self.bytes_up += len(data)
            if self._outage is None and sink is not None:
                await self._pass(data, sink, up=up)
        # In a tunnel nobody notices that the other end has gone, until it heals.
        if self._outage is None and sink is not None and sink.can_write_eof():
            sink.write_eof()

    async def _pass(self, data: bytes, sink: asyncio.StreamWriter, *, up: bool) -> None:
        passing = data if up else self._until_tear(data)
        if not up:
            self.bytes_down += len(passing)
        sink.write(passing)
        if passing is not data and self._tear is not None:
            self._tear_now(self._tear)
        await sink.drain()

    def _until_tear(self, data: bytes) -> bytes:
        if self._tear is None or self._outage is not None:
            return data
        if len(data) <= self._tear.after_bytes:
            self._tear.after_bytes -= len(data)
            return data
        return data[: self._tear.after_bytes]


class Links:
    """The links of a fleet and the thread that carries them. Use as a context manager.

    Args:
        url: the broker; ``mqtt://`` or ``ws://``, for certificates would not fit the relay's address.

    Raises:
        UsageError: code ``url``: another scheme, or no URL of a broker.
    """

    def __init__(self, url: str) -> None:
        """See the class."""
        parsed = BrokerUrl.parse(url)
        if parsed.tls:
            raise UsageError(
                f"the fleet's links carry mqtt:// and ws://, not {parsed.scheme}://",
                code="url",
                hint="certificates would not fit the address of a link; name the broker's plain port",
            )
        self.url = url
        self.host = parsed.host
        self.port = parsed.port
        self._links: list[Link] = []
        self._ready = threading.Event()
        self._end = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._carry, name="fleet-links", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Reset every connection and end the thread."""
        self.call(self._end.set)
        self._thread.join()

    def add(self) -> Link:
        """Open a link on a free port."""
        link = Link(self)
        self._run(link.open())
        self._links.append(link)
        return link

    def call(self, work: Callable[[], None]) -> None:
        """Do something on the thread and wait until it is done."""

        async def working() -> None:
            work()

        self._run(working())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None, "links are a context manager"  # noqa: S101 - our own bug
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS)

    def _carry(self) -> None:
        # Its end cancels every connection's task, and each closes its sockets.
        asyncio.run(self._until_end())

    async def _until_end(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._end.wait()
        for link in self._links:
            link.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    if writer.transport.is_closing():
        return  # it ended in order, and may still have something to send
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
