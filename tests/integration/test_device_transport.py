"""The device's transport against a real Mosquitto, with a proxy that sees every byte."""

from __future__ import annotations

import queue
import random
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from components import program
from tidelog.mqtt import Backoff, BrokerUrl, PahoTransport
from tidelog.mqtt import connection as connection_module
from tidelog.mqtt.failures import TAKEN_OVER_HINT
from tidelog.wire.errors import Denied, TidelogError, Unavailable, UsageError
from tidelog.wire.frames import Presence

PATIENCE_S = 15.0
CONNECT, PUBLISH, PUBACK, SUBSCRIBE, DISCONNECT = 1, 3, 4, 8, 14


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


class Mosquitto:
    """A broker on a free port, with the given lines in its configuration."""

    def __init__(self, folder: Path, *lines: str, port: int = 0) -> None:
        self.port = port or free_port()
        self.config = folder / "mosquitto.conf"
        common = [f"listener {self.port} 127.0.0.1", "user root", "set_tcp_nodelay true", *lines]
        self.config.write_text("\n".join(common) + "\n")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [program("mosquitto"), "-c", str(self.config)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "mosquitto ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Wire:
    """A TCP proxy that keeps the bytes of each connection, by direction."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.connections: list[tuple[bytearray, bytearray]] = []
        self.sockets: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.threads = [threading.Thread(target=self._accept, name="wire")]
        self.threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                up, down = bytearray(), bytearray()
                self.sockets += [near, far]
                self.connections.append((up, down))
                for pump in ((near, far, up), (far, near, down)):
                    self.threads.append(threading.Thread(target=self._pump, args=pump, name="wire"))
                    self.threads[-1].start()

    def _pump(self, source: socket.socket, sink: socket.socket, seen: bytearray) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                seen += data
                sink.sendall(data)
        for sock in (source, sink):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        for sock in self.sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
        for thread in self.threads:
            thread.join()
        for sock in self.sockets:
            sock.close()


def packet_types(data: bytes | bytearray) -> list[int]:
    """The types of the MQTT packets in a stream."""
    types, at = [], 0
    while at < len(data):
        types.append(data[at] >> 4)
        length = shift = 0
        at += 1
        while True:
            length |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 0x80:
                break
        at += length
    return types


@dataclass
class Ear:
    """Queues what a transport tells."""

    online: queue.Queue[bool] = field(default_factory=queue.Queue)
    offline: queue.Queue[TidelogError] = field(default_factory=queue.Queue)
    packets: queue.Queue[tuple[str, bytes, int]] = field(default_factory=queue.Queue)
    bug: bool = False

    def on_online(self, *, session_present: bool) -> None:
        self.online.put(session_present)

    def on_offline(self, reason: TidelogError) -> None:
        self.offline.put(reason)

    def on_packet(self, topic: str, payload: bytes, size: int) -> None:
        if self.bug:
            self.bug = False
            raise ZeroDivisionError("a bug of the listener")
        self.packets.put((topic, payload, size))


class Watcher:
    """Another client, to see and send what passes through the broker."""

    def __init__(self, port: int) -> None:
        self.got: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
        ready = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="watcher")
        self.client.on_message = lambda _c, _d, m: self.got.put((m.topic, bytes(m.payload), m.retain))
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_connect = lambda client, *_: client.subscribe("tl1/#", qos=1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert ready.wait(PATIENCE_S)

    def next(self) -> tuple[str, bytes]:
        topic, payload, _ = self.got.get(timeout=PATIENCE_S)
        return topic, payload

    def send(self, topic: str, payload: bytes, *, qos: int = 0) -> None:
        self.client.publish(topic, payload, qos).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


Make = Callable[..., tuple[PahoTransport, Ear]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path, "allow_anonymous true")
    yield started
    started.stop()


@pytest.fixture
def wire(broker: Mosquitto) -> Iterator[Wire]:
    made = Wire(broker.port)
    yield made
    made.close()


@pytest.fixture
def watcher(broker: Mosquitto) -> Iterator[Watcher]:
    made = Watcher(broker.port)
    yield made
    made.close()


@pytest.fixture
def make() -> Iterator[Make]:
    """Starts transports that retry fast, and stops them."""
    made: list[PahoTransport] = []

    def start(
        url: str,
        *,
        device: str = "a1phone",
        secret: str = "s",  # noqa: S107 - of a throw-away broker
        live: Presence = Presence.LIVE,
    ) -> tuple[PahoTransport, Ear]:
        source = random.Random(1)
        quick = Backoff(source, first_s=0.05, longest_s=0.2, denied_first_s=0.1, denied_longest_s=0.2)
        transport = PahoTransport(
            BrokerUrl.parse(url), device=device, secret=secret, live=live, random=source, backoff=quick
        )
        made.append(transport)
        ear = Ear()
        transport.start(ear)
        return transport, ear

    yield start
    for transport in made:
        transport.stop()
    assert [one.name for one in threading.enumerate() if one.name.startswith("tidelog-")] == []


@pytest.mark.parametrize("version", ["", "?v=5"])
def test_packets_travel_both_ways(broker: Mosquitto, watcher: Watcher, make: Make, version: str) -> None:
    transport, ear = make(f"mqtt://127.0.0.1:{broker.port}{version}")
    assert ear.online.get(timeout=PATIENCE_S) is False
    assert watcher.next() == ("tl1/a1phone/status", b"1")
    assert transport.publish("tl1/a1phone/msg", b"up", qos=1) > 0
    assert watcher.next() == ("tl1/a1phone/msg", b"up")
    watcher.send("tl1/a1phone/re", b"down")
    assert ear.packets.get(timeout=PATIENCE_S)[:2] == ("tl1/a1phone/re", b"down")


@pytest.mark.parametrize("version", ["", "?v=5"])
def test_sizes_equal_the_bytes_on_the_socket(wire: Wire, watcher: Watcher, make: Make, version: str) -> None:
    transport, ear = make(f"mqtt://127.0.0.1:{wire.port}{version}")
    ear.online.get(timeout=PATIENCE_S)
    watcher.next()
    up, down = wire.connections[0]
    eventually(lambda: packet_types(up) == [CONNECT, SUBSCRIBE, PUBLISH])
    before = len(up) + len(down)
    sizes = 0
    for qos, length in ((1, 0), (0, 3), (1, 100), (0, 127), (1, 128), (0, 16_400)):
        sizes += transport.publish("tl1/a1phone/msg", b"x" * length, qos=qos)
        watcher.next()
    for length in (0, 110, 111, 20_000):
        watcher.send("tl1/a1phone/re", b"y" * length, qos=1)
        sizes += ear.packets.get(timeout=PATIENCE_S)[2]
    eventually(lambda: packet_types(down).count(PUBACK) == 3)
    assert sizes == len(up) + len(down) - before


def test_a_resumed_session_sends_no_subscribe(wire: Wire, watcher: Watcher, make: Make) -> None:
    _, ear = make(f"mqtt://127.0.0.1:{wire.port}")
    assert ear.online.get(timeout=PATIENCE_S) is False
    eventually(lambda: packet_types(wire.connections[0][0]) == [CONNECT, SUBSCRIBE, PUBLISH])
    wire.cut()
    assert ear.offline.get(timeout=PATIENCE_S).code == "link_lost"
    assert ear.online.get(timeout=PATIENCE_S) is True
    watcher.send("tl1/a1phone/re", b"again")
    assert ear.packets.get(timeout=PATIENCE_S)[1] == b"again"
    eventually(lambda: packet_types(wire.connections[1][0]) == [CONNECT, PUBLISH])


def test_a_session_is_resumed_by_the_next_process(wire: Wire, watcher: Watcher, make: Make) -> None:
    for expected in (False, True):
        transport, ear = make(f"mqtt://127.0.0.1:{wire.port}?v=5")
        assert ear.online.get(timeout=PATIENCE_S) is expected
        watcher.send("tl1/a1phone/re", b"hello")
        assert ear.packets.get(timeout=PATIENCE_S)[1] == b"hello"
        transport.stop()
    assert SUBSCRIBE not in packet_types(wire.connections[1][0])


def test_a_session_without_the_subscription_is_mended(
    broker: Mosquitto, watcher: Watcher, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that died between CONNECT and SUBSCRIBE leaves such a session behind."""
    monkeypatch.setattr(connection_module, "DOUBT_S", 0.1)
    earlier = Client(CallbackAPIVersion.VERSION2, client_id="a1phone", clean_session=False)
    earlier.connect("127.0.0.1", broker.port)
    earlier.loop_start()
    eventually(earlier.is_connected)
    earlier.disconnect()
    earlier.loop_stop()
    transport, ear = make(f"mqtt://127.0.0.1:{broker.port}")
    assert ear.online.get(timeout=PATIENCE_S) is True
    transport.publish("tl1/a1phone/sync", b"?", qos=0)

    def answered() -> bool:
        watcher.send("tl1/a1phone/re", b"!")
        return not ear.packets.empty()

    eventually(answered)


def test_a_dead_socket_leaves_the_last_will(wire: Wire, watcher: Watcher, make: Make) -> None:
    _, ear = make(f"mqtt://127.0.0.1:{wire.port}", live=Presence.QUIET)
    ear.online.get(timeout=PATIENCE_S)
    assert watcher.next() == ("tl1/a1phone/status", b"2")
    wire.cut()
    assert watcher.next() == ("tl1/a1phone/status", b"0")
    assert watcher.next() == ("tl1/a1phone/status", b"2")


@pytest.mark.parametrize("version", ["", "?v=5"])
def test_stop_says_offline_and_disconnects(wire: Wire, watcher: Watcher, make: Make, version: str) -> None:
    transport, ear = make(f"mqtt://127.0.0.1:{wire.port}{version}")
    ear.online.get(timeout=PATIENCE_S)
    assert watcher.next() == ("tl1/a1phone/status", b"1")
    transport.stop()
    transport.stop()
    assert watcher.next() == ("tl1/a1phone/status", b"0")
    eventually(lambda: packet_types(wire.connections[0][0])[-2:] == [PUBLISH, DISCONNECT])
    assert transport.publish("tl1/a1phone/msg", b"", qos=1) == 0
    assert ear.offline.empty()


def test_what_was_handed_over_before_stop_arrives(broker: Mosquitto, watcher: Watcher, make: Make) -> None:
    transport, ear = make(f"mqtt://127.0.0.1:{broker.port}")
    ear.online.get(timeout=PATIENCE_S)
    watcher.next()
    for number in range(50):
        transport.publish("tl1/a1phone/msg", b"%d" % number, qos=1)
    transport.stop()
    got = [watcher.next() for _ in range(51)]
    # The broker lets QoS 0 pass QoS 1 that waits for the watcher.
    assert [payload for topic, payload in got if topic.endswith("msg")] == [b"%d" % n for n in range(50)]
    assert ("tl1/a1phone/status", b"0") in got


@pytest.mark.parametrize("version", ["", "?v=5"])
def test_wrong_credentials_are_told_and_tried_again(tmp_path: Path, make: Make, version: str) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "a1phone", "right"], check=True)
    broker = Mosquitto(tmp_path, f"password_file {passwords}")
    try:
        _, ear = make(f"mqtt://127.0.0.1:{broker.port}{version}", secret="wrong")
        for _ in range(2):
            reason = ear.offline.get(timeout=PATIENCE_S)
            assert isinstance(reason, Denied)
            assert reason.code == "credentials"
            assert "wrong" not in str(reason) + reason.hint
        _, other = make(f"mqtt://127.0.0.1:{broker.port}{version}", secret="right")
        assert other.online.get(timeout=PATIENCE_S) is False
    finally:
        broker.stop()


