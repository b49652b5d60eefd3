"""The link against a broker that follows a script: what no real broker does on request."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from brokers import eventually, free_port
from tidelog.wire.errors import Denied, TidelogError, Unavailable
from tidelog_service.mqtt import connection
from tidelog_service.mqtt.link import Inbound, Link, LinkState, Phase

CONNACK = b"\x20\x02\x00\x00"
SESSION_KEPT = b"\x20\x02\x01\x00"
NOT_AUTHORISED = b"\x20\x02\x00\x05"

Script = Callable[[socket.socket], None]


class ScriptedBroker:
    """Plays the script for each connection, then closes it."""

    def __init__(self, script: Script) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._script = script
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                self._script(client)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


class Harness:
    """A link, what it received and what it said of itself."""

    def __init__(self, port: int, **options: object) -> None:
        self.received: queue.SimpleQueue[Inbound] = queue.SimpleQueue()
        self.states: list[LinkState] = []
        self.link = Link(
            host="127.0.0.1",
            port=port,
            username="service",
            password="secret",
            receive=self.received.put,
            state=self.states.append,
            **options,  # type: ignore[arg-type]  # whatever the test asks for
        )

    def first(self, phase: Phase) -> LinkState:
        eventually(lambda: any(state.phase is phase for state in self.states))
        return next(state for state in self.states if state.phase is phase)


Play = Callable[..., Harness]


@pytest.fixture
def play() -> Iterator[Play]:
    """Starts a link against a broker with the given script."""
    started: list[tuple[ScriptedBroker, Harness]] = []

    def start(script: Script, **options: object) -> Harness:
        broker = ScriptedBroker(script)
        harness = Harness(broker.port, **options)
        started.append((broker, harness))
        harness.link.start()
        return harness

    yield start
    for broker, harness in started:
        harness.link.stop()
        broker.close()


def take_packet(client: socket.socket) -> bytes:
    """A whole packet, shorter than 16 KiB; empty at the end of the stream."""
    head = client.recv(1)
    if not head:
        return b""
    size = client.recv(1)[0]
    if size & 128:
        size = size & 127 | client.recv(1)[0] << 7
    body = b""
    while len(body) < size:
        body += client.recv(size - len(body))
    return head + body


def suback(subscribe: bytes, codes: bytes) -> bytes:
    return b"\x90" + bytes([2 + len(codes)]) + subscribe[1:3] + codes


def accept(client: socket.socket, connack: bytes = CONNACK) -> None:
    """Let the service in and grant what it asks for; takes the online status too."""
    take_packet(client)
    client.sendall(connack)
    client.sendall(suback(take_packet(client), b"\x01\x01\x01\x00\x00"))
    take_packet(client)


def publish(topic: bytes, payload: bytes, mid: int) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + mid.to_bytes(2, "big") + payload
    return b"\x32" + bytes([len(body)]) + body


def until_end(client: socket.socket) -> list[bytes]:
    packets = []
    while packet := take_packet(client):
        packets.append(packet)
    return packets


def test_a_refused_subscription_is_told_with_the_filter_and_a_hint(play: Play) -> None:
    def script(client: socket.socket) -> None:
        take_packet(client)
        client.sendall(CONNACK)
        client.sendall(suback(take_packet(client), b"\x01\x80\x01\x00\x00"))
        until_end(client)

    state = play(script).first(Phase.OFFLINE)
    assert isinstance(state.error, Denied)
    assert state.error.code == "broker_subscription"
    assert "tl1/+/msg/#" in str(state.error)
    assert "ACL" in state.error.hint


def test_refused_credentials_are_told_and_tried_again(play: Play) -> None:
    attempts = []

    def script(client: socket.socket) -> None:
        attempts.append(take_packet(client))
        client.sendall(NOT_AUTHORISED)

    harness = play(script)
    state = harness.first(Phase.OFFLINE)
    assert isinstance(state.error, Denied)
    assert state.error.code == "broker_credentials"
    assert 0 <= state.retry_seconds < 1
    eventually(lambda: len(attempts) > 1)


def test_the_session_is_kept_and_its_presence_told(play: Play) -> None:
    connects = []

    def script(client: socket.socket) -> None:
        connects.append(take_packet(client))
        client.sendall(SESSION_KEPT)
        client.sendall(suback(take_packet(client), b"\x01\x01\x01\x00\x00"))
        until_end(client)

    harness = play(script)
    assert harness.first(Phase.ONLINE).session_present
    flags = connects[0][8]
    assert not flags & 2, "a clean session"


def test_acknowledgements_leave_in_the_order_given_and_only_for_this_connection(play: Play) -> None:
    packets: list[bytes] = []
    connections = []

    def script(client: socket.socket) -> None:
        accept(client)
        connections.append(client)
        client.sendall(publish(b"tl1/a/msg", b"1", 7) + publish(b"tl1/a/msg", b"2", 8))
        if len(connections) > 1:
            packets.extend(until_end(client))

    harness = play(script)
    first = [harness.received.get(timeout=5) for _ in range(2)]
    second = [harness.received.get(timeout=5) for _ in range(2)]
    assert [each.payload for each in first + second] == [b"1", b"2", b"1", b"2"]
    harness.link.acknowledge([first[0].token, second[1].token, second[0].token])
    harness.link.stop()
    eventually(lambda: b"\xe0" in packets)
    acknowledged = [packet for packet in packets if packet[:1] == b"\x40"]
    assert acknowledged == [b"\x40\x00\x08", b"\x40\x00\x07"]


def test_messages_of_a_kept_session_come_and_are_acknowledged_before_the_suback(play: Play) -> None:
    """A broker sends them right after CONNACK; a large session must not time out the subscription."""
    answered = threading.Event()

    def script(client: socket.socket) -> None:
        take_packet(client)
        client.sendall(SESSION_KEPT + publish(b"tl1/a/msg", b"old", 1))
        # In either order: the worker may be faster than the SUBSCRIBE.
        packets = {packet[0]: packet for packet in (take_packet(client), take_packet(client))}
        if packets[0x40] == b"\x40\x00\x01":
            answered.set()
        client.sendall(suback(packets[0x82], b"\x01\x01\x01\x00\x00"))
        until_end(client)

    harness = play(script)
    harness.link.acknowledge([harness.received.get(timeout=5).token])
    harness.first(Phase.ONLINE)
    assert answered.is_set()


def test_the_broker_waits_while_the_worker_has_enough(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded memory while the store does not answer; it goes on as soon as something is acknowledged."""
    monkeypatch.setattr(connection, "UNACKNOWLEDGED_MAX", 10)

    started, sent_all = threading.Event(), threading.Event()

    def script(client: socket.socket) -> None:
        assert started.wait(5)
        accept(client)
        client.sendall(b"".join(publish(b"tl1/a/msg", b"x", mid) for mid in range(1, 11)))
        eventually(lambda: harness.link.unacknowledged == 10)
        client.sendall(publish(b"tl1/a/msg", b"last", 11))
        sent_all.set()
        until_end(client)

    harness = play(script)
    started.set()
    tokens = [harness.received.get(timeout=5).token for _ in range(10)]
    assert sent_all.wait(5)
    with pytest.raises(queue.Empty):
        harness.received.get(timeout=0.1)
    harness.link.acknowledge(tokens)
    assert harness.received.get(timeout=5).payload == b"last"


