"""The service as a client of its broker: a thread that keeps a connection, whatever happens to it.

Messages arrive at QoS 1 and are acknowledged one by one, after the commit; the session at the broker is kept,
so that what was not acknowledged comes again after a crash or a lost link (MQTT 3.1.1, section 4.4).
"""

from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tidelog.wire.errors import TidelogError
from tidelog.wire.topics import SERVICE, SERVICE_SUBSCRIPTIONS
from tidelog_service.engine.status import online
from tidelog_service.mqtt import failures
from tidelog_service.mqtt.connection import Account, Connection, Counts
from tidelog_service.mqtt.outgoing import Outgoing, Publication, Subscriptions, acknowledgements
from tidelog_service.mqtt.ports import Inbound, LinkState, Phase, Token

__all__ = ["Inbound", "Link", "LinkState", "Phase", "Token"]

RETRY_FIRST_S: Final = 0.2
"""The most that the first wait lasts: a broker that restarts is missed for a moment only."""

RETRY_LONGEST_S: Final = 10.0
"""The most that any wait lasts: devices wait for the service."""

STABLE_S: Final = 10.0
"""After a connection that lived so long the waits start from the beginning; two programs with one client id,
which throw each other out, slow down instead."""


class Link:
    """The service's link to its broker.

    Args:
        host: the broker's name or address.
        port: its TCP port.
        client_id: names the session that the broker keeps; of two with one id the broker throws one out.
        username: MQTT user name.
        password: its password.
        receive: takes a packet; called in the link's thread, so it must only put it into a queue.
        state: told of each change; called in the link's thread.
        tls: for TLS; ``None`` for plain TCP.
        filters: subscriptions beside those of the protocol, for ingest rules, at QoS 1.
        unwanted: what the session may be subscribed to from before, and is to be no more.
        refused: told of those of `filters` that the broker refuses; called in the link's thread.
        details: added to the retained online status, JSON values.
    """

    def __init__(  # noqa: PLR0913 - all named
        self,
        *,
        host: str,
        port: int,
        client_id: str = SERVICE,
        username: str,
        password: str,
        receive: Callable[[Inbound], None],
        state: Callable[[LinkState], None],
        tls: ssl.SSLContext | None = None,
        filters: Sequence[str] = (),
        unwanted: Sequence[str] = (),
        refused: Callable[[TidelogError], None] = lambda _: None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """See the class."""
        self._account = Account(
            host=host,
            port=port,
            client_id=client_id,
            username=username,
            password=password,
            tls=tls,
            filters=SERVICE_SUBSCRIPTIONS,
            extra=tuple(filters),
            unwanted=tuple(unwanted),
            status=online(details or {}),
        )
        self._receive = receive
        self._state = state
        self._tell_refused = refused
        self._jitter = random.Random()  # noqa: S311 - spreads load, protects nothing
        self._outgoing = Outgoing()
        self._counts = Counts()
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._number = 0
        self._thread = threading.Thread(target=self._run, name="tidelog-link", daemon=True)

    @property
    def received(self) -> int:
        """Packets handed to `receive` so far."""
        return self._counts.received

    @property
    def published(self) -> int:
        """Packets given to the broker so far; status not counted."""
        return self._counts.published

    @property
    def dropped(self) -> int:
        """Packets not published so far: offline, or the broker did not read."""
        return self._counts.dropped + self._counts.dropped_offline

    @property
    def unacknowledged(self) -> int:
        """Packets received at QoS 1 and not yet acknowledged; from 10,000 on the broker has to wait."""
        return self._counts.owed - self._counts.acknowledged

    def start(self) -> None:
        """Connect in a thread of its own, again and again until `stop`."""
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 0; dropped and counted while there is no connection. One thread calls it."""
        connection = self._connection
        if connection is not None and connection.is_open:
            self._outgoing.put(Publication(topic, payload, retain))
        else:
            self._counts.dropped_offline += 1

    def acknowledge(self, tokens: Iterable[Token]) -> None:
        """Tell the broker that these packets are safe, all in one write. One thread calls it.

        Args:
            tokens: of received packets, each once, in any order. Those of an earlier connection are ignored:
                the broker has sent, or will send, their packets again.
        """
        kept = [token for token in tokens if token]
        self._counts.acknowledged += len(kept)
        # Rings even where nothing is to be sent: the broker may have been made to wait.
        self._outgoing.put(acknowledgements(self._number, kept))

    def watch(self, filters: Sequence[str]) -> None:
        """Subscribe to these instead of the `filters` from before; from any thread, one at a time.

        What both have stays as it is: a second SUBSCRIBE would bring what the broker retains once more.
        """
        before, wanted = self._account, tuple(filters)
        gone = tuple(
            dict.fromkeys(topic for topic in (*before.unwanted, *before.extra) if topic not in wanted)
        )
        # First: a connection that is made meanwhile subscribes by it.
        self._account = replace(before, extra=wanted, unwanted=gone)
        fresh = tuple(topic for topic in wanted if topic not in before.extra)
        self._outgoing.put(Subscriptions(fresh, gone))

    def stop(self) -> None:
        """Send what is queued, say offline, disconnect, end the thread; idempotent."""
        self._stopping.set()
        self._outgoing.ring()
        if self._thread.is_alive():
            self._thread.join()
        self._outgoing.close()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._number += 1
            self._state(LinkState(phase=Phase.CONNECTING))
            connection = self._connection = self._make_connection()
            error = connection.run()
            self._connection = None
            self._discard()
            if error is not None and not self._stopping.is_set():
                failures = 0 if connection.online_s >= STABLE_S else failures + 1
                self._wait(error, failures)
        self._state(LinkState(phase=Phase.STOPPED))

    def _make_connection(self) -> Connection:
        return Connection(
            self._account,
            number=self._number,
            outgoing=self._outgoing,
            counts=self._counts,
            receive=self._receive,
            online=self._on_online,
            refused=self._on_refused,
            stopping=self._stopping.is_set,
        )

    def _on_online(self, session_present: bool) -> None:  # noqa: FBT001 - a callback of one value
        self._state(LinkState(phase=Phase.ONLINE, session_present=session_present))

    def _on_refused(self, topics: Sequence[str]) -> None:
        self._tell_refused(failures.of_subscription(list(topics), self._account.broker))

    def _wait(self, error: TidelogError, failures: int) -> None:
        ceiling_s = min(RETRY_LONGEST_S, RETRY_FIRST_S * 2.0 ** min(failures, 64))
        wait_s = self._jitter.uniform(0.0, ceiling_s)
        self._state(LinkState(phase=Phase.OFFLINE, error=error, retry_seconds=wait_s))
        self._stopping.wait(wait_s)

    def _discard(self) -> None:
        """What was meant for a connection that is gone: nobody waits for an answer from before."""
        self._outgoing.hush()
        for item in self._outgoing.take():
            self._counts.dropped += isinstance(item, Publication)
