"""One connection: amqtt's handler with its packet codecs, but with a bounded way in and out.

amqtt starts a task for each packet, acknowledges a publication before it is routed, cancels what was not yet
routed when the publisher leaves, and starts a task for each delivery. Here packets are handled one after the
other, in order, and a publication is acknowledged after the broker has queued it for its readers; so a reader
of the socket that waits for room slows its own publisher down, and nobody else.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import struct
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from amqtt.errors import AMQTTError, CodecError, MQTTError, NoDataError
from amqtt.mqtt import packet_class
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.packet import (
    DISCONNECT,
    PINGREQ,
    PUBACK,
    PUBLISH,
    PUBREL,
    SUBSCRIBE,
    UNSUBSCRIBE,
    MQTTFixedHeader,
)
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.pubcomp import PubcompPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.pubrec import PubrecPacket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from amqtt.mqtt.pubrel import PubrelPacket
    from amqtt.mqtt.subscribe import SubscribePacket
    from amqtt.mqtt.unsubscribe import UnsubscribePacket
    from amqtt.session import Session

    from tidelog_service.embedded.mailbox import Mailbox
    from tidelog_service.embedded.outbox import Delivery
    from tidelog_service.embedded.streams import PacketReader, PacketWriter

MALFORMED: Final = (MQTTError, AMQTTError, CodecError, NoDataError, ValueError, struct.error)
"""What amqtt's decoders raise for a packet that breaks the rules: the connection is closed."""

BATCH_BYTES: Final = 65_536
"""Deliveries are joined up to this much a write: the high-water mark of asyncio's send buffer."""

TURN_PACKETS: Final = 16
"""Packets handled before others get their turn: what is in the socket's buffer needs no waiting, and one
client's 128 KiB of small messages would keep all others waiting for half a second."""

T = TypeVar("T")

_log = logging.getLogger(__name__)

_QOS_MAX: Final = 2
_FLAGS: Final = {PUBACK: 0, PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2, PINGREQ: 0, DISCONNECT: 0}
"""What a client may send beside PUBLISH, with the flags it must have (MQTT 3.1.1, section 2.2.2)."""


def given(value: T | None) -> T:
    """What amqtt declares as optional, and has set where we look.

    Raises:
        MQTTError: it has not; the connection is closed.
    """
    if value is None:
        raise MQTTError("a packet or session without a field that it must have")
    return value


class Router(Protocol):
    """What a link asks of the broker."""

    async def take_in(self, session: Session, packet: PublishPacket) -> None:
        """Route a publication, or drop it where the ACL says so; returns when its readers have it queued."""

    async def subscribe(self, session: Session, topics: list[tuple[str, int]]) -> list[int]:
        """Subscribe; returns the SUBACK return codes."""

    async def recall(self, session: Session, topics: list[tuple[str, int]], codes: list[int]) -> None:
        """Queue the retained messages of the filters that were granted."""

    def unsubscribe(self, session: Session, topics: list[str]) -> None:
        """End subscriptions."""


