"""Sizes against packets put together by hand."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidelog.wire import mqttsize


def publish(topic: bytes, payload: bytes, *, qos: int, version5: bool) -> bytes:
    """A PUBLISH put together as MQTT 3.1.1, section 3.3, and MQTT 5, section 3.3, say."""
    rest = len(topic).to_bytes(2, "big") + topic
    rest += b"\x00\x07" if qos else b""
    rest += b"\x00" if version5 else b""
    rest += payload
    length, left = b"", len(rest)
    while True:
        left, digit = divmod(left, 128)
        length += bytes([digit | (0x80 if left else 0)])
        if not left:
            return bytes([0x30 | qos << 1]) + length + rest


@given(st.text(min_size=1, max_size=60), st.integers(0, 40_000), st.integers(0, 1), st.booleans())
@example("t", 124, 0, False)
@example("t", 125, 0, False)
@example("t", 16_380, 0, False)
@example("t", 16_381, 0, False)
def test_a_publish_takes_what_it_takes_on_the_socket(topic: str, size: int, qos: int, version5: bool) -> None:  # noqa: FBT001 - drawn
    packet = publish(topic.encode(), bytes(size), qos=qos, version5=version5)
    assert mqttsize.publish_bytes(topic, size, qos=qos, version5=version5) == len(packet)


@pytest.mark.parametrize(("size", "expected"), [(2_097_148, 2_097_155), (2_097_149, 2_097_157)])
def test_the_length_grows_a_byte_at_each_power_of_128(size: int, expected: int) -> None:
    assert mqttsize.publish_bytes("t", size, qos=0) == expected


def test_only_qos_1_is_acknowledged() -> None:
    assert (mqttsize.puback_bytes(0), mqttsize.puback_bytes(1)) == (0, 4)


@pytest.mark.parametrize("qos", [-1, 2, 3])
def test_qos_2_is_not_used(qos: int) -> None:
    with pytest.raises(ValueError, match="QoS"):
        mqttsize.publish_bytes("t", 1, qos=qos)
    with pytest.raises(ValueError, match="QoS"):
        mqttsize.puback_bytes(qos)


def test_a_packet_that_mqtt_cannot_carry_is_an_error() -> None:
    with pytest.raises(ValueError, match="remaining length"):
        mqttsize.publish_bytes("t", 2**28, qos=0)


@given(st.text(min_size=1, max_size=30), st.lists(st.integers(0, 32_768), max_size=20))
@example("tl1/a1phone/re", [109, 110, 16_365, 16_366])
def test_plain_records_take_a_publish_and_a_puback_each(topic: str, bodies: list[int]) -> None:
    packets = [publish(topic.encode(), bytes(size), qos=1, version5=False) for size in bodies]
    assert mqttsize.plain_bytes(topic, bodies) == sum(len(packet) + 4 for packet in packets)
    one_by_one = sum(mqttsize.delivery_bytes(topic, size, qos=1) for size in bodies)
    assert mqttsize.plain_bytes(topic, bodies) == one_by_one


@given(st.text(min_size=1, max_size=30), st.lists(st.integers(0, 32_768), max_size=20))
def test_sums_alone_are_at_most_two_bytes_a_record_off(topic: str, bodies: list[int]) -> None:
    told = mqttsize.plain_bytes_by_mean(topic, records=len(bodies), body_bytes=sum(bodies))
    assert abs(told - mqttsize.plain_bytes(topic, bodies)) <= 2 * len(bodies)


@given(st.integers(0, 500), st.integers(0, 32_768))
def test_sums_of_equal_bodies_are_exact(records: int, size: int) -> None:
    told = mqttsize.plain_bytes_by_mean("tl1/a1phone/re", records=records, body_bytes=records * size)
    assert told == mqttsize.plain_bytes("tl1/a1phone/re", [size] * records)