def test_a_topic_that_is_not_utf8_does_not_end_the_link(play: Play) -> None:
    def script(client: socket.socket) -> None:
        accept(client)
        client.sendall(publish(b"tl1/\xff/msg", b"bad", 1) + publish(b"tl1/a/msg", b"good", 2))
        until_end(client)

    harness = play(script)
    assert [harness.received.get(timeout=5)[:2] for _ in range(2)] == [("", b"bad"), ("tl1/a/msg", b"good")]


def test_a_peer_that_says_nothing_is_given_up(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_S", 0.05)
    monkeypatch.setattr(connection, "HANDSHAKE_S", 0.05)
    state = play(until_end).first(Phase.OFFLINE)
    assert isinstance(state.error, Unavailable)
    assert state.error.code == "broker_silent"


def test_a_broker_that_closes_the_connection_is_told(play: Play) -> None:
    state = play(accept).first(Phase.OFFLINE)
    assert isinstance(state.error, Unavailable)


def test_a_broker_that_is_not_there_is_told(play: Play) -> None:
    del play
    harness = Harness(free_port())
    harness.link.start()
    state = harness.first(Phase.OFFLINE)
    assert isinstance(state.error, Unavailable)
    assert "nothing listens" in str(state.error)
    harness.link.stop()


def test_what_is_published_offline_is_dropped_and_counted() -> None:
    harness = Harness(free_port())
    harness.link.publish("tl1/a/re", b"receipt")
    assert harness.link.dropped == 1
    harness.link.stop()


def test_stopping_sends_what_is_queued_then_says_offline_and_goodbye(play: Play) -> None:
    packets: list[bytes] = []

    def script(client: socket.socket) -> None:
        accept(client)
        packets.extend(until_end(client))

    harness = play(script)
    harness.first(Phase.ONLINE)
    for n in range(3):
        harness.link.publish("tl1/a/re", b"%d" % n)
    harness.link.stop()
    harness.link.stop()
    eventually(lambda: len(packets) == 5)
    assert [packet[-1:] for packet in packets[:3]] == [b"0", b"1", b"2"]
    assert packets[3][:1] == b"\x31"
    assert packets[3].endswith(b'{"online":false}')
    assert packets[4] == b"\xe0"
    assert harness.states[-1].phase is Phase.STOPPED
    assert harness.link.published >= 3


def subscriptions(packet: bytes) -> list[bytes]:
    """The filters of a SUBSCRIBE or UNSUBSCRIBE."""
    found, at = [], 3
    step = 1 if packet[0] == 0x82 else 0
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 2], "big")
        found.append(packet[at + 2 : at + 2 + size])
        at += 2 + size + step
    return found


