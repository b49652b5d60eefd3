"""A device's link to a real broker: one thread that connects, stays, and connects again."""

from __future__ import annotations

import random
import ssl
import threading
from typing import Final

from tidelog.mqtt import failures
from tidelog.mqtt.backoff import STABLE_S, Backoff
from tidelog.mqtt.client import Login
from tidelog.mqtt.connection import Connection, Session
from tidelog.replica.ports import Listener
from tidelog.wire.errors import Denied, TidelogError, UsageError
from tidelog.wire.frames import Presence
from tidelog.wire.topics import checked_device
from tidelog.wire.url import BrokerUrl

STOP_S: Final = 4.0
"""How long `PahoTransport.stop` waits: the goodbye's 2 s and some. A thread that is in the middle of opening
a socket cannot be interrupted; it ends by itself within seconds, silently."""

_QUICK_ENDS: Final = 3
"""So many connections in a row that were accepted and soon lost look like two programs with one id."""


class PahoTransport:
    """`tidelog.replica.ports.Transport` over MQTT 3.1.1 or 5, plain, TLS or WebSocket.

    The session at the broker outlives the connection (clean session 0; with MQTT 5 for 7 days), so a
    reconnect sends no SUBSCRIBE. The retained topic ``tl1/<device>/status`` says whether the device is
    there; its last will says that it is not. Waits between attempts are `tidelog.mqtt.backoff.Backoff`.

    Sizes that it reports are MQTT bytes: TCP, TLS and WebSocket headers come on top.

    Args:
        url: the broker.
        device: the device id; client id and user name too.
        secret: the password.
        live: what the status says while connected: ``LIVE``, or ``QUIET`` to get no live pushes.
        random: where the jitter comes from.
        backoff: waits between attempts, in place of the default ones.

    Raises:
        UsageError: the device id cannot be, or the file that ``ca`` names cannot be read (code ``ca``).
    """

    def __init__(
        self,
        url: BrokerUrl,
        *,
        device: str,
        secret: str,
        live: Presence,
        random: random.Random,
        backoff: Backoff | None = None,
    ) -> None:
        """See the class."""
        self._url = url
        self._login = Login(device=checked_device(device), secret=secret, presence=live)
        self._tls = _tls_context(url)
        self._backoff = backoff or Backoff(random)
        self._session = Session()
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None
        self._quick_ends = 0

    def start(self, listener: Listener) -> None:
        """Begin to connect in the background; returns at once, never raises because the link is down.

        Args:
            listener: called on the transport's thread; what its ``on_online`` and ``on_packet`` raise ends
                the connection and comes back as ``on_offline`` (code ``transport_failed``).

        Raises:
            UsageError: it was started before (code ``started``).
        """
        if self._thread:
            raise UsageError("the transport was started before", code="started", hint="make a new one")
        name = f"tidelog-{self._login.device}"
        self._thread = threading.Thread(target=self._run, args=(listener,), name=name, daemon=True)
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        """Hand a PUBLISH to the socket; while offline it is dropped (the machine sends again).

        Returns:
            MQTT bytes that it takes on the socket, PUBACK included; 0 if dropped.
        """
        connection = self._connection
        return connection.publish(topic, payload, qos=qos, retain=retain) if connection else 0

    def hasten(self) -> None:
        """Try to connect now, where it waits between attempts: somebody waits, or the network is back."""
        self._hurry.set()

    def stop(self) -> None:
        """Publish the offline status, disconnect and end the thread; idempotent, at most `STOP_S`."""
        self._stopping.set()
        self._hurry.set()
        if connection := self._connection:
            connection.wake()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(STOP_S)

    def _run(self, listener: Listener) -> None:
        while not self._stopping.is_set():
            self._hurry.clear()
            reason, online_s = self._attempt(listener)
            if not self._stopping.is_set():
                wait_s = self._backoff.after(online_s=online_s, denied=isinstance(reason, Denied))
                listener.on_offline(self._explained(reason, online_s))
                self._hurry.wait(wait_s)

    def _attempt(self, listener: Listener) -> tuple[TidelogError, float]:
        try:
            connection = self._connection = Connection(
                self._url,
                login=self._login,
                session=self._session,
                tls=self._tls,
                listener=listener,
                stopping=self._stopping,
            )
        except OSError as error:
            # No file descriptors left, say: they may come back.
            return failures.of_exception(error, self._url), 0.0
        reason = connection.run()
        self._connection = None
        return reason, connection.online_s

    def _explained(self, reason: TidelogError, online_s: float) -> TidelogError:
        quick = reason.code == "link_lost" and 0 < online_s < STABLE_S
        self._quick_ends = self._quick_ends + 1 if quick else 0
        if self._quick_ends >= _QUICK_ENDS:
            reason.hint = failures.TAKEN_OVER_HINT
        return reason


def _tls_context(url: BrokerUrl) -> ssl.SSLContext | None:
    if not url.tls:
        return None
    try:
        return ssl.create_default_context(cafile=url.ca or None)
    except OSError as error:
        raise UsageError(
            f"the certificates in {url.ca!r} cannot be read: {error.strerror or error}",
            code="ca",
            hint="ca= names a file with certificates in PEM",
        ) from error
