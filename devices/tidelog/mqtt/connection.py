"""One connection to a broker, from CONNECT to its end, on paho's public interface for event loops.

paho's own loops are not used: ``loop_start`` adds a thread, and under ``loop_forever`` a publish from another
thread writes to the socket from there, so that two threads could cut into each other's packets. Here one
thread is the event loop and does all the reading and writing.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tidelog.mqtt import failures
from tidelog.mqtt.client import Login, buffered, connect, linger, make_client
from tidelog.replica.ports import Listener
from tidelog.wire import mqttsize
from tidelog.wire.errors import TidelogError
from tidelog.wire.frames import Presence
from tidelog.wire.topics import reply_topic, status_topic
from tidelog.wire.url import BrokerUrl

HANDSHAKE_S: Final = 30.0
"""How long the broker may take for CONNACK and SUBACK: a satellite link with losses."""

GOODBYE_S: Final = 2.0
"""How long the last packets may take to leave; the last will says the same as they do."""

DOUBT_S: Final = 20.0
"""How long a resumed session may stay without an answer after we published before it is subscribed anew."""

_PING_CHECKS: Final = 6
"""The loop looks after pings so many times in a keepalive: a broker waits for one and a half."""


@dataclass(slots=True)
class Session:
    """What is known of the device's session at the broker, from one connection to the next.

    Attributes:
        subscribed: whether it holds the subscription to the reply topic; ``None``: unknown, where the
            broker kept a session from before this process.
    """

    subscribed: bool | None = None


class Connection:
    """A paho client that lives for one connection, so that nothing of an old one is ever sent again.

    Args:
        url: the broker.
        login: who connects.
        session: shared by the connections of a transport.
        tls: for encrypted links.
        listener: told of packets and of being online, on the thread that calls `run`.
        stopping: once set (and `wake` called) the connection says goodbye.
    """

    def __init__(
        self,
        url: BrokerUrl,
        *,
        login: Login,
        session: Session,
        tls: ssl.SSLContext | None,
        listener: Listener,
        stopping: threading.Event,
    ) -> None:
        """See the class."""
        self._url = url
        self._login = login
        self._session = session
        self._listener = listener
        self._stopping = stopping
        self._fault: TidelogError | None = None
        self._answered = self._spoke = self._leaving = self._dropped = False
        self._online_at: float | None = None
        self._timer: tuple[float, Callable[[], None]] | None = None
        self._waker, self._bell = socket.socketpair()
        self._waker.setblocking(False)
        self._bell.setblocking(False)
        self._client = make_client(url, login, tls)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect

    def run(self) -> TidelogError:
        """Connect and stay until the connection ends.

        Returns:
            why it ended.
        """
        try:
            connect(self._client, self._url)
            self._set_timer(HANDSHAKE_S, self._give_up)
            self._loop()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and a new connection follows
            self._fault = self._fault or failures.of_exception(error, self._url)
        finally:
            self._drop()
            self._waker.close()
            self._bell.close()
        return self._fault or failures.no_answer(self._url)

    @property
    def online_s(self) -> float:
        """Seconds since the connection went online; 0 where it never did."""
        return 0.0 if self._online_at is None else time.monotonic() - self._online_at

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> int:
        """See `tidelog.replica.ports.Transport.publish`; from any thread."""
        if self._dropped or self._online_at is None or self._client.publish(topic, payload, qos, retain).rc:
            return 0
        self._spoke = True
        self.wake()
        return self._size(topic, len(payload), qos)

    def wake(self) -> None:
        """Make the loop look around; from any thread."""
        # A full pipe has woken it already; a closed one has nothing to wake.
        with suppress(OSError):
            self._bell.send(b"\0")

    def _loop(self) -> None:
        sock: Any = self._client.socket()
        interest = selectors.EVENT_READ
        with selectors.DefaultSelector() as selector:
            selector.register(self._waker, selectors.EVENT_READ)
            selector.register(sock, interest)
            while self._alive():
                wanted = selectors.EVENT_READ | selectors.EVENT_WRITE * self._client.want_write()
                if wanted != interest:
                    selector.modify(sock, wanted)
                    interest = wanted
                ready = selector.select(self._patience(sock))
                self._turn(sock, {key.fileobj: events for key, events in ready})

    def _alive(self) -> bool:
        # paho closes and forgets its socket when the connection ends.
        return self._client.socket() is not None and not self._dropped

    def _turn(self, sock: Any, ready: dict[Any, int]) -> None:  # noqa: ANN401 - paho's sockets share no type
        if self._waker in ready:
            self._waker.recv(4096)
        if self._stopping.is_set() and not self._leaving:
            self._say_goodbye()
        if ready.get(sock, 0) & selectors.EVENT_READ or buffered(sock):
            self._client.loop_read()
        if self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()
        self._mind_timer()

    def _patience(self, sock: Any) -> float:  # noqa: ANN401 - see `_turn`
        if buffered(sock) or (self._stopping.is_set() and not self._leaving):
            return 0.0
        longest_s = self._client.keepalive / _PING_CHECKS
        if self._timer is None:
            return longest_s
        return max(0.0, min(longest_s, self._timer[0] - time.monotonic()))

    def _set_timer(self, seconds: float, action: Callable[[], None]) -> None:
        self._timer = (time.monotonic() + seconds, action)

    def _mind_timer(self) -> None:
        if self._timer and time.monotonic() >= self._timer[0]:
            action, self._timer = self._timer[1], None
            action()
        elif self._timer is None and self._spoke and self._session.subscribed is None:
            self._set_timer(DOUBT_S, self._settle_doubt)

    def _settle_doubt(self) -> None:
        # An earlier process may have lost its link between CONNECT and SUBSCRIBE: then the session is there
        # and the subscription is not, and no answer would ever come.
        if self._session.subscribed is None:
            self._subscribe()

    def _subscribe(self) -> None:
        self._client.subscribe(reply_topic(self._login.device), qos=0)

    def _on_connect(
        self,
        _client: Client,
        _data: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._answered = True
        if reason.is_failure:
            self._fault = failures.of_refusal(reason, self._url, self._login.device)
            return
        if not flags.session_present:
            self._session.subscribed = False
        if self._session.subscribed is False:
            self._subscribe()
        else:
            self._go_online(session_present=True)

    def _on_subscribe(
        self,
        _client: Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if reasons[0].is_failure:
            self._fault = failures.of_subscription(reasons[0], reply_topic(self._login.device))
            self._drop()
            return
        self._session.subscribed = True
        if self._online_at is None:
            self._go_online(session_present=False)

    def _go_online(self, *, session_present: bool) -> None:
        self._timer = None
        presence = self._login.presence.payload
        self._client.publish(status_topic(self._login.device), presence, qos=0, retain=True)
        # Before the listener hears of it: it may publish at once, from its own thread.
        self._online_at = time.monotonic()
        if not self._stopping.is_set():
            self._listener.on_online(session_present=session_present)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if message.topic == reply_topic(self._login.device):
            self._session.subscribed = True
        if not self._stopping.is_set():
            size = self._size(message.topic, len(message.payload) + _extra_bytes(message), message.qos)
            self._listener.on_packet(message.topic, bytes(message.payload), size)

    def _size(self, topic: str, payload_bytes: int, qos: int) -> int:
        return mqttsize.delivery_bytes(topic, payload_bytes, qos=qos, version5=self._url.version5)

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        told = flags.is_disconnect_packet_from_server
        self._fault = self._fault or failures.of_end(reason, self._url, told=told, answered=self._answered)

    def _say_goodbye(self) -> None:
        self._leaving = True
        self._set_timer(GOODBYE_S, self._drop)
        if self._online_at is not None:
            status = status_topic(self._login.device)
            self._client.publish(status, Presence.OFFLINE.payload, qos=0, retain=True)
        self._client.on_socket_close = linger
        self._client.disconnect()

    def _give_up(self) -> None:
        self._fault = failures.no_answer(self._url)
        self._drop()

    def _drop(self) -> None:
        # Without a DISCONNECT, so that the broker publishes the last will.
        self._dropped = True
        sock = self._client.socket()
        if sock:
            sock.close()


def _extra_bytes(message: MQTTMessage) -> int:
    """What its properties (MQTT 5) take beyond the one byte of an empty list, which `mqttsize` counts."""
    if message.properties is None:
        return 0
    return len(message.properties.pack()) - 1  # type: ignore[no-untyped-call] # paho leaves it so
