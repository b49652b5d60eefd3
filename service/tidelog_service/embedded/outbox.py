"""What waits for one MQTT session, with a bound: pure, no broker, no clock.

amqtt keeps three queues a session, none with a bound: messages for an offline session, unacknowledged ones,
and a task for each delivery to a slow reader. An outbox takes the place of all three.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

PACKET_IDS: Final = 65_535
"""Packet identifiers are 1 to this (MQTT 3.1.1, section 2.3.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message on its way to one session.

    Attributes:
        topic: where it was published.
        payload: the bytes.
        qos: 0 or 1, the lower of the publication's and the subscription's.
        retain: whether it is a retained message that answers a subscription.
        packet_id: 0 until it was sent at QoS 1.
        again: whether it was sent before on another connection, so that it needs the DUP flag.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool = False
    packet_id: int = 0
    again: bool = False

    @property
    def size_bytes(self) -> int:
        """What it counts for: characters of the topic and bytes of the payload."""
        return len(self.topic) + len(self.payload)


class Outbox:
    """The queue of one session: waiting messages, then those sent at QoS 1 and not acknowledged.

    Args:
        messages_max: waiting and unacknowledged messages together, 1 to `PACKET_IDS`.
        bytes_max: a message is taken while less than this is held, so that one large message always fits.
    """

    def __init__(self, *, messages_max: int, bytes_max: int) -> None:
        """See the class."""
        self._messages_max = min(messages_max, PACKET_IDS)
        self._bytes_max = bytes_max
        self._waiting: deque[Delivery] = deque()
        self._unacknowledged: dict[int, Delivery] = {}
        self._held_bytes = 0
        self._last_id = 0

    def __len__(self) -> int:
        """Waiting and unacknowledged messages together."""
        return len(self._waiting) + len(self._unacknowledged)

    def offer(self, delivery: Delivery) -> bool:
        """Queue a message.

        Returns:
            False where the outbox is full; the message is not taken.
        """
        if len(self) >= self._messages_max or self._held_bytes >= self._bytes_max:
            return False
        self._waiting.append(delivery)
        self._held_bytes += delivery.size_bytes
        return True

    def take(self) -> Delivery | None:
        """The next message to send, or None where none waits.

        At QoS 1 it gets a packet identifier and stays held until `acknowledge`; one that was sent before
        keeps the identifier it had (MQTT 3.1.1, [MQTT-4.4.0-1]).
        """
        if not self._waiting:
            return None
        delivery = self._waiting.popleft()
        if delivery.qos == 0:
            self._held_bytes -= delivery.size_bytes
            return delivery
        numbered = delivery if delivery.packet_id else replace(delivery, packet_id=self._free_id())
        self._unacknowledged[numbered.packet_id] = numbered
        return numbered

    def acknowledge(self, packet_id: int) -> bool:
        """Drop the message that the client acknowledged.

        Returns:
            False where no such message was sent, as after an acknowledgement that came twice.
        """
        delivery = self._unacknowledged.pop(packet_id, None)
        if delivery is None:
            return False
        self._held_bytes -= delivery.size_bytes
        return True

    def suspend(self) -> None:
        """The connection is gone: QoS 0 is dropped, unacknowledged messages go to the front again."""
        sent = (replace(each, again=True) for each in self._unacknowledged.values())
        kept = [*sent, *(each for each in self._waiting if each.qos)]
        self._waiting = deque(kept)
        self._unacknowledged.clear()
        self._held_bytes = sum(each.size_bytes for each in kept)

    def clear(self) -> None:
        """Drop everything."""
        self._waiting.clear()
        self._unacknowledged.clear()
        self._held_bytes = 0

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % PACKET_IDS + 1
            if self._last_id not in self._unacknowledged:
                return self._last_id
