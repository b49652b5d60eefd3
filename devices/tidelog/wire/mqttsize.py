"""What an MQTT packet takes on the socket, so that bytes can be accounted without a proxy.

MQTT 3.1.1 sections 2.2 (fixed header), 3.3 (PUBLISH) and 3.4 (PUBACK); MQTT 5.0 the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    remaining = _LENGTH_BYTES + _topic_bytes(topic) + payload_bytes + version5
    if _acknowledged(qos):
        remaining += _PACKET_ID_BYTES
    return 1 + _remaining_length_bytes(remaining) + remaining


def puback_bytes(qos: int) -> int:
    """Bytes of the acknowledgement: 4 for QoS 1 (in MQTT 5 too, where it reports success), 0 for QoS 0.

    Raises:
        ValueError: QoS 2.
    """
    return _PUBACK_BYTES if _acknowledged(qos) else 0


def delivery_bytes(topic: str, payload_bytes: int, *, qos: int, version5: bool = False) -> int:
    """Bytes of a PUBLISH and of its acknowledgement together; arguments and errors as `publish_bytes`."""
    return publish_bytes(topic, payload_bytes, qos=qos, version5=version5) + puback_bytes(qos)


def plain_bytes(topic: str, bodies: Iterable[int]) -> int:
    """What records would take as one PUBLISH each at QoS 1, acknowledged: a persistent session's way.

    Nothing but the body travels, and no MQTT 5 properties, so it is the least that plain MQTT takes; author,
    time and number are left out.

    Args:
        topic: of each PUBLISH; a device's reply topic, to compare with what a sync took.
        bodies: the length of each record's body, bytes.

    Returns:
        bytes both ways; the sum of `delivery_bytes` over the bodies.

    Raises:
        ValueError: a body that MQTT cannot carry.
    """
    head = _plain_head(topic)
    counts = [head + size for size in bodies]
    return sum(counts) + sum(map(_remaining_length_bytes, counts)) + len(counts) * (1 + _PUBACK_BYTES)


def plain_bytes_by_mean(topic: str, *, records: int, body_bytes: int) -> int:
    """As `plain_bytes`, where only the number of records and the sum of their bodies are known.

    Each is taken to be as long as the mean. Only the length field of a packet depends on that: 1 byte up to
    127 bytes, 2 up to 16,383, 3 beyond; so the result is at most 2 bytes a record off.
    """
    if not records:
        return 0
    mean = _plain_head(topic) + -(-body_bytes // records)
    each = _plain_head(topic) + 1 + _remaining_length_bytes(mean) + _PUBACK_BYTES
    return records * each + body_bytes


def _plain_head(topic: str) -> int:
    """What is counted by a plain PUBLISH's length field beside the body."""
    return _LENGTH_BYTES + _topic_bytes(topic) + _PACKET_ID_BYTES


def _topic_bytes(topic: str) -> int:
    # Half a surrogate is in no topic, but whoever accounts for a refused packet must not fail on it.
    return len(topic.encode(errors="surrogatepass"))


def _acknowledged(qos: int) -> bool:
    if qos not in (0, 1):
        raise ValueError(f"QoS {qos}")
    return qos == 1


def _remaining_length_bytes(remaining: int) -> int:
    if not 0 <= remaining < REMAINING_LENGTH_STOP:
        raise ValueError(f"a remaining length of {remaining} bytes")
    return max(1, -(-remaining.bit_length() // 7))
