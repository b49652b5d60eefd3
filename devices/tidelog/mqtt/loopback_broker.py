"""A broker in one process, without threads, clock or network: for tests and seeded simulations.

Every packet is a `Delivery` that somebody carries: `LoopbackBroker.pump` in order, or the simulation's
network, which may carry it later, out of order, twice or never. A packet belongs to the connection that it
was sent on and dies with it, as on TCP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tidelog.wire import mqttsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One PUBLISH on its way between a client and the broker.

    Attributes:
        client: the client's id.
        connection: the serial number of its connection; carried later than that, the packet is lost.
        up: whether it goes to the broker.
        topic: its topic.
        payload: its payload.
        qos: 0 or 1; recorded, nothing is sent again.
        retain: its retain flag.
    """

    client: str
    connection: int
    up: bool
    topic: str
    payload: bytes = field(repr=False)
    qos: int = 0
    retain: bool = False

    @property
    def size(self) -> int:
        """MQTT 3.1.1 bytes that it would take on a socket, the acknowledgement included."""
        return mqttsize.delivery_bytes(self.topic, len(self.payload), qos=self.qos)


class LoopbackBroker:
    """Routes packets between links; retained topics, last wills, persistent sessions, ``+`` and ``#``.

    Args:
        deliver: given every packet that sets out; it calls `carry` when the packet is to arrive. By default
            packets wait in a queue for `pump`.
    """

    def __init__(self, deliver: Callable[[Delivery], None] | None = None) -> None:
        """See the class."""
        self._queue: deque[Delivery] = deque()
        self.deliver = deliver or self._queue.append
        self.retained: dict[str, bytes] = {}
        self.sessions: dict[str, dict[str, int]] = {}
        self._links: dict[str, LoopbackLink] = {}
        self._connections = 0

    def connect(self, link: LoopbackLink) -> bool:
        """Take a link on; one that is on under the same client id is thrown out, and its will published.

        Returns:
            whether the client has a session, so that its subscriptions are in place.
        """
        former = self._links.get(link.client)
        if former:
            former.cut()
            former.thrown_out()
        self._connections += 1
        link.connection = self._connections
        self._links[link.client] = link
        present = link.client in self.sessions
        self.sessions.setdefault(link.client, {})
        return present

    def disconnect(self, link: LoopbackLink) -> bool:
        """Take a link off; its subscriptions stay.

        Returns:
            whether it was on.
        """
        if self._links.get(link.client) is not link:
            return False
        del self._links[link.client]
        return True

    def subscribe(self, link: LoopbackLink, pattern: str, *, qos: int) -> None:
        """Add a subscription, and send what is retained under it."""
        self.sessions[link.client][pattern] = qos
        for topic, payload in sorted(self.retained.items()):
            if matches(pattern, topic):
                link.send(topic, payload, qos=0, retain=True, up=False)

    def pump(self) -> int:
        """Carry queued packets, and those that they cause, in order.

        Returns:
            how many.
        """
        count = 0
        while self._queue:
            self.carry(self._queue.popleft())
            count += 1
        return count

    def carry(self, delivery: Delivery) -> None:
        """Let a packet arrive, unless its connection is gone."""
        link = self._links.get(delivery.client)
        if link is None or link.connection != delivery.connection:
            return
        if delivery.up:
            self.route(delivery.topic, delivery.payload, qos=delivery.qos, retain=delivery.retain)
        else:
            link.receive(delivery)

    def route(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Send a packet on to all who are on and subscribed, once each."""
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        for client, link in list(self._links.items()):
            granted = [most for pattern, most in self.sessions[client].items() if matches(pattern, topic)]
            if granted:
                link.send(topic, payload, qos=min(qos, max(granted)), up=False)


class LoopbackLink:
    """A client's connection to a `LoopbackBroker`; also how a simulated service attaches to it.

    Args:
        broker: the broker.
        client: the client id.
        receive: given what arrives.
        will: topic and payload, published retained when the link is cut.
        thrown_out: called when another link with the same client id took its place.
    """

    def __init__(
        self,
        broker: LoopbackBroker,
        client: str,
        receive: Callable[[Delivery], None],
        *,
        will: tuple[str, bytes] | None = None,
        thrown_out: Callable[[], None] = lambda: None,
    ) -> None:
        """See the class."""
        self.client = client
        self.receive = receive
        self.thrown_out = thrown_out
        self.connection = 0
        self._broker = broker
        self._will = will
        self.session_present = broker.connect(self)

    def subscribe(self, pattern: str, *, qos: int = 0) -> None:
        """Subscribe, with no packet for it: SUBSCRIBE cannot be lost."""
        self._broker.subscribe(self, pattern, qos=qos)

    def send(self, topic: str, payload: bytes, *, qos: int, retain: bool = False, up: bool = True) -> int:
        """Let a packet set out, to the broker or (``up`` false) from it.

        Returns:
            its size, as `Delivery.size`.
        """
        delivery = Delivery(
            client=self.client,
            connection=self.connection,
            up=up,
            topic=topic,
            payload=payload,
            qos=qos,
            retain=retain,
        )
        self._broker.deliver(delivery)
        return delivery.size

    def cut(self) -> None:
        """Break the link: the broker publishes the will, packets under way are lost; idempotent."""
        if self._broker.disconnect(self) and self._will:
            self._broker.route(*self._will, retain=True)

    def close(self) -> None:
        """Disconnect cleanly: no will; idempotent."""
        self._broker.disconnect(self)


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic is under a filter with ``+`` and ``#`` (MQTT 3.1.1 section 4.7)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[-1] == "#":
        # "a/#" takes "a" too.
        wanted.pop()
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(
        want in ("+", level) for want, level in zip(wanted, levels, strict=True)
    )
