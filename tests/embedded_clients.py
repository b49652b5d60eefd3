"""For the tests of the embedded broker: paho for what clients do, raw sockets for the rest, and fixtures."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tidelog_service.embedded import EmbeddedBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Connect = Callable[..., "Client"]

SECRET = "open sesame"
PACKET_BYTES_MAX = 70_000
WAIT_SECONDS = 5.0
POLL_SECONDS = 0.002


class Devices:
    """An authority that admits every device with the same secret, but for those revoked."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()

    def admits(self, device: str, secret: str) -> bool:
        return secret == SECRET and device not in self.revoked


def eventually(condition: Callable[[], object], what: str = "") -> None:
    """Poll until the condition holds; fail after some seconds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what or condition}"
        time.sleep(POLL_SECONDS)


class Client:
    """A paho client that keeps what happens to it; `messages` holds (topic, payload, retained, QoS)."""

    def __init__(
        self,
        port: int,
        name: str,
        *,
        secret: str | None = SECRET,
        user: str | None = None,
        clean: bool = True,
        will: tuple[str, bytes, int, bool] | None = None,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
    ) -> None:
        fresh = None if version == MQTTProtocolVersion.MQTTv5 else clean
        self._paho = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            clean_session=fresh,
            protocol=version,
            reconnect_on_failure=False,
        )
        if secret is not None:
            self._paho.username_pw_set(user or name, secret)
        if will is not None:
            self._paho.will_set(*will)
        self.messages: list[tuple[str, bytes, bool, int]] = []
        self.refusal = ""
        self.session_present = False
        self.gone = threading.Event()
        self._connected = threading.Event()
        self._granted: dict[int, list[int]] = {}
        self._paho.on_connect = self._on_connect
        self._paho.on_disconnect = lambda *_: self.gone.set()
        self._paho.on_message = lambda _, __, message: self.messages.append(
            (message.topic, message.payload, message.retain, message.qos)
        )
        self._paho.on_subscribe = lambda _, __, mid, codes, ___: self._granted.update(
            {mid: [each.value for each in codes]}
        )
        self._paho.connect("127.0.0.1", port)
        self._paho.loop_start()
        eventually(lambda: self._connected.is_set() or self.gone.is_set(), f"CONNACK for {name}")

    def _on_connect(self, *arguments: object) -> None:
        _, _, flags, reason, _ = arguments
        self.session_present = flags.session_present  # type: ignore[attr-defined]  # paho's callback is untyped
        self.refusal = "" if reason == 0 else str(reason)
        self._connected.set()

    @property
    def sock(self) -> socket.socket:
        found = self._paho.socket()
        assert isinstance(found, socket.socket)
        return found

    def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """Subscribe, and return the return codes."""
        _, mid = self._paho.subscribe([(each, qos) for each in filters])
        eventually(lambda: mid in self._granted, f"SUBACK for {filters}")
        return self._granted[mid]

    def publish(self, topic: str, payload: bytes = b"x", *, qos: int = 1, retain: bool = False) -> None:
        """Publish, and return when paho says that it is done: sent, or acknowledged at QoS 1."""
        self._paho.publish(topic, payload, qos, retain).wait_for_publish(WAIT_SECONDS)

    def acknowledged(self, topic: str) -> bool:
        """Publish at QoS 1 and say whether it was acknowledged before the connection ended."""
        info = self._paho.publish(topic, b"x", 1)
        eventually(lambda: info.is_published() or self.gone.is_set(), "PUBACK")
        return info.is_published()

    def payloads(self) -> list[bytes]:
        return [payload for _, payload, _, _ in self.messages]

    def leave(self) -> None:
        """DISCONNECT."""
        self._paho.disconnect()
        eventually(self.gone.is_set, "the end of the connection")

    def die(self) -> None:
        """Lose the connection without a word."""
        self.sock.shutdown(socket.SHUT_RDWR)
        eventually(self.gone.is_set, "the end of the connection")

    def close(self) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()


def text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def packet(first: int, body: bytes) -> bytes:
    """A packet with its fixed header."""
    rest, length = len(body), bytearray()
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | 0x80 if rest else low)
        if not rest:
            return bytes([first]) + bytes(length) + body


def connect_packet(name: str, secret: str = SECRET, *, keep_alive: int = 60, clean: bool = True) -> bytes:
    flags = 0xC2 if clean else 0xC0
    head = b"\x00\x04MQTT\x04" + bytes([flags]) + keep_alive.to_bytes(2, "big")
    return packet(0x10, head + text(name) + text(name) + text(secret))


def publish_packet(topic: str, payload: bytes, *, packet_id: int = 0, flags: int = 2) -> bytes:
    number = packet_id.to_bytes(2, "big") if flags & 6 else b""
    return packet(0x30 | flags, text(topic) + number + payload)


def subscribe_packet(topic_filter: str, qos: int) -> bytes:
    return packet(0x82, b"\x00\x01" + text(topic_filter) + bytes([qos]))


class Raw:
    """A socket that speaks MQTT only as far as the test does."""

    def __init__(self, port: int, *, receive_buffer_bytes: int = 0) -> None:
        self.sock = socket.socket()
        if receive_buffer_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.sock.settimeout(WAIT_SECONDS)
        self.sock.connect(("127.0.0.1", port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def enter(self, name: str, secret: str = SECRET, *, keep_alive: int = 60, clean: bool = True) -> Self:
        """CONNECT, and have it accepted."""
        self.send(connect_packet(name, secret, keep_alive=keep_alive, clean=clean))
        assert self.read(4)[3] == 0
        return self

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            chunk = self.sock.recv(length - len(data))
            assert chunk, f"closed after {data.hex()}"
            data += chunk
        return data

    def read_packet(self) -> tuple[int, bytes]:
        """First byte and body of the next packet."""
        first, length, shift = self.read(1)[0], 0, 0
        while True:
            (byte,) = self.read(1)
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first, self.read(length)

    def rest(self) -> bytes:
        """Everything until the broker closes; fails where it does not."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := self.sock.recv(65_536):
                data += chunk
        return data

    def drain(self) -> None:
        """Read until the broker closes in good order."""
        while self.sock.recv(65_536):
            pass


class Embedded:
    """The fixtures, for the test classes that inherit them."""

    @pytest.fixture
    def devices(self) -> Devices:
        return Devices()

    @pytest.fixture
    def broker(self, devices: Devices) -> Iterator[EmbeddedBroker]:
        with EmbeddedBroker(
            port=0, authority=devices, packet_bytes_max=PACKET_BYTES_MAX, extra_publish=("sensors/+/+",)
        ) as started:
            yield started

    @pytest.fixture
    def small(self, devices: Devices) -> Iterator[EmbeddedBroker]:
        """A broker with room for little."""
        with EmbeddedBroker(
            port=0,
            authority=devices,
            packet_bytes_max=PACKET_BYTES_MAX,
            connections_max=2,
            session_queue_max=5,
        ) as started:
            yield started

    @pytest.fixture
    def connect(self) -> Iterator[Connect]:
        """Makes clients, and closes them after the test."""
        clients: list[Client] = []

        def connect(broker: EmbeddedBroker, name: str, **options: object) -> Client:
            secret = broker.service_password if name == "service" else SECRET
            merged = {"secret": secret, **options}
            clients.append(Client(broker.port, name, **merged))  # type: ignore[arg-type]  # options of cases
            return clients[-1]

        yield connect
        for each in clients:
            each.close()
