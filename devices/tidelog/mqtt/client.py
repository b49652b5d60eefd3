"""A paho client as a device needs it: identity, last will, socket options."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tidelog.wire.frames import Presence
from tidelog.wire.topics import status_topic
from tidelog.wire.url import BrokerUrl

CONNECT_S: Final = 10.0
"""How long TCP, TLS and WebSocket handshakes may take each: two SYNs lost, on a slow link."""

LINGER_S: Final = 1.0
"""How long the broker may take to read our DISCONNECT and close."""

SESSION_EXPIRY_S: Final = 7 * 24 * 3600
"""MQTT 5: how long the broker keeps the subscription of a device that is away."""

_INFLIGHT_MAX_V5: Final = 10
"""MQTT 5: QoS 1 packets under way, the rest waits in paho for PUBACKs. More than the broker's Receive Maximum
ends the connection, and paho takes a limit only before it knows that one: HiveMQ's default is 10, Mosquitto's
20, EMQX's 32. With MQTT 3.1.1 there is no such limit: the machine bounds what is under way."""

_SEND_BUFFER_BYTES: Final = 1 << 18
"""Several of the largest packets; see `_prepare_websocket`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who connects.

    Attributes:
        device: client id and user name.
        secret: the password.
        presence: what the retained status says while the device is connected.
    """

    device: str
    secret: str = field(repr=False)
    presence: Presence


def make_client(url: BrokerUrl, login: Login, tls: ssl.SSLContext | None) -> Client:
    """A client for one connection, not yet connected and without callbacks for packets.

    Writing to its socket is left to whoever runs its loop; publishing only queues.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=login.device,
        clean_session=None if url.version5 else False,
        protocol=MQTTv5 if url.version5 else MQTTv311,
        transport="websockets" if url.websocket else "tcp",
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECT_S
    client.username_pw_set(login.device, login.secret)
    client.will_set(status_topic(login.device), Presence.OFFLINE.payload, qos=0, retain=True)
    client.max_inflight_messages_set(_INFLIGHT_MAX_V5 if url.version5 else 0)
    if url.websocket:
        client.ws_set_options(path=url.path)
    if tls:
        client.tls_set_context(tls)
    client.on_socket_open = _prepare_websocket if url.websocket else _prepare
    client.on_socket_register_write = _leave_writing
    return client


def connect(client: Client, url: BrokerUrl) -> None:
    """Open the socket and queue CONNECT, for a session that outlives the connection.

    Raises:
        OSError: the broker cannot be reached; TLS and WebSocket failures are such errors too.
    """
    if not url.version5:
        client.connect(url.host, url.port, keepalive=url.keepalive_s)
        return
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it so
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    client.connect(url.host, url.port, keepalive=url.keepalive_s, clean_start=False, properties=properties)


def linger(_client: Client, _data: object, sock: Any) -> None:  # noqa: ANN401 - see `buffered`
    """Wait, as ``on_socket_close``, until the broker has read everything and closes too, `LINGER_S` at most.

    Closing a socket with unread bytes, a PUBACK say, resets the connection, and what we sent last is lost.
    """
    deadline = time.monotonic() + LINGER_S
    with suppress(OSError), _twin(sock) as twin:
        twin.shutdown(socket.SHUT_WR)
        twin.settimeout(LINGER_S)
        while twin.recv(1 << 16) and time.monotonic() < deadline:
            pass


def buffered(sock: Any) -> bool:  # noqa: ANN401 - paho's sockets share no type
    """Whether TLS has decrypted bytes that a selector does not see."""
    pending = getattr(sock, "pending", None)
    return pending is not None and pending() > 0


def _leave_writing(_client: Client, _data: object, _sock: object) -> None:
    # Its presence is what counts: paho then never writes from the thread that publishes, where it could cut
    # into a packet that the loop's thread is writing.
    return


def _prepare(_client: Client, _data: object, sock: Any) -> None:  # noqa: ANN401 - see `buffered`
    # Without it a receipt took 20 ms instead of 2.
    with _twin(sock) as twin:
        twin.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _prepare_websocket(client: Client, data: object, sock: Any) -> None:  # noqa: ANN401 - see `buffered`
    _prepare(client, data, sock)
    # paho 2.2 loses a packet that the socket took only in part when it travels in WebSocket frames
    # (`_packet_write` does not put it back): make room enough that this does not happen.
    with _twin(sock) as twin:
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)


def _twin(sock: Any) -> socket.socket:  # noqa: ANN401 - see `buffered`
    # A second descriptor of the same socket: paho's WebSocket hides the first, and TLS dresses it.
    return socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_STREAM)