def test_filters_of_rules_come_and_go_while_connected(play: Play) -> None:
    packets: list[bytes] = []

    def script(client: socket.socket) -> None:
        take_packet(client)
        client.sendall(CONNACK)
        for _ in range(5):
            packet = take_packet(client)
            packets.append(packet)
            if packet[0] == 0x82:
                client.sendall(suback(packet, b"\x01" * len(subscriptions(packet))))
            if packet[0] == 0xA2:
                client.sendall(b"\xb0\x02" + packet[1:3])
        until_end(client)

    harness = play(script, filters=("a/+", "b/+"), unwanted=("old",))
    harness.first(Phase.ONLINE)
    harness.link.watch(["b/+", "c"])
    eventually(lambda: len(packets) == 5)
    assert subscriptions(packets[0])[-2:] == [b"a/+", b"b/+"]
    told = [(packet[0], subscriptions(packet)) for packet in packets[1:] if packet[0] != 0x31]
    assert told == [(0xA2, [b"old"]), (0xA2, [b"old", b"a/+"]), (0x82, [b"c"])]


def test_a_new_connection_has_the_filters_of_now(play: Play) -> None:
    asked: list[list[bytes]] = []
    again = threading.Event()

    def script(client: socket.socket) -> None:
        take_packet(client)
        client.sendall(CONNACK)
        packet = take_packet(client)
        asked.append(subscriptions(packet)[5:])
        client.sendall(suback(packet, b"\x01" * len(subscriptions(packet))))
        if len(asked) == 1:
            again.wait(5)
        else:
            asked.append(subscriptions(take_packet(client)))
            until_end(client)

    harness = play(script, filters=("a/+",))
    harness.first(Phase.ONLINE)
    harness.link.watch(["b/+"])
    again.set()
    eventually(lambda: len(asked) == 3)
    assert asked == [[b"a/+"], [b"b/+"], [b"a/+"]]


def test_a_rules_filter_that_is_refused_is_told_and_the_others_go_on(play: Play) -> None:
    told: list[TidelogError] = []

    def script(client: socket.socket) -> None:
        take_packet(client)
        client.sendall(CONNACK)
        client.sendall(suback(take_packet(client), b"\x01\x01\x01\x00\x00\x80\x01"))
        until_end(client)

    harness = play(script, filters=("a/+", "b/+"), refused=told.append)
    harness.first(Phase.ONLINE)
    (error,) = told
    assert error.code == "broker_subscription"
    assert "a/+" in str(error)
    assert "b/+" not in str(error)
