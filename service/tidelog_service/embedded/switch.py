"""The routing between sessions: amqtt's broker, with what it lacks for devices that are not trusted.

What amqtt 0.12.1 does, and this mends:

- it sends every retained message that any client subscribed to, to every client that connects;
- it forgets whether a resumed session's will was to be retained;
- it loses messages where a subscription changes while they are being routed;
- it delivers at the subscription's QoS whatever the publication's, and once for each filter that matches;
- it keeps the QoS of a filter's first subscription, grants ``$share``, and retains on any topic;
- none of its queues has a bound.

Of amqtt are used: the packet codecs, the sessions, the registries of subscriptions and of retained messages,
the plugins, and what happens when a client has gone (its will). ``test_hooks.py`` holds the list.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import MQTTError

from tidelog.wire.topics import SERVICE
from tidelog_service.embedded.acl import may_retain
from tidelog_service.embedded.link import given
from tidelog_service.embedded.mailbox import Mailbox
from tidelog_service.embedded.outbox import Delivery, Outbox
from tidelog_service.embedded.plugins import configuration
from tidelog_service.engine.topic_filters import is_topic, matches

if TYPE_CHECKING:
    from amqtt.mqtt.disconnect import DisconnectPacket
    from amqtt.mqtt.publish import PublishPacket
    from amqtt.session import Session

    from tidelog_service.embedded.link import Link
    from tidelog_service.embedded.rules import Rules

PATIENCE_SECONDS: Final = 10.0
"""How long a publication waits for room at the service, before its publisher is sent away unacknowledged."""

GRANTED_QOS_MAX: Final = 1
"""The highest QoS granted to a subscription: receipts make messages arrive once, QoS 2 need not."""

REFUSED: Final = 0x80
"""SUBACK return code of a refused filter (MQTT 3.1.1, section 3.9.3)."""

_MAILBOX: Final = "tidelog.mailbox"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the broker holds at most.

    Attributes:
        packet_bytes_max: remaining length of an inbound packet.
        connections_max: devices connected at the same time; the service does not count.
        session_queue_max: messages of one session, waiting and unacknowledged.
        session_bytes_max: their topics and payloads together.
    """

    packet_bytes_max: int
    connections_max: int
    session_queue_max: int
    session_bytes_max: int