def test_a_refused_subscription_is_told() -> None:
    """Mosquitto grants foreign subscriptions, so a broker of a few lines refuses here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = BrokerUrl.parse(f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        transport = PahoTransport(
            url,
            device="a1",
            secret="s",
            live=Presence.LIVE,
            random=random.Random(1),
        )
        ear = Ear()
        transport.start(ear)
        with server.accept()[0] as peer:
            peer.recv(1024)
            peer.sendall(b"\x20\x02\x00\x00")
            subscribe = peer.recv(1024)
            peer.sendall(b"\x90\x03" + subscribe[2:4] + b"\x80")
            reason = ear.offline.get(timeout=PATIENCE_S)
            assert peer.recv(1024) == b""
        transport.stop()
    assert isinstance(reason, Denied)
    assert reason.code == "subscription"
    assert ear.online.empty()


def test_a_broker_that_is_down_and_comes_up(tmp_path: Path, make: Make) -> None:
    port = free_port()
    transport, ear = make(f"mqtt://127.0.0.1:{port}")
    reason = ear.offline.get(timeout=PATIENCE_S)
    assert isinstance(reason, Unavailable)
    assert (reason.code, f"127.0.0.1:{port}" in str(reason)) == ("unreachable", True)
    assert transport.publish("tl1/a1phone/msg", b"", qos=1) == 0
    broker = Mosquitto(tmp_path, "allow_anonymous true", port=port)
    ear.online.get(timeout=PATIENCE_S)
    broker.stop()
    eventually(lambda: transport.publish("tl1/a1phone/msg", b"", qos=1) == 0)
    broker.start()
    assert ear.online.get(timeout=PATIENCE_S) is False
    transport.stop()
    broker.stop()


def test_a_peer_that_is_no_broker_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "HANDSHAKE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport, ear = make(f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        assert ear.offline.get(timeout=PATIENCE_S).code == "no_answer"
        transport.stop()


def test_a_bug_in_the_listener_costs_the_connection_not_the_thread(
    broker: Mosquitto, watcher: Watcher, make: Make
) -> None:
    _, ear = make(f"mqtt://127.0.0.1:{broker.port}")
    ear.online.get(timeout=PATIENCE_S)
    ear.bug = True
    watcher.send("tl1/a1phone/re", b"1")
    reason = ear.offline.get(timeout=PATIENCE_S)
    assert (reason.code, "ZeroDivisionError" in str(reason)) == ("transport_failed", True)
    ear.online.get(timeout=PATIENCE_S)
    watcher.send("tl1/a1phone/re", b"2")
    assert ear.packets.get(timeout=PATIENCE_S)[1] == b"2"


def test_two_programs_with_one_id_are_told_why(broker: Mosquitto, make: Make) -> None:
    _, first = make(f"mqtt://127.0.0.1:{broker.port}")
    first.online.get(timeout=PATIENCE_S)
    make(f"mqtt://127.0.0.1:{broker.port}")
    hints = [first.offline.get(timeout=PATIENCE_S).hint for _ in range(3)]
    assert hints[0] != TAKEN_OVER_HINT
    assert hints[2] == TAKEN_OVER_HINT


def test_many_packets_from_many_threads_stay_whole(broker: Mosquitto, watcher: Watcher, make: Make) -> None:
    transport, ear = make(f"mqtt://127.0.0.1:{broker.port}")
    ear.online.get(timeout=PATIENCE_S)
    watcher.next()

    def send(name: int) -> None:
        for number in range(40):
            transport.publish(f"tl1/a1phone/msg/{name}", b"%d" % number * 20_000, qos=1)

    threads = [threading.Thread(target=send, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got: dict[str, list[bytes]] = {}
    for _ in range(160):
        topic, payload = watcher.next()
        got.setdefault(topic, []).append(payload)
    assert len(got) == 4
    assert all(bodies == [b"%d" % number * 20_000 for number in range(40)] for bodies in got.values())


@pytest.mark.parametrize("version", ["", "?v=5"])
def test_websocket(tmp_path: Path, make: Make, version: str) -> None:
    port = free_port()
    lines = ["allow_anonymous true", f"listener {port} 127.0.0.1", "protocol websockets"]
    broker = Mosquitto(tmp_path, *lines)
    watcher = Watcher(broker.port)
    transport, ear = make(f"ws://127.0.0.1:{port}/mqtt{version}")
    ear.online.get(timeout=PATIENCE_S)
    watcher.next()
    for number in range(20):
        transport.publish("tl1/a1phone/msg", b"%d" % (number % 10) * 60_000, qos=1)
    for number in range(20):
        assert watcher.next()[1] == b"%d" % (number % 10) * 60_000
    watcher.send("tl1/a1phone/re", b"down" * 5_000)
    assert ear.packets.get(timeout=PATIENCE_S)[1] == b"down" * 5_000
    transport.stop()
    watcher.close()
    broker.stop()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(tmp_path / "server.key"), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


# paho leaves the socket of a failed TLS handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_trusts_only_whom_it_was_told_to(tmp_path: Path, certificate: Path, make: Make) -> None:
    lines = ["allow_anonymous true", f"certfile {certificate}", f"keyfile {certificate.with_suffix('.key')}"]
    broker = Mosquitto(tmp_path, *lines)
    transport, ear = make(f"mqtts://127.0.0.1:{broker.port}?ca={certificate}")
    assert ear.online.get(timeout=PATIENCE_S) is False
    assert transport.publish("tl1/a1phone/msg", b"x" * 60_000, qos=1) > 0
    _, stranger = make(f"mqtts://127.0.0.1:{broker.port}", device="b2")
    reason = stranger.offline.get(timeout=PATIENCE_S)
    assert (reason.code, "ca=" in reason.hint) == ("tls", True)
    transport.stop()
    broker.stop()


def test_a_certificate_file_that_is_not_there_is_refused_at_once() -> None:
    url = BrokerUrl.parse("mqtts://127.0.0.1?ca=/nowhere/ca.pem")
    with pytest.raises(UsageError) as caught:
        PahoTransport(url, device="a1", secret="s", live=Presence.LIVE, random=random.Random(1))
    assert caught.value.code == "ca"


def test_stopping_before_starting_and_starting_twice() -> None:
    url = BrokerUrl.parse(f"mqtt://127.0.0.1:{free_port()}")
    transport = PahoTransport(url, device="a1", secret="s", live=Presence.LIVE, random=random.Random(1))
    transport.stop()
    transport.start(Ear())
    with pytest.raises(UsageError):
        transport.start(Ear())
    transport.stop()


def test_the_trust_store_is_the_systems_by_default() -> None:
    url = BrokerUrl.parse("mqtts://127.0.0.1")
    transport = PahoTransport(url, device="a1", secret="s", live=Presence.LIVE, random=random.Random(1))
    context = transport._tls
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
