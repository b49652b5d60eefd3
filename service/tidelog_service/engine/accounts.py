"""What each device's traffic takes on its link, by day and kind.

The service sees topic, payload and QoS of what a device publishes and of what is published to it; the packets
between the device and the broker have the same. So their bytes are computed, by the rule by which devices
account their syncs (`tidelog.wire.mqttsize`).

What the service cannot see is not in it: connections, subscriptions and pings; the byte that MQTT 5 adds to
each packet; that a script published a request at QoS 1, which the service gets at QoS 0 as SPEC.md has it;
what was lost on the way up. What was published for a device that had just gone is in it, and so is a last
will, which the broker publishes in the device's stead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from tidelog.wire.mqttsize import plain_bytes, puback_bytes, publish_bytes
from tidelog.wire.topics import reply_topic
from tidelog_service.engine.packets import Kind, Packet, Reply

DAY_MS: Final = 86_400_000
"""A day is counted from midnight UTC: days of one length, whatever the operator's clock shows."""

_KINDS: Final = {"sync": Kind.REQUESTS, "status": Kind.STATUS}
"""What devices publish, by the third level of the topic; all else is meant for a log."""


class Key(NamedTuple):
    """What an account is kept by: the day in days since 1970 (UTC), the device's id, and the kind."""

    day: int
    device: str
    kind: Kind


@dataclass(slots=True)
class Account:
    """Sums over packets of one kind.

    Attributes:
        packets: how many.
        bytes_up: MQTT bytes from the device, acknowledgements included.
        bytes_down: the same, to the device.
        bytes_plain: what the records in them would have taken as one PUBLISH each, see
            `tidelog.wire.mqttsize.plain_bytes`.
    """

    packets: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    bytes_plain: int = 0

    def add(self, other: Account) -> None:
        """Add the sums of another account."""
        self.packets += other.packets
        self.bytes_up += other.bytes_up
        self.bytes_down += other.bytes_down
        self.bytes_plain += other.bytes_plain


Entry = tuple[Key, Account]


class Accounts:
    """What has come and gone since it was last taken away.

    Bounded by the devices that exist: the engine accounts only for those that it knows.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self._open: dict[Key, Account] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to take away."""
        return bool(self._open)

    def served(self, received: Iterable[tuple[str, Packet]], replies: Iterable[Reply], now_ms: int) -> None:
        """Account for a batch that was served.

        Args:
            received: packets and the devices that sent them; those of nobody that is known, under an empty
                id, are left out, and so are those that the broker gives again.
            replies: what is now published.
            now_ms: the service's clock, Unix milliseconds.
        """
        day = now_ms // DAY_MS
        for device, packet in received:
            if device and not packet.retained:
                self._receive(day, device, packet)
        for reply in replies:
            self._send(day, reply)

    def take(self, count: int) -> Sequence[Entry]:
        """Take away at most so many entries, the oldest first."""
        taken = list(islice(self._open.items(), count))
        for key, _ in taken:
            del self._open[key]
        return taken

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Add what was taken and could not be kept."""
        for key, account in entries:
            self._account(key).add(account)

    def _receive(self, day: int, device: str, packet: Packet) -> None:
        verb = packet.topic.split("/", 3)[2:3]
        account = self._account(
            Key(day, device, _KINDS.get(verb[0], Kind.MESSAGES) if verb else Kind.MESSAGES)
        )
        account.packets += 1
        account.bytes_up += publish_bytes(packet.topic, len(packet.payload), qos=packet.qos)
        account.bytes_down += puback_bytes(packet.qos)

    def _send(self, day: int, reply: Reply) -> None:
        topic = reply_topic(reply.device)
        account = self._account(Key(day, reply.device, reply.kind))
        account.packets += 1
        account.bytes_down += publish_bytes(topic, len(reply.payload), qos=0)
        account.bytes_plain += plain_bytes(topic, reply.bodies)

    def _account(self, key: Key) -> Account:
        account = self._open.get(key)
        if account is None:
            account = self._open[key] = Account()
        return account