class Link(BrokerProtocolHandler):
    """amqtt's handler of one connection; `run` takes the place of its reader loop and its waiters."""

    reader: PacketReader
    writer: PacketWriter
    session: Session

    async def run(self, router: Router, mailbox: Mailbox) -> DisconnectPacket | None:
        """Serve the connection until it ends.

        Args:
            router: the broker.
            mailbox: what waits for this session.

        Returns:
            the client's DISCONNECT, or None where the connection just ended.

        Raises:
            MALFORMED: the client broke the protocol, or was silent for too long.
        """
        self._router = router
        self._mailbox = mailbox
        pump = asyncio.create_task(self._pump())
        pump.add_done_callback(self._pump_ended)
        try:
            return await self._listen()
        finally:
            pump.cancel()

    async def handle_publish(self, publish_packet: PublishPacket) -> None:
        """Route first, acknowledge then; QoS 2 is routed when it is seen first (section 4.3.3, method B)."""
        qos, packet_id = publish_packet.qos or 0, publish_packet.packet_id or 0
        if qos and not packet_id:
            raise MQTTError("[MQTT-2.3.1-1] a packet identifier of 0")
        if not self.reader.body.startswith(given(publish_packet.topic_name).encode(), 2):
            # amqtt reads what is not UTF-8 as the text of a bytes literal.
            raise MQTTError("[MQTT-1.5.3-1] a topic that is not UTF-8")
        if packet_id not in self._mailbox.received or qos < _QOS_MAX:
            await self._router.take_in(self.session, publish_packet)
        if qos == 1:
            await self._send_packet(PubackPacket.build(packet_id))
        elif qos == _QOS_MAX:
            self._mailbox.received.add(packet_id)
            await self._send_packet(PubrecPacket.build(packet_id))

    async def handle_pubrel(self, pubrel: PubrelPacket) -> None:
        """The client will not repeat the publication again."""
        self._mailbox.received.discard(pubrel.packet_id)
        await self._send_packet(PubcompPacket.build(pubrel.packet_id))

    async def handle_puback(self, puback: PubackPacket) -> None:
        """The client has it; an acknowledgement of something unknown is ignored."""
        self._mailbox.acknowledge(puback.packet_id)

    async def handle_subscribe(self, subscribe: SubscribePacket) -> None:
        """Grant or refuse each filter, then send what is retained under those granted."""
        topics = given(subscribe.payload).topics
        if not topics or any(qos > _QOS_MAX for _, qos in topics):
            raise MQTTError("[MQTT-3.8.3-3] a SUBSCRIBE without filters, or with a QoS that there is not")
        codes = await self._router.subscribe(self.session, topics)
        await self.mqtt_acknowledge_subscription(given(subscribe.variable_header).packet_id, codes)
        await self._router.recall(self.session, topics, codes)

    async def handle_unsubscribe(self, unsubscribe: UnsubscribePacket) -> None:
        """End the subscriptions."""
        self._router.unsubscribe(self.session, given(unsubscribe.payload).topics)
        await self.mqtt_acknowledge_unsubscription(given(unsubscribe.variable_header).packet_id)

    async def _listen(self) -> DisconnectPacket | None:
        handlers: dict[int, Callable[[Any], Awaitable[None]]] = {
            PUBLISH: self.handle_publish,
            PUBACK: self.handle_puback,
            PUBREL: self.handle_pubrel,
            SUBSCRIBE: self.handle_subscribe,
            UNSUBSCRIBE: self.handle_unsubscribe,
            PINGREQ: self.handle_pingreq,
        }
        for count in itertools.count(1):
            if not await self.reader.fetch():
                break
            packet = await self._decode()
            if isinstance(packet, DisconnectPacket):
                return packet
            await handlers[packet.fixed_header.packet_type](packet)
            if count % TURN_PACKETS == 0:
                await asyncio.sleep(0)
        return None

    async def _decode(self) -> Any:  # noqa: ANN401 - amqtt's packet classes share no useful base
        header = given(await MQTTFixedHeader.from_stream(self.reader))
        if header.packet_type == PUBLISH:
            good = header.flags >> 1 & 3 <= _QOS_MAX
        else:
            good = _FLAGS.get(header.packet_type) == header.flags
        if not good:
            raise MQTTError(f"a packet of type {header.packet_type} with flags {header.flags}")
        packet = await packet_class(header).from_stream(self.reader, fixed_header=header)
        if self.reader.unread_bytes:
            raise MQTTError(f"{self.reader.unread_bytes} bytes too many in a {type(packet).__name__}")
        return packet

    async def _pump(self) -> None:
        while True:
            batch = self._batch()
            if batch:
                self.writer.write(batch)
                await self.writer.drain()
            else:
                await self._mailbox.wait()

    def _pump_ended(self, pump: asyncio.Task[None]) -> None:
        error = None if pump.cancelled() else pump.exception()
        if error is not None:
            self.writer.abort()  # so that the reader ends as well
            if not isinstance(error, ConnectionError):
                _log.error("a connection's writer failed", exc_info=error)

    def _batch(self) -> bytes:
        batch = bytearray()
        while len(batch) < BATCH_BYTES and (delivery := self._mailbox.take()):
            batch += _encoded(delivery)
        return bytes(batch)


def _encoded(delivery: Delivery) -> bytes:
    encoded: bytes = PublishPacket.build(
        delivery.topic,
        delivery.payload,
        delivery.packet_id or None,
        delivery.again,
        delivery.qos,
        delivery.retain,
    ).to_bytes()
    return encoded
