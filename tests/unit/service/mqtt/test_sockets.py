"""The buffered socket under paho."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from tidelog_service.mqtt import sockets
from tidelog_service.mqtt.sockets import READ_BYTES, BufferedSocket, buffering


@pytest.fixture
def ends() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    buffered = BufferedSocket(ours)
    yield buffered, theirs
    buffered.close()
    theirs.close()


def test_one_fill_serves_many_small_reads(ends: tuple[BufferedSocket, socket.socket]) -> None:
    buffered, theirs = ends
    theirs.sendall(b"abcdef")
    buffered.fill()
    assert buffered.unread_bytes == 6
    assert [buffered.recv(1), buffered.recv(2), buffered.recv(100)] == [b"a", b"bc", b"def"]
    assert buffered.unread_bytes == 0


def test_an_empty_buffer_would_block_even_when_the_system_has_more(
    ends: tuple[BufferedSocket, socket.socket],
) -> None:
    buffered, theirs = ends
    theirs.sendall(b"x")
    with pytest.raises(BlockingIOError):
        buffered.recv(1)


def test_nothing_to_fill_is_no_error(ends: tuple[BufferedSocket, socket.socket]) -> None:
    buffered, _ = ends
    buffered.fill()
    assert buffered.unread_bytes == 0


def test_the_end_of_the_stream_is_an_error(ends: tuple[BufferedSocket, socket.socket]) -> None:
    buffered, theirs = ends
    theirs.close()
    with pytest.raises(ConnectionResetError):
        buffered.fill()


def test_what_is_sent_leaves_with_the_flush(ends: tuple[BufferedSocket, socket.socket]) -> None:
    buffered, theirs = ends
    theirs.setblocking(False)
    assert [buffered.send(b"one"), buffered.send(bytearray(b"two"))] == [3, 3]
    with pytest.raises(BlockingIOError):
        theirs.recv(10)
    buffered.flush()
    assert theirs.recv(10) == b"onetwo"
    assert buffered.unsent_bytes == 0


def test_a_flush_keeps_what_the_system_does_not_take(ends: tuple[BufferedSocket, socket.socket]) -> None:
    buffered, theirs = ends
    data = bytes(range(256)) * 16_384
    buffered.send(data)
    buffered.flush()
    assert 0 < buffered.unsent_bytes < len(data)
    received = b""
    while len(received) < len(data):
        received += theirs.recv(READ_BYTES)
        buffered.flush()
    assert received == data


def test_closing_sends_the_rest_first(ends: tuple[BufferedSocket, socket.socket]) -> None:
    """Paho closes right after it has "sent" DISCONNECT; without that packet the last will is published."""
    buffered, theirs = ends
    buffered.send(b"\xe0\x00")
    buffered.close()
    assert theirs.recv(10) == b"\xe0\x00"


def test_lingering_lets_the_other_side_read_to_the_end() -> None:
    """Closed with something unread, the connection would be reset, and "last" be lost with it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        buffered = BufferedSocket(socket.create_connection(server.getsockname()))
        theirs, _ = server.accept()
    theirs.sendall(b"unread")
    buffered.send(b"last")
    buffered.linger()
    closing = threading.Thread(target=buffered.close)
    closing.start()
    assert theirs.recv(4) == b"last"
    assert theirs.recv(1) == b""
    theirs.close()
    closing.join(5)
    assert not closing.is_alive()


def test_lingering_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "LINGER_S", 0.01)
    ours, theirs = socket.socketpair()
    buffered = BufferedSocket(ours)
    buffered.linger()
    buffered.close()
    assert buffered.fileno() == -1
    theirs.close()


def test_without_tls_the_context_wraps_the_bare_socket() -> None:
    ours, theirs = socket.socketpair()
    wrapped = buffering(None).wrap_socket(ours, server_hostname="broker", do_handshake_on_connect=False)
    assert wrapped.raw is ours
    assert wrapped.pending() == 0
    wrapped.do_handshake()
    wrapped.close()
    theirs.close()


def test_with_tls_the_context_inside_is_the_one_that_checks() -> None:
    ours, theirs = socket.socketpair()
    tls = ssl.create_default_context()
    wrapped = buffering(tls).wrap_socket(ours, server_hostname="broker", do_handshake_on_connect=False)
    assert isinstance(wrapped.raw, ssl.SSLSocket)
    assert wrapped.raw.context is tls
    assert wrapped.raw.server_hostname == "broker"
    wrapped.close()
    theirs.close()
