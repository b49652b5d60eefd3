"""A TCP proxy in front of a broker that counts bytes and can cut or stall links."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

CHUNK_BYTES = 65_536


@dataclass(kw_only=True, eq=False)
class Traffic:
    """One connection through the proxy.

    Attributes:
        bytes_up: from client to broker, forwarded so far.
        bytes_down: from broker to client, forwarded so far.
        open: neither side has closed it.
    """

    bytes_up: int = 0
    bytes_down: int = 0
    open: bool = True


class CountingProxy:
    """Listens on a free loopback port and forwards to a broker; use it in a ``with`` statement.

    Args:
        port: the broker's port.
        host: the broker's address.
        tap: given every piece before it is forwarded: its connection, whether it goes up, and its bytes;
            called on the proxy's threads, one for each direction of a connection.
    """

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        *,
        tap: Callable[[Traffic, bool, bytes], None] = lambda *_: None,
    ) -> None:
        """See the class."""
        self._tap = tap
        self._target = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._links: dict[Traffic, tuple[socket.socket, socket.socket]] = {}
        self._threads: list[threading.Thread] = []
        self._refusing = False
        self._closed = False
        self.host = "127.0.0.1"
        self.port: int = self._server.getsockname()[1]
        self.connections: list[Traffic] = []
        """Every connection so far, the oldest first."""

    @property
    def bytes_up(self) -> int:
        """Forwarded to the broker so far, over all connections."""
        return sum(each.bytes_up for each in self.connections)

    @property
    def bytes_down(self) -> int:
        """Forwarded to the clients so far, over all connections."""
        return sum(each.bytes_down for each in self.connections)

    def cut(self) -> None:
        """Break every connection at once; new ones are forwarded."""
        with self._lock:
            pairs = list(self._links.values())
        for pair in pairs:
            for sock in pair:
                _break(sock)

    def refuse(self, *, refusing: bool = True) -> None:
        """Break new connections at once, until called with ``False``; those that are open stay."""
        self._refusing = refusing

    def stall(self) -> None:
        """Forward nothing more, without closing anything; what was sent waits."""
        self._flowing.clear()

    def resume(self) -> None:
        """Forward again."""
        self._flowing.set()

    def close(self) -> None:
        """Break everything and stop listening; idempotent."""
        self._closed = True
        # Closing alone does not wake a thread that waits in accept().
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._flowing.set()
        self.cut()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._link(client)

    def _link(self, client: socket.socket) -> None:
        try:
            if self._refusing:
                raise ConnectionRefusedError
            broker = socket.create_connection(self._target, timeout=5)
        except OSError:
            _break(client)
            client.close()
            return
        traffic = Traffic()
        for sock in (client, broker):
            sock.settimeout(None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._links[traffic] = (client, broker)
        self.connections.append(traffic)
        self._start(self._pump, traffic, client, broker)
        self._start(self._pump, traffic, broker, client)

    def _pump(self, traffic: Traffic, source: socket.socket, sink: socket.socket) -> None:
        upward = self._links[traffic][0] is source
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                self._flowing.wait()
                # Counted first: who has received something must find it counted.
                if upward:
                    traffic.bytes_up += len(data)
                else:
                    traffic.bytes_down += len(data)
                self._tap(traffic, upward, data)
                sink.sendall(data)
        self._end(traffic)

    def _end(self, traffic: Traffic) -> None:
        """Called by both directions; the second one closes."""
        with self._lock:
            pair = self._links[traffic]
            last, traffic.open = not traffic.open, False
        for sock in pair:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if last:
            with self._lock:
                del self._links[traffic]
            for sock in pair:
                sock.close()


def _break(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
