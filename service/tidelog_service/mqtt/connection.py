"""One connection of the service to its broker, from CONNECT to its end, on paho's public interface.

paho's own loop is not used: it asks the system about each packet, and wakes its thread for each
acknowledgement. Here one thread sleeps on the socket and on `Outgoing`, takes everything that has come, and
writes everything that is to go at once.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tidelog.wire.errors import TidelogError
from tidelog.wire.topics import SERVICE_STATUS
from tidelog_service.engine.status import OFFLINE
from tidelog_service.mqtt import failures
from tidelog_service.mqtt.outgoing import MID_BITS, Acknowledgements, Outgoing, Publication, Subscriptions
from tidelog_service.mqtt.ports import Inbound, Token
from tidelog_service.mqtt.sockets import BufferedSocket, buffering

KEEPALIVE_S: Final = 30
"""A broker notices within 45 s that the service's machine is gone, and says so to the devices."""

CONNECT_S: Final = 5.0
"""For the TCP connection and TLS, each: a broker is near."""

HANDSHAKE_S: Final = 10.0
"""From CONNECT to CONNACK, and without any packet until SUBACK: a kept session's messages come before it."""

GOODBYE_S: Final = 2.0
"""For the last packets and DISCONNECT, when the service stops."""

UNSENT_BYTES_MAX: Final = 16_777_216
"""What may wait for a broker that does not read; publications beyond it are dropped, as QoS 0 allows."""

UNACKNOWLEDGED_MAX: Final = 10_000
"""Messages that the worker may have before it; then the broker has to wait. Many batches, bounded memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where and as whom the service connects.

    Attributes:
        host: the broker's name or address.
        port: its TCP port.
        client_id: names the session that the broker keeps.
        username: MQTT user name.
        password: its password; not shown.
        tls: for TLS; ``None`` for plain TCP.
        filters: subscriptions that the service cannot do without, each with its QoS, 0 or 1.
        extra: those beside, at QoS 1; where the broker refuses one the others go on.
        unwanted: what the session may be subscribed to from before, and is to be no more.
        status: the payload of the retained online status.
    """

    host: str
    port: int
    client_id: str
    username: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None
    filters: Sequence[tuple[str, int]]
    extra: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    status: bytes

    @property
    def broker(self) -> str:
        """Host and port, for messages to people."""
        return f"{self.host}:{self.port}"


@dataclass(slots=True, kw_only=True)
class Counts:
    """Totals of a link over all its connections; each is written by one thread only.

    Attributes:
        received: packets handed to the worker.
        owed: those of them that need an acknowledgement.
        acknowledged: those of them that the worker has acknowledged, on whichever connection.
        published: QoS 0 packets given to the broker.
        dropped: QoS 0 packets that were not, by the link's thread.
        dropped_offline: the same, by the worker's.
    """

    received: int = 0
    owed: int = 0
    acknowledged: int = 0
    published: int = 0
    dropped: int = 0
    dropped_offline: int = 0


