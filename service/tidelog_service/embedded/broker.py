"""The embedded broker: amqtt in a thread of its own, for one machine and small sites.

::

    with EmbeddedBroker(authority=devices, packet_bytes_max=66_000) as broker:
        print(broker.host, broker.port)

It speaks MQTT 3.1.1 over TCP, on the loopback interface unless told otherwise. Nothing outlives the process:
sessions, queues and retained messages are in memory.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

from tidelog.wire.errors import Unavailable, UsageError
from tidelog_service.embedded.rules import Authority, Rules
from tidelog_service.embedded.switch import Limits
from tidelog_service.embedded.thread import BrokerThread
from tidelog_service.engine.topic_filters import is_filter

if TYPE_CHECKING:
    from types import TracebackType

CONNECTIONS_MAX_DEFAULT: Final = 500
"""Half of the 1,024 files that a process may commonly have open; amqtt takes some 50 KB for each."""

SESSION_QUEUE_MAX_DEFAULT: Final = 1_000
"""Several of the service's batches; a device has at most a page and some live pushes waiting."""

SESSION_BYTES_MAX: Final = 8 * 1024 * 1024
"""What may wait for one session: for the service, a batch of the largest messages."""

BACKLOG: Final = 128
"""Connections that the kernel holds before they are accepted: a site's devices after a power cut."""

PORT_MAX: Final = 65_535
"""TCP ports are 16 bits wide."""

LOG_LEVELS: Final = {"amqtt": logging.ERROR, "transitions": logging.WARNING}
"""amqtt warns of each mistake of a client, and its state machines tell of each step."""


class EmbeddedBroker:
    """An MQTT 3.1.1 broker in this process, which knows who may do what.

    A device connects with its id as client id and user name, and its secret as password; see
    `tidelog_service.embedded.acl` for what it may do then. The service connects as ``service`` with
    `service_password` and may do everything. All others are refused.

    Args:
        host: name or address to listen on; of a name's addresses the first, IPv4 before IPv6.
        port: TCP port; 0 for a free one, see `port`.
        authority: knows the devices' secrets; called in the broker's thread.
        packet_bytes_max: the longest inbound MQTT packet (its "remaining length": topic and payload); a
            client that announces more is disconnected before any of it is read.
        connections_max: devices connected at the same time; further ones are refused.
        session_queue_max: messages that wait for one session or are unacknowledged by it. A device's further
            ones are dropped; at the service's limit, publishers wait. The service must acknowledge within it.
        extra_publish: topic filters that devices may publish to, see `allow`.

    Raises:
        UsageError: the port, a bound or a filter makes no sense.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        authority: Authority,
        packet_bytes_max: int,
        connections_max: int = CONNECTIONS_MAX_DEFAULT,
        session_queue_max: int = SESSION_QUEUE_MAX_DEFAULT,
        extra_publish: tuple[str, ...] = (),
    ) -> None:
        """See the class."""
        _check_bounds(port, min(packet_bytes_max, connections_max, session_queue_max))
        _check_filters(extra_publish)
        self._address = (host, port)
        self._rules = Rules(
            authority=authority, service_password=secrets.token_urlsafe(24), extra_publish=extra_publish
        )
        self._limits = Limits(
            packet_bytes_max=packet_bytes_max,
            connections_max=connections_max,
            session_queue_max=session_queue_max,
            session_bytes_max=SESSION_BYTES_MAX,
        )
        self._lock = threading.Lock()
        self._thread: BrokerThread | None = None

    @property
    def host(self) -> str:
        """The name or address to listen on, as given."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The TCP port that it listens on; while it does not run, the one that was asked for."""
        thread = self._thread
        return thread.port if thread else self._address[1]

    @property
    def service_password(self) -> str:
        """The password of the user ``service``: random, and valid for this object only."""
        return self._rules.service_password

    @property
    def dropped(self) -> int:
        """Messages dropped since the start because the queue of their session was full."""
        thread = self._thread
        return thread.dropped if thread else 0

    def start(self) -> None:
        """Listen; returns when devices can connect. Does nothing where the broker runs already.

        Raises:
            Unavailable: it cannot listen there; ``code`` is ``broker_host`` or ``broker_port``.
        """
        with self._lock:
            if self._thread is None:
                _quieten()
                self._thread = BrokerThread(_listen(*self._address), self._rules, self._limits)

    def allow(self, extra_publish: tuple[str, ...]) -> None:
        """Let devices publish to these filters instead of those from before, from the next message on.

        Args:
            extra_publish: topic filters; ``%u`` in one stands for the device's own id. They never reach into
                ``tl1/``.

        Raises:
            UsageError: one is no filter.
        """
        _check_filters(extra_publish)
        self._rules.extra_publish = extra_publish

    def disconnect(self, device: str) -> None:
        """Put a device out: its connection, its session, and every byte queued for it.

        Returns when it is done, from any thread but the broker's own, where it is done soon after. A device
        that its authority still admits may come back at once: revoke it there first.

        Args:
            device: the device id; an unknown one is ignored, as is any while the broker does not run.
        """
        thread = self._thread
        if thread is not None and thread.is_current:
            thread.evict_soon(device)
            return
        with self._lock:
            if self._thread is not None:
                self._thread.evict(device)

    def stop(self) -> None:
        """Put everyone out and stop listening; does nothing where the broker does not run."""
        with self._lock:
            if self._thread is not None:
                self._thread.stop()
                self._thread = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def _check_bounds(port: int, smallest: int) -> None:
    if not 0 <= port <= PORT_MAX:
        raise UsageError(f"not a TCP port: {port}", code="broker_port", hint="0 takes a free one")
    if smallest < 1:
        raise UsageError(
            f"a bound of the embedded broker is {smallest}",
            code="broker_bound",
            hint="packet_bytes_max, connections_max and session_queue_max are 1 or more",
        )


def _check_filters(extra_publish: tuple[str, ...]) -> None:
    for each in extra_publish:
        if not is_filter(each):
            raise UsageError(
                f"not a topic filter: {each!r}",
                code="topic_filter",
                hint="'+' stands for one whole level, '#' for all levels from there on, at the end only",
            )


def _quieten() -> None:
    """Set the level of amqtt's loggers, unless someone has set one."""
    for name, level in LOG_LEVELS.items():
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(level)


def _listen(host: str, port: int) -> socket.socket:
    family, address = _resolve(host, port)
    # asyncio sets TCP_NODELAY only where the listening socket names its protocol: `create_server` does not.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise Unavailable(
            f"cannot listen on {host} port {port}: {error.strerror}",
            code="broker_port",
            hint="another broker may be running there: stop it, or choose another port (0 takes a free one);"
            " ports below 1024 need privileges, and the address must be one of this machine",
        ) from error
    return sock


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise Unavailable(
            f"cannot resolve the broker's host {host!r}",
            code="broker_host",
            hint="127.0.0.1 serves this machine only, 0.0.0.0 every network that it is in",
        )
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, (str(address[0]), int(address[1]))
