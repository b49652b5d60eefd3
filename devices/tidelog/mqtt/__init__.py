"""Transports of a device: paho over the network, loopback in one process."""

from tidelog.mqtt.backoff import Backoff
from tidelog.mqtt.loopback import LoopbackTransport
from tidelog.mqtt.loopback_broker import Delivery, LoopbackBroker, LoopbackLink
from tidelog.mqtt.paho import PahoTransport
from tidelog.wire.url import BrokerUrl

__all__ = [
    "Backoff",
    "BrokerUrl",
    "Delivery",
    "LoopbackBroker",
    "LoopbackLink",
    "LoopbackTransport",
    "PahoTransport",
]