class Connection:
    """A paho client with an event loop around it; used once.

    Args:
        account: where to.
        number: 1, 2, 3, ... over the life of a link; part of every token.
        outgoing: what to send.
        counts: counted up.
        receive: called with each packet, in the thread that calls `run`.
        online: called once every subscription is granted, with whether the broker had kept the session.
        refused: called with those beside that the broker refuses.
        stopping: asked after each wake-up whether to say goodbye.

    Attributes:
        is_open: the broker accepted the connection and it has not ended: packets can be sent.
    """

    def __init__(  # noqa: PLR0913 - all named
        self,
        account: Account,
        *,
        number: int,
        outgoing: Outgoing,
        counts: Counts,
        receive: Callable[[Inbound], None],
        online: Callable[[bool], None],
        refused: Callable[[Sequence[str]], None],
        stopping: Callable[[], bool],
    ) -> None:
        """See the class."""
        self._account = account
        self._first_token = number << MID_BITS
        self._number = number
        self._outgoing = outgoing
        self._counts = counts
        self._receive = receive
        self._online = online
        self._refused = refused
        self._asked: dict[int | None, tuple[str, ...]] = {}
        self._stopping = stopping
        self._fault: TidelogError | None = None
        self._session_present = False
        self._deadline: float | None = None
        self._progress = 0
        self._online_at: float | None = None
        self._leaving = False
        self.is_open = False
        self._sock: BufferedSocket | None = None
        self._client = self._make_client()

    @property
    def online_s(self) -> float:
        """Seconds since it went online; 0 where it never did."""
        return 0.0 if self._online_at is None else time.monotonic() - self._online_at

    def run(self) -> TidelogError | None:
        """Connect and stay until the connection ends.

        Returns:
            why it ended; ``None`` after a goodbye.
        """
        try:
            self._loop(self._connect())
        except Exception as error:  # noqa: BLE001 - whatever ends a connection is told and answered by a new one
            self._fault = self._fault or failures.of_exception(error, self._account.broker)
        finally:
            self.is_open = False
            if self._sock:
                self._sock.close()
        if self._fault is None and not self._stopping():
            return failures.link_lost(self._account.broker)
        return self._fault

    def _make_client(self) -> Client:
        account = self._account
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=account.client_id,
            clean_session=False,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_S
        client.username_pw_set(account.username, account.password)
        client.will_set(SERVICE_STATUS, OFFLINE, qos=1, retain=True)
        client.tls_set_context(buffering(account.tls))
        client.on_socket_open = self._on_socket_open
        # Its presence tells paho that an event loop of ours does the writing.
        client.on_socket_register_write = _leave_writing
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _connect(self) -> BufferedSocket:
        self._deadline = time.monotonic() + CONNECT_S + HANDSHAKE_S
        self._client.connect(self._account.host, self._account.port, keepalive=KEEPALIVE_S)
        assert self._sock is not None  # noqa: S101 - `_on_socket_open` set it
        # CONNECT is in paho's queue: nothing else would wake the loop to write it.
        self._client.loop_write()
        return self._sock

    def _on_socket_open(self, _client: Client, _data: object, sock: object) -> None:
        assert isinstance(sock, BufferedSocket)  # noqa: S101 - `buffering` made it
        # A receipt must not wait for the acknowledgement of the one before it (RFC 896): 2 ms, not 20.
        sock.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock

    def _loop(self, sock: BufferedSocket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._outgoing, selectors.EVENT_READ)
            selector.register(sock, selectors.EVENT_WRITE)
            interest = selectors.EVENT_WRITE
            while self._is_ours(sock):
                wanted = self._interest(sock)
                if wanted != interest:
                    _watch(selector, sock, interest, wanted)
                    interest = wanted
                for key, _ in selector.select(self._patience(sock)):
                    if key.fileobj is self._outgoing:
                        self._outgoing.hush()
                if self._stopping() and not self._leaving:
                    self._say_goodbye()
                self._turn(sock)

    def _interest(self, sock: BufferedSocket) -> int:
        reading = 0 if self._is_behind() else selectors.EVENT_READ
        return reading | (selectors.EVENT_WRITE if sock.unsent_bytes else 0)

    def _turn(self, sock: BufferedSocket) -> None:
        """Take what has come, send what is to go."""
        if not self._is_behind():
            self._take(sock)
        if self._fault:
            raise self._fault
        if self.is_open:
            self._send(sock)
        self._client.loop_misc()
        self._client.loop_write()
        sock.flush()
        if self._leaving and not sock.unsent_bytes:
            sock.linger()
            self._client.disconnect()
            self._client.loop_write()
        self._mind_deadline()

    def _take(self, sock: BufferedSocket) -> None:
        sock.fill()
        while sock.unread_bytes and self._is_ours(sock):
            self._client.loop_read()

    def _is_ours(self, sock: BufferedSocket) -> bool:
        """Whether paho still uses it: it closes and forgets its socket when the connection ends."""
        current: object = self._client.socket()
        return current is sock

    def _mind_deadline(self) -> None:
        if self._deadline is None:
            return
        now = time.monotonic()
        progress = self._counts.received + self._counts.acknowledged
        if self.is_open and not self._leaving and self._progress != progress:
            self._progress = progress
            self._deadline = now + HANDSHAKE_S
        if now >= self._deadline:
            raise failures.no_answer(self._account.broker)

    def _is_behind(self) -> bool:
        """Whether the worker has enough before it, so that the broker must wait."""
        return self._counts.owed - self._counts.acknowledged >= UNACKNOWLEDGED_MAX

    def _patience(self, sock: BufferedSocket) -> float:
        if sock.pending() and not self._is_behind():
            return 0.0
        longest_s = KEEPALIVE_S / 4
        if self._deadline is None:
            return longest_s
        return max(0.0, min(longest_s, self._deadline - time.monotonic()))

    def _send(self, sock: BufferedSocket) -> None:
        for item in self._outgoing.take():
            if isinstance(item, Subscriptions):
                self._subscribe(item)
            elif isinstance(item, Acknowledgements):
                if item.connection == self._number:
                    sock.send(item.packets)
            elif sock.unsent_bytes < UNSENT_BYTES_MAX:
                self._client.publish(item.topic, item.payload, qos=0, retain=item.retain)
                self._client.loop_write()
                self._counts.published += 1
            else:
                self._counts.dropped += 1

    def _on_connect(
        self, _client: Client, _data: object, flags: ConnectFlags, reason: ReasonCode, _: Properties | None
    ) -> None:
        if reason.is_failure:
            self._fault = failures.of_refusal(reason, self._account.broker)
            return
        self._session_present = flags.session_present
        self.is_open = True
        # Always, whatever the session holds: it brings the devices' retained statuses after a restart.
        needed = [topic for topic, _ in self._account.filters]
        extra = [(topic, 1) for topic in self._account.extra]
        _result, mid = self._client.subscribe([*self._account.filters, *extra])
        self._asked[mid] = (*needed, *self._account.extra)
        if self._account.unwanted:
            self._client.unsubscribe(list(self._account.unwanted))

    def _subscribe(self, change: Subscriptions) -> None:
        if change.unwanted:
            self._client.unsubscribe(list(change.unwanted))
        if change.wanted:
            _result, mid = self._client.subscribe([(topic, 1) for topic in change.wanted])
            self._asked[mid] = change.wanted

    def _on_subscribe(
        self, _client: Client, _data: object, mid: int, reasons: list[ReasonCode], _: Properties | None
    ) -> None:
        pairs = zip(self._asked.pop(mid), reasons, strict=True)
        refused = [topic for topic, reason in pairs if reason.is_failure]
        needed = {topic for topic, _ in self._account.filters}
        if needed.intersection(refused):
            self._fault = failures.of_subscription(refused, self._account.broker)
            return
        if refused:
            self._refused(refused)
        if self._online_at is not None:
            return
        self._publish_status(self._account.status)
        self._deadline = None
        self._online_at = time.monotonic()
        self._online(self._session_present)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # No device has such a topic: the worker refuses the empty one, and it is acknowledged.
            topic = ""
        counts, qos = self._counts, message.qos
        counts.received += 1
        if qos:
            counts.owed += 1
        token = Token(self._first_token | message.mid if qos else 0)
        self._receive(Inbound(topic, bytes(message.payload), qos, message.retain, token))

    def _publish_status(self, payload: bytes) -> None:
        self._client.publish(SERVICE_STATUS, payload, qos=0, retain=True)

    def _say_goodbye(self) -> None:
        if not self.is_open:
            raise failures.link_lost(self._account.broker)
        self._leaving = True
        self._deadline = time.monotonic() + GOODBYE_S
        # After everything that the worker has put before the service stopped.
        self._outgoing.put(Publication(SERVICE_STATUS, OFFLINE, retain=True))


def _leave_writing(_client: Client, _data: object, _sock: object) -> None:
    """The loop writes after each turn."""


def _watch(selector: selectors.BaseSelector, sock: BufferedSocket, interest: int, wanted: int) -> None:
    with suppress(KeyError):
        if interest and not wanted:
            selector.unregister(sock)
        elif wanted and not interest:
            selector.register(sock, wanted)
        else:
            selector.modify(sock, wanted)
