"""When each device was last heard of, and what its status said; for the operator, as of some seconds ago."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from tidelog.wire.frames import Presence
from tidelog.wire.topics import status_topic
from tidelog_service.engine.packets import Packet

_STATUS = "/status"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was last heard of a device.

    Attributes:
        time_ms: when it sent a packet, Unix milliseconds; 0 where only its retained status is known.
        presence: what its status said; ``None`` where it said nothing.
    """

    time_ms: int
    presence: Presence | None

    def after(self, before: Sighting | None) -> Sighting:
        """What is known with what was known before."""
        if before is None:
            return self
        presence = before.presence if self.presence is None else self.presence
        return Sighting(max(self.time_ms, before.time_ms), presence)


Seen = tuple[str, Sighting]


class Sightings:
    """What was heard since it was last taken away; bounded by the devices that exist."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._seen: dict[str, Sighting] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to take away."""
        return bool(self._seen)

    def served(self, received: Iterable[tuple[str, Packet]], now_ms: int) -> None:
        """Note who sent packets.

        Args:
            received: packets and the devices that sent them; those of nobody that is known have an empty id.
            now_ms: the service's clock, Unix milliseconds.
        """
        wrote: set[str] = set()
        for device, packet in received:
            if device and packet.topic.endswith(_STATUS) and packet.topic == status_topic(device):
                presence = Presence.of(packet.payload)
                # The broker publishes a last will in the device's stead, some time after it was there.
                heard = not packet.retained and presence is not Presence.OFFLINE
                self._note(device, Sighting(now_ms if heard else 0, presence))
            elif device and not packet.retained:
                wrote.add(device)
        for device in sorted(wrote):
            self._note(device, Sighting(now_ms, None))

    def take(self, count: int) -> Sequence[Seen]:
        """Take away at most so many, the oldest first."""
        taken = list(islice(self._seen.items(), count))
        for device, _ in taken:
            del self._seen[device]
        return taken

    def put_back(self, seen: Iterable[Seen]) -> None:
        """Add what was taken and could not be kept; what was heard since stands."""
        for device, sighting in seen:
            later = self._seen.get(device)
            self._seen[device] = sighting if later is None else later.after(sighting)

    def _note(self, device: str, sighting: Sighting) -> None:
        self._seen[device] = sighting.after(self._seen.get(device))