class Switch(Broker):
    """Routes between sessions; everything happens in the thread of its event loop.

    A message goes into the bounded mailbox of each session that subscribed to it. Where one is full, a
    device's message is dropped and counted; at the service's, a publisher at QoS 1 or 2 waits.

    Args:
        rules: who may do what.
        limits: what is held at most.
    """

    def __init__(self, rules: Rules, limits: Limits) -> None:
        """See the class; needs a running event loop."""
        # An external listener is one that amqtt opens no socket for: `Door` does.
        listener = ListenerConfig(type=ListenerType.EXTERNAL)
        super().__init__(BrokerConfig(listeners={"default": listener}, plugins=configuration(rules)))
        self._rules = rules
        self._limits = limits
        self._wildcards: set[str] = set()
        self.dropped = 0

    def resume(self, fresh: Session) -> Session:
        """The session that a connection goes on with (MQTT 3.1.1, section 3.1.2.4).

        Args:
            fresh: as amqtt read it from an authenticated CONNECT; no other connection uses this client id.

        Returns:
            the stored session with the new connection's will, or ``fresh`` with an empty mailbox.
        """
        fresh.password = None  # it was looked at, and need not stay in memory
        stored = self._stored(given(fresh.client_id))
        if fresh.clean_session or stored is None:
            self.forget(given(fresh.client_id))
            fresh.attributes[_MAILBOX] = self._new_mailbox()
            fresh.parent = 0
            return fresh
        for name in ("will_flag", "will_retain", "will_qos", "will_topic", "will_message", "keep_alive"):
            setattr(stored, name, getattr(fresh, name))
        stored.parent = 1
        return stored

    async def attend(self, session: Session, link: Link) -> DisconnectPacket | None:
        """Accept the connection and serve it until it ends; to be followed by `part`.

        Args:
            session: from `resume`.
            link: the connection, attached to the session.

        Returns:
            the client's DISCONNECT, or None where the connection just ended.

        Raises:
            MALFORMED: the client broke the protocol, or was silent for too long.
        """
        session.transitions.connect()
        self.sessions[given(session.client_id)] = (session, link)
        await link.mqtt_connack_authorize(True)
        return await link.run(self, _mailbox(session))

    async def part(self, session: Session, link: Link, left: DisconnectPacket | None) -> None:
        """Close the connection; publish the will where the client did not take its leave.

        A clean session ends here; a persistent one keeps its subscriptions and what waits at QoS 1.
        """
        leaving = asyncio.get_running_loop().create_future()
        leaving.set_result(left)
        await self._handle_disconnect(session, link, leaving)
        if session.clean_session:
            self.forget(given(session.client_id))
        else:
            _mailbox(session).suspend()

    def forget(self, client_id: str) -> None:
        """Drop a session: its subscriptions and everything queued."""
        session = self._stored(client_id)
        if session is not None:
            del self.sessions[client_id]
            _mailbox(session).close()
            for topic_filter in list(self.subscriptions):
                self._unsubscribe(session, topic_filter)

    async def take_in(self, session: Session, packet: PublishPacket) -> None:
        """Route a client's publication, or drop it where the ACL says so (MQTT 3.1.1, [MQTT-3.3.5-2]).

        Raises:
            MQTTError: the topic cannot be one, or the service had no room for the message in time; the
                client is to be sent away without an acknowledgement.
        """
        topic, payload, qos = given(packet.topic_name), given(packet.data), packet.qos or 0
        if not is_topic(topic):
            raise MQTTError("[MQTT-4.7.3-1] not a topic to publish to")
        if not self._rules.may_publish(given(session.client_id), topic):
            _log.info("%s may not publish to %r", session.client_id, topic)
            return
        patience = PATIENCE_SECONDS if qos and session.client_id != SERVICE else 0
        if not await self._spread(Delivery(topic=topic, payload=payload, qos=qos), patience):
            raise MQTTError("the service is too slow to take more")
        if packet.retain_flag:
            await self.retain_message(session, topic, payload, qos)

    async def subscribe(self, session: Session, topics: list[tuple[str, int]]) -> list[int]:
        """Subscribe to what the ACL allows; returns the SUBACK return codes."""
        return [await self._subscribe(session, topic_filter, qos) for topic_filter, qos in topics]

    async def recall(self, session: Session, topics: list[tuple[str, int]], codes: list[int]) -> None:
        """Queue the retained messages of the filters that were granted (MQTT 3.1.1, [MQTT-3.3.1-6])."""
        granted = [(each, code) for (each, _), code in zip(topics, codes, strict=True) if code != REFUSED]
        for topic_filter, qos in granted:
            for topic, kept in list(self.retained_messages.items()):
                if matches(topic_filter, topic) and self._may_receive(session, topic):
                    delivery = Delivery(
                        topic=topic, payload=bytes(kept.data), qos=min(qos, kept.qos or 0), retain=True
                    )
                    await self._put(session, delivery, 0 if delivery.qos else PATIENCE_SECONDS)

    def unsubscribe(self, session: Session, topics: list[str]) -> None:
        """End subscriptions; those that are none are ignored."""
        for topic_filter in topics:
            self._unsubscribe(session, topic_filter)

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        """Keep the last message of a status topic; on others the retain flag is ignored."""
        if topic_name and may_retain(topic_name):
            await super().retain_message(source_session, topic_name, data, qos)

    async def _broadcast_message(
        self,
        session: Session | None,  # noqa: ARG002 - amqtt's signature
        topic: str | None,
        data: bytes | bytearray | None,
        force_qos: int | None = None,
    ) -> None:
        """Route what amqtt publishes: a will. Nobody waits for room, as its client has gone."""
        await self._spread(Delivery(topic=given(topic), payload=bytes(data or b""), qos=force_qos or 0), 0)

    async def _spread(self, delivery: Delivery, patience_seconds: float) -> bool:
        """Queue for everyone who subscribed; no where the service had no room in time."""
        taken = True
        for session, granted in self._audience(delivery.topic):
            if not self._may_receive(session, delivery.topic):
                continue
            own = replace(delivery, qos=min(delivery.qos, granted))
            if session.client_id == SERVICE:
                taken = await self._put(session, own, patience_seconds) or not patience_seconds
            else:
                await self._put(session, own, 0)
        return taken

    def _audience(self, topic: str) -> list[tuple[Session, int]]:
        """Each session once, with the highest QoS of its filters that match (MQTT 3.1.1, [MQTT-3.3.5-1])."""
        found: dict[str, tuple[Session, int]] = {}
        for topic_filter in (topic, *(each for each in self._wildcards if matches(each, topic))):
            for session, qos in self.subscriptions.get(topic_filter, ()):
                client_id = given(session.client_id)
                _, highest = found.get(client_id, (session, 0))
                found[client_id] = (session, max(qos, highest))
        return list(found.values())

    async def _put(self, session: Session, delivery: Delivery, patience_seconds: float) -> bool:
        online = session.transitions.state == "connected"
        if not online and (session.clean_session or not delivery.qos):
            return True  # MQTT 3.1.1, section 3.1.2.4: at QoS 0 nothing need be stored, and nothing is
        mailbox = _mailbox(session)
        taken = await mailbox.put(delivery, patience_seconds=patience_seconds if online else 0)
        if not taken and not patience_seconds:
            self._count(session, mailbox)
        return taken

    def _count(self, session: Session, mailbox: Mailbox) -> None:
        self.dropped += 1
        mailbox.dropped += 1
        if mailbox.dropped == 1:
            _log.warning("the queue of %s is full; messages for it are dropped", session.client_id)

    def _may_receive(self, session: Session, topic: str) -> bool:
        return self._rules.may_receive(given(session.client_id), topic)

    async def _subscribe(self, session: Session, topic_filter: str, qos: int) -> int:
        if topic_filter.startswith("$share/"):
            return REFUSED  # a shared subscription is MQTT 5; read as a plain filter it would never match
        self._unsubscribe(session, topic_filter)  # a second SUBSCRIBE replaces the first: [MQTT-3.8.4-3]
        code: int = await self.add_subscription((topic_filter, min(qos, GRANTED_QOS_MAX)), session)
        if code != REFUSED and ("+" in topic_filter or "#" in topic_filter):
            self._wildcards.add(topic_filter)
        return code

    def _unsubscribe(self, session: Session, topic_filter: str) -> None:
        self._del_subscription(topic_filter, session)
        if not self.subscriptions.get(topic_filter):
            self.subscriptions.pop(topic_filter, None)
            self._wildcards.discard(topic_filter)

    def _stored(self, client_id: str) -> Session | None:
        entry = self.sessions.get(client_id)
        return entry[0] if entry else None

    def _new_mailbox(self) -> Mailbox:
        limits = self._limits
        outbox = Outbox(messages_max=limits.session_queue_max, bytes_max=limits.session_bytes_max)
        return Mailbox(outbox)


def _mailbox(session: Session) -> Mailbox:
    found: Mailbox = session.attributes[_MAILBOX]
    return found
