"""An outbox with someone waiting at both ends: the connection that sends, publishers that want room."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidelog_service.embedded.outbox import Delivery, Outbox


class Mailbox:
    """What the broker keeps for one session beside amqtt's own state.

    Args:
        outbox: the bounded queue; owned by the mailbox from now on.

    Attributes:
        received: packet identifiers of QoS 2 publications that are routed and not yet released, at most
            65,535; they are what makes QoS 2 arrive once (MQTT 3.1.1, section 4.3.3).
        dropped: messages that the broker dropped because the outbox was full.
    """

    def __init__(self, outbox: Outbox) -> None:
        """See the class."""
        self.received: set[int] = set()
        self.dropped = 0
        self._outbox = outbox
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False

    async def put(self, delivery: Delivery, *, patience_seconds: float = 0) -> bool:
        """Queue a message.

        Args:
            delivery: the message.
            patience_seconds: how long to wait for room; 0: not at all.

        Returns:
            False where there was no room in time, or the session ended meanwhile; the message is not queued.
        """
        taken = self._offer(delivery) or await self._put_later(delivery, patience_seconds)
        if taken:
            self._ready.set()
        return taken

    def take(self) -> Delivery | None:
        """The next message to send, or None where none waits."""
        delivery = self._outbox.take()
        if delivery is not None and not delivery.qos:
            self._room.set()
        return delivery

    async def wait(self) -> None:
        """Return when a message may wait; to be called after `take` gave None."""
        self._ready.clear()
        await self._ready.wait()

    def acknowledge(self, packet_id: int) -> bool:
        """Drop the message that the client acknowledged; False where there is none."""
        known = self._outbox.acknowledge(packet_id)
        self._room.set()
        return known

    def suspend(self) -> None:
        """The connection is gone; see `Outbox.suspend`."""
        self._outbox.suspend()
        self._room.set()

    def close(self) -> None:
        """The session is gone, with everything queued; nothing is taken any more."""
        self._closed = True
        self._outbox.clear()
        self._room.set()

    async def _put_later(self, delivery: Delivery, patience_seconds: float) -> bool:
        if not patience_seconds:
            return False
        try:
            async with asyncio.timeout(patience_seconds):
                while not self._closed:
                    self._room.clear()
                    await self._room.wait()
                    if self._offer(delivery):
                        return True
        except TimeoutError:
            pass  # there was no room in time
        return False

    def _offer(self, delivery: Delivery) -> bool:
        return not self._closed and self._outbox.offer(delivery)
