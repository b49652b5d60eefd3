"""A device's link to a `LoopbackBroker`: for tests and seeded simulations."""

from __future__ import annotations

from tidelog.mqtt.loopback_broker import Delivery, LoopbackBroker, LoopbackLink
from tidelog.replica.ports import Listener
from tidelog.wire.errors import Unavailable
from tidelog.wire.frames import Presence
from tidelog.wire.topics import reply_topic, status_topic


class LoopbackTransport:
    """`tidelog.replica.ports.Transport` over a `LoopbackBroker`; calls its listener on the caller's thread.

    Args:
        broker: the broker.
        device: the device id.
        live: what the retained status says while connected.
        up: whether there is a link when it starts; else the first `restore` makes one.
    """

    def __init__(
        self, broker: LoopbackBroker, device: str, *, live: Presence = Presence.LIVE, up: bool = True
    ) -> None:
        """See the class."""
        self._broker = broker
        self._device = device
        self._live = live
        self._up = up
        self._listener: Listener | None = None
        self._link: LoopbackLink | None = None

    def start(self, listener: Listener) -> None:
        """Connect, where there is a link; the listener hears of it before this returns."""
        self._listener = listener
        if self._up:
            self.restore()

    def restore(self) -> None:
        """The network is back: connect, as a real transport does by itself."""
        self._up = True
        if self._listener is None or self._link:
            return
        status = status_topic(self._device)
        link = self._link = LoopbackLink(
            self._broker,
            self._device,
            self._receive,
            will=(status, Presence.OFFLINE.payload),
            thrown_out=self._lose,
        )
        if not link.session_present:
            link.subscribe(reply_topic(self._device))
        link.send(status, self._live.payload, qos=0, retain=True)
        self._listener.on_online(session_present=link.session_present)

    def cut(self) -> None:
        """The network is gone: the broker publishes the last will, packets under way are lost."""
        self._up = False
        if self._link:
            self._link.cut()
            self._lose()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        """Let a PUBLISH set out; while offline it is dropped.

        Returns:
            MQTT bytes that it would take on a socket, PUBACK included; 0 if dropped.
        """
        return self._link.send(topic, payload, qos=qos, retain=retain) if self._link else 0

    def hasten(self) -> None:
        """Nothing to do: there is no waiting between attempts here."""

    def stop(self) -> None:
        """Publish the offline status and disconnect; packets under way are lost; idempotent."""
        if self._link:
            # Straight to the broker: behind the network the disconnect would overtake it.
            self._broker.route(status_topic(self._device), Presence.OFFLINE.payload, retain=True)
            self._link.close()
        self._link = self._listener = None

    def _receive(self, delivery: Delivery) -> None:
        if self._listener:
            self._listener.on_packet(delivery.topic, delivery.payload, delivery.size)

    def _lose(self) -> None:
        self._link = None
        if self._listener:
            self._listener.on_offline(Unavailable("the link was cut", code="link_lost"))
