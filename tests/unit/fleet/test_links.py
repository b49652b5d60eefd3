"""Links carry bytes, count them, and can be cut: with real sockets on the loopback interface."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tidelog.wire.errors import UsageError
from tidelog_fleet.links import Link, Links

WAIT_S = 10.0


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Echo:
    """A "broker" that sends back what it gets, and remembers it."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.got = b""
        self.open = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.open += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65_536):
                    self.got += data
                    connection.sendall(data)
            except OSError:
                pass
        self.open -= 1

    def close(self) -> None:
        # Without this `accept` would go on waiting for the descriptor that it has.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[Link]:
    with Links(f"mqtt://127.0.0.1:{echo.port}") as links:
        yield links.add()


def connected(link: Link) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=WAIT_S)


def received(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := client.recv(size - len(data))):
        data += piece
    return data


def gone(client: socket.socket) -> bool:
    """Whether the connection has ended or is reset."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def refused(link: Link) -> bool:
    """Whether a new connection is reset: while it is being made, or as soon as it stands.

    Which of the two depends on whether the reset comes before the client looks at how its connect went. A
    port that nobody listens on would raise `ConnectionRefusedError`, which is no reset.
    """
    try:
        with connected(link) as client:
            return gone(client)
    except ConnectionResetError:
        return True


def test_bytes_pass_both_ways_and_are_counted(link: Link) -> None:
    with connected(link) as client:
        client.sendall(b"x" * 100_000)
        assert received(client, 100_000) == b"x" * 100_000
        assert (link.bytes_up, link.bytes_down) == (100_000, 100_000)
        assert link.carrying
    eventually(lambda: not link.carrying)


def test_what_a_client_says_last_arrives(link: Link, echo: Echo) -> None:
    """An orderly end is no cut: a goodbye before it is not lost."""
    with connected(link) as client:
        client.sendall(b"goodbye")
    eventually(lambda: echo.got == b"goodbye")
    eventually(lambda: echo.open == 0)


def test_a_cut_resets_and_refuses_until_it_heals(link: Link, echo: Echo) -> None:
    with connected(link) as client:
        client.sendall(b"a")
        received(client, 1)
        link.cut(silent=False)
        assert gone(client)
    assert refused(link)
    eventually(lambda: echo.open == 0)
    assert not link.carrying
    link.heal()
    with connected(link) as client:
        client.sendall(b"b")
        assert received(client, 1) == b"b"
    assert link.cuts == 1


def test_a_silent_cut_tells_nobody_until_it_heals(link: Link, echo: Echo) -> None:
    """Bytes vanish, connections hang; what has lost bytes is reset when the link is back."""
    with connected(link) as before, connected(link) as during:
        before.sendall(b"a")
        received(before, 1)
        link.cut(silent=True)
        before.sendall(b"lost")
        eventually(lambda: link.bytes_up == 5)
        before.setblocking(False)
        with pytest.raises(BlockingIOError):
            before.recv(1)
        before.settimeout(WAIT_S)
        assert echo.got == b"a"
        assert echo.open >= 1, "the broker has not heard of it either"
        link.heal()
        assert gone(before)
        assert gone(during)
    eventually(lambda: echo.open == 0)


def test_a_tear_cuts_after_exactly_so_many_bytes_and_mends_itself(link: Link) -> None:
    with connected(link) as client:
        link.tear(after_bytes=1_000, outage_s=0.01, silent=False)
        client.sendall(b"x" * 5_000)
        got = b""
        try:
            while piece := client.recv(65_536):
                got += piece
        except ConnectionResetError:
            pass
        assert len(got) <= 1_000, "a reset may overtake bytes that were sent before"
        assert link.bytes_down == 1_000
    assert link.cuts == 1
    deadline = time.monotonic() + WAIT_S
    answer = b""
    while not answer:
        assert time.monotonic() < deadline
        try:
            with connected(link) as client:
                client.sendall(b"y")
                answer = client.recv(1)
        except ConnectionError:
            continue
    assert answer == b"y"


def test_healing_calls_off_a_tear(link: Link) -> None:
    link.tear(after_bytes=10, outage_s=60, silent=False)
    link.heal()
    with connected(link) as client:
        client.sendall(b"x" * 100)
        assert received(client, 100) == b"x" * 100
    assert link.cuts == 0


def test_a_link_keeps_what_the_url_says_besides() -> None:
    with Links("ws://127.0.0.1:9001/mqtt?v=5&keepalive=20") as links:
        link = links.add()
        assert link.url == f"ws://127.0.0.1:{link.port}/mqtt?v=5&keepalive=20"


def test_encrypted_links_are_refused() -> None:
    with pytest.raises(UsageError, match="mqtts") as caught:
        Links("mqtts://127.0.0.1")
    assert caught.value.code == "url"
