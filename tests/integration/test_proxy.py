"""The proxy that other tests count bytes with."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from brokers import eventually
from mqtt_packets import PUBACK, PUBLISH, PacketTap
from proxy import CountingProxy, Traffic


@pytest.fixture
def proxy() -> Iterator[CountingProxy]:
    """In front of a server that answers each byte with two."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server,), daemon=True)
        thread.start()
        with CountingProxy(server.getsockname()[1]) as made:
            yield made
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(server: socket.socket) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_double, args=(client,), daemon=True).start()


def _double(client: socket.socket) -> None:
    with client:
        try:
            while data := client.recv(1000):
                client.sendall(data + data)
        except OSError:
            return


def join(proxy: CountingProxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=5)


def test_bytes_are_counted_by_connection_and_direction(proxy: CountingProxy) -> None:
    with join(proxy) as first, join(proxy) as second:
        first.sendall(b"abc")
        assert first.recv(100)
        second.sendall(b"x")
        assert second.recv(100)
        eventually(lambda: proxy.bytes_down == 8)
        assert {(each.bytes_up, each.bytes_down) for each in proxy.connections} == {(3, 6), (1, 2)}
        assert (proxy.bytes_up, proxy.bytes_down) == (4, 8)


def test_a_cut_ends_what_is_open_and_new_connections_work(proxy: CountingProxy) -> None:
    with join(proxy) as before:
        before.sendall(b"a")
        assert before.recv(2)
        proxy.cut()
        assert _is_ended(before)
    with join(proxy) as after:
        after.sendall(b"a")
        assert after.recv(2)
    assert not proxy.connections[0].open


def test_a_stalled_link_stays_open_and_loses_nothing(proxy: CountingProxy) -> None:
    with join(proxy) as client:
        proxy.stall()
        client.sendall(b"abc")
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert proxy.bytes_up == 0
        proxy.resume()
        client.settimeout(5)
        assert client.recv(6) == b"abcabc"


def test_new_connections_are_refused_while_asked_for(proxy: CountingProxy) -> None:
    proxy.refuse()
    with join(proxy) as client:
        assert _is_ended(client)
    proxy.refuse(refusing=False)
    with join(proxy) as client:
        client.sendall(b"a")
        assert client.recv(2)


def test_a_client_that_leaves_ends_the_connection(proxy: CountingProxy) -> None:
    with join(proxy) as client:
        client.sendall(b"a")
        assert client.recv(2)
    eventually(lambda: not proxy.connections[0].open)


def _is_ended(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_tap_gets_every_piece_with_its_direction() -> None:
    seen: list[tuple[bool, bytes]] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server,), daemon=True)
        thread.start()
        tapped = CountingProxy(
            server.getsockname()[1], tap=lambda _, upward, data: seen.append((upward, data))
        )
        with tapped, join(tapped) as client:
            client.sendall(b"abc")
            assert client.recv(100)
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert seen == [(True, b"abc"), (False, b"abcabc")]


def test_packets_are_told_apart_whatever_pieces_they_come_in() -> None:
    """A PUBLISH of 200 bytes, whose length takes two bytes, and a PUBACK, byte by byte and at once."""
    stream = bytes([0x32, 0xC8, 0x01]) + bytes(200) + bytes([0x40, 2, 0, 7])
    for step in (1, 3, len(stream)):
        tap, link = PacketTap(), Traffic()
        for at in range(0, len(stream), step):
            tap(link, True, stream[at : at + step])
        assert tap.bytes_up == {PUBLISH: 203, PUBACK: 4}
        assert not tap.bytes_down
