"""Who may connect, and what they may do then: the decisions, apart from the broker that asks for them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from tidelog.wire.topics import SERVICE, is_device
from tidelog_service.embedded import acl
from tidelog_service.engine import topic_filters as filters


class Authority(Protocol):
    """Who knows the devices' secrets."""

    def admits(self, device: str, secret: str) -> bool:
        """Whether the device exists, is not revoked, and has this secret.

        Called in the broker's thread, on every connection: it must be quick, safe beside other threads, and
        compare in constant time. Where it raises, the client is refused as "server unavailable".

        Args:
            device: a valid device id, as claimed.
            secret: the password of the CONNECT packet; any text.
        """


class Refusal(IntEnum):
    """CONNACK return codes of a refused connection (MQTT 3.1.1, section 3.2.2.3)."""

    IDENTIFIER = 2
    UNAVAILABLE = 3
    CREDENTIALS = 4
    NOT_ALLOWED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who a client says it is, and what it wants said when it is gone.

    Attributes:
        client_id: MQTT client id.
        user: MQTT user name; None where it gave none.
        secret: MQTT password; None where it gave none.
        will_topic: where its will is to be published; None where it has none.
    """

    client_id: str
    user: str | None
    secret: str | None
    will_topic: str | None


@dataclass(slots=True, kw_only=True)
class Rules:
    """Whom the broker lets in and what it lets them do.

    Attributes:
        authority: knows the devices.
        service_password: the password of the service's own connection.
        extra_publish: filters that devices may publish to, see `acl.may_publish`; may be replaced by
            whichever thread.
    """

    authority: Authority
    service_password: str
    extra_publish: tuple[str, ...] = ()

    def refusal(self, claim: Claim) -> Refusal | None:
        """Why a client is refused, or None where it is welcome.

        A will counts as a publication: a device that may not publish there is refused.
        """
        if claim.user is None or claim.secret is None:
            return Refusal.NOT_ALLOWED
        if claim.user != claim.client_id or not (claim.user == SERVICE or is_device(claim.user)):
            return Refusal.IDENTIFIER
        if not self._knows(claim.user, claim.secret):
            return Refusal.CREDENTIALS
        if claim.will_topic is not None and not self.may_publish(claim.user, claim.will_topic):
            return Refusal.NOT_ALLOWED
        return None

    def may_publish(self, name: str, topic: str) -> bool:
        """Whether the device, or the service, may publish to the topic."""
        return (
            filters.is_topic(topic) if name == SERVICE else acl.may_publish(name, topic, self.extra_publish)
        )

    def may_subscribe(self, name: str, topic_filter: str) -> bool:
        """Whether the device, or the service, may subscribe to the filter."""
        return filters.is_filter(topic_filter) if name == SERVICE else acl.may_subscribe(name, topic_filter)

    def may_receive(self, name: str, topic: str) -> bool:
        """Whether a message of the topic may be delivered to the device, or the service."""
        return filters.is_topic(topic) if name == SERVICE else acl.may_receive(name, topic)

    def _knows(self, name: str, secret: str) -> bool:
        if name == SERVICE:
            return hmac.compare_digest(secret.encode(), self.service_password.encode())
        return self.authority.admits(name, secret)
