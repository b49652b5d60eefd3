"""The embedded broker: amqtt with authentication, ACL and bounds of our own; the only user of amqtt."""

from tidelog_service.embedded.broker import EmbeddedBroker
from tidelog_service.embedded.rules import Authority

__all__ = ["Authority", "EmbeddedBroker"]
