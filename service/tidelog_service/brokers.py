"""The broker as the configuration names it: the embedded one or another, and how the service connects."""

from __future__ import annotations

import ssl
from typing import Final, NamedTuple

from tidelog.wire.topics import SERVICE
from tidelog.wire.url import BrokerUrl
from tidelog_service.config import Settings
from tidelog_service.embedded.broker import EmbeddedBroker
from tidelog_service.store.registry import Registry

_PACKET_HEADERS_BYTES: Final = 512
"""Topic and MQTT headers beside a payload."""


class Address(NamedTuple):
    """Where the service connects, and as whom."""

    url: BrokerUrl
    username: str
    password: str

    def tls(self) -> ssl.SSLContext | None:
        """What the connection is checked with; ``None`` where it is plain."""
        return ssl.create_default_context(cafile=self.url.ca or None) if self.url.tls else None


def embedded_broker(settings: Settings, registry: Registry) -> EmbeddedBroker:
    """The broker that runs in the service's process, not started yet.

    Args:
        settings: the configuration, with no URL of another broker.
        registry: says who may connect; the broker's thread uses it.
    """
    return EmbeddedBroker(
        host=settings.broker.host,
        port=settings.broker.port,
        authority=registry,
        packet_bytes_max=settings.limits.packet_bytes + _PACKET_HEADERS_BYTES,
        connections_max=settings.limits.connections,
        session_queue_max=2 * settings.limits.batch_messages,
        extra_publish=settings.rules.patterns,
    )


def address_of(settings: Settings, embedded: EmbeddedBroker | None) -> Address:
    """Where the service connects.

    Args:
        settings: the configuration.
        embedded: the broker in this process, started; ``None`` where it is another one.

    Raises:
        UsageError: the URL is none.
    """
    broker = settings.broker
    if embedded is not None:
        url = BrokerUrl(scheme="mqtt", host=broker.host, port=embedded.port)
        return Address(url, SERVICE, embedded.service_password)
    return Address(
        BrokerUrl.parse(broker.url), broker.username or SERVICE, broker.password.get_secret_value()
    )
