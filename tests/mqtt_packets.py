"""MQTT packets as they pass, counted by type: a tap for `proxy.CountingProxy`."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict

from proxy import Traffic

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
"""Types of packets: the upper half of the first byte (MQTT 3.1.1, section 2.2.1)."""


class PacketTap:
    """Splits both directions of every connection into packets.

    Attributes:
        bytes_up: bytes to the broker, by type of packet.
        bytes_down: bytes from it.
    """

    def __init__(self) -> None:
        self.bytes_up: Counter[int] = Counter()
        self.bytes_down: Counter[int] = Counter()
        self._rests: defaultdict[tuple[int, bool], bytes] = defaultdict(bytes)
        self._lock = threading.Lock()

    def __call__(self, traffic: Traffic, upward: bool, data: bytes) -> None:  # noqa: FBT001 - a callback
        counts = self.bytes_up if upward else self.bytes_down
        with self._lock:
            rest = self._rests[id(traffic), upward] + data
            while (size := packet_bytes(rest)) and size <= len(rest):
                counts[rest[0] >> 4] += size
                rest = rest[size:]
            self._rests[id(traffic), upward] = rest


def packet_bytes(data: bytes) -> int:
    """The size of the packet that begins here, its fixed header included; 0 where that is not yet whole.

    MQTT 3.1.1, section 2.2.3.
    """
    length = 0
    for at, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << 7 * at
        if byte < 0x80:
            return 2 + at + length
    return 0
