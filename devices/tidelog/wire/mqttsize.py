"""What an MQTT packet takes on the socket, so that bytes can be accounted without a proxy.

MQTT 3.1.1 sections 2.2 (fixed header), 3.3 (PUBLISH) and 3.4 (PUBACK); MQTT 5.0 the same numbers.
"""

from __future__ import annotations

from typing import Final

REMAINING_LENGTH_STOP: Final = 2**28
"""A packet's remaining length is below this (MQTT 3.1.1, section 2.2.3)."""

_LENGTH_BYTES: Final = 2
_PACKET_ID_BYTES: Final = 2
_PUBACK_BYTES: Final = 4


def publish_bytes(topic: str, payload_bytes: int, *, qos: int, version5: bool = False) -> int:
    """Bytes of a PUBLISH.

    Args:
        topic: its topic.
        payload_bytes: the length of its payload.
        qos: 0 or 1.
        version5: whether the connection speaks MQTT 5, where a packet without properties has a byte to
            say so.

    Raises:
        ValueError: QoS 2, which Tidelog does not use, or a packet that MQTT cannot carry.
    """
    remaining = _LENGTH_BYTES + len(topic.encode()) + payload_bytes + version5
    if _acknowledged(qos):
        remaining += _PACKET_ID_BYTES
    return 1 + _remaining_length_bytes(remaining) + remaining


def puback_bytes(qos: int) -> int:
    """Bytes of the acknowledgement: 4 for QoS 1 (in MQTT 5 too, where it reports success), 0 for QoS 0.

    Raises:
        ValueError: QoS 2.
    """
    return _PUBACK_BYTES if _acknowledged(qos) else 0


def _acknowledged(qos: int) -> bool:
    if qos not in (0, 1):
        raise ValueError(f"QoS {qos}")
    return qos == 1


def _remaining_length_bytes(remaining: int) -> int:
    if not 0 <= remaining < REMAINING_LENGTH_STOP:
        raise ValueError(f"a remaining length of {remaining} bytes")
    return max(1, -(-remaining.bit_length() // 7))
