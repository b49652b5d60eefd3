"""The embedded broker against clients that are greedy, slow, silent or broken."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

import pytest

from embedded_clients import (
    PACKET_BYTES_MAX,
    Embedded,
    Raw,
    connect_packet,
    eventually,
    packet,
    publish_packet,
    subscribe_packet,
    text,
)
from tidelog_service.embedded import EmbeddedBroker, door, switch

if TYPE_CHECKING:
    from embedded_clients import Connect


class TestBounds(Embedded):
    @pytest.mark.parametrize("before", ["", "connected"])
    def test_a_packet_that_announces_too_much_ends_the_connection_before_its_body(
        self, broker: EmbeddedBroker, before: str
    ) -> None:
        with Raw(broker.port) as greedy:
            if before:
                greedy.enter("phone")
            greedy.send(b"\x30" + packet(0, bytes(PACKET_BYTES_MAX + 1))[1:4])
            assert greedy.rest() == b""

    def test_the_largest_packet_allowed_arrives(self, broker: EmbeddedBroker, connect: Connect) -> None:
        service, phone = connect(broker, "service"), connect(broker, "phone")
        service.subscribe("tl1/+/msg")
        payload = bytes(PACKET_BYTES_MAX - len(text("tl1/phone/msg")) - 2)
        phone.publish("tl1/phone/msg", payload)
        eventually(lambda: service.payloads() == [payload])

    @pytest.mark.parametrize("start", [b"", b"\x10", connect_packet("phone")[:-1]])
    def test_a_client_that_does_not_say_who_it_is_in_time_is_closed(
        self, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, start: bytes
    ) -> None:
        monkeypatch.setattr(door, "CONNECT_SECONDS_MAX", 0.05)
        with Raw(broker.port) as slow:
            slow.send(start)
            assert slow.rest() == b""

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param("c000", id="PINGREQ first"),
            pytest.param("47455420", id="HTTP"),
            pytest.param("1000", id="empty CONNECT"),
            pytest.param("10ffffffff7f", id="endless length"),
        ],
    )
    def test_what_is_no_connect_is_closed(
        self, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture, data: str
    ) -> None:
        with caplog.at_level(logging.DEBUG, "tidelog_service"), Raw(broker.port) as stranger:
            stranger.send(bytes.fromhex(data))
            stranger.sock.shutdown(socket.SHUT_WR)
            assert stranger.rest() == b""
        assert [each for each in caplog.records if each.exc_info or each.levelno > logging.INFO] == []

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(connect_packet("phone"), id="a second CONNECT"),
            pytest.param(bytes.fromhex("f000"), id="reserved type"),
            pytest.param(bytes.fromhex("20020000"), id="CONNACK"),
            pytest.param(bytes.fromhex("50020001"), id="PUBREC"),
            pytest.param(bytes.fromhex("c100"), id="PINGREQ with flags"),
            pytest.param(bytes.fromhex("c00100"), id="PINGREQ with a body"),
            pytest.param(bytes.fromhex("820400010001"), id="SUBSCRIBE cut short"),
            pytest.param(bytes.fromhex("82020001"), id="SUBSCRIBE without filters"),
            pytest.param(subscribe_packet("tl1/phone/re", 3), id="SUBSCRIBE at QoS 3"),
            pytest.param(publish_packet("tl1/phone/msg", b"", packet_id=1, flags=6), id="PUBLISH at QoS 3"),
            pytest.param(publish_packet("tl1/phone/msg", b"", packet_id=0), id="PUBLISH with packet id 0"),
            pytest.param(publish_packet("tl1/+/msg", b"", flags=0), id="PUBLISH to a filter"),
            pytest.param(publish_packet("", b"", flags=0), id="PUBLISH to nowhere"),
            pytest.param(packet(0x30, b"\x00\x01\xff"), id="PUBLISH to no UTF-8"),
            pytest.param(bytes.fromhex("30020005"), id="PUBLISH cut short"),
            pytest.param(bytes.fromhex("400100"), id="PUBACK cut short"),
        ],
    )
    def test_a_client_that_breaks_the_protocol_is_closed_without_a_stack_trace(
        self, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture, data: bytes
    ) -> None:
        with caplog.at_level(logging.DEBUG, "tidelog_service"), Raw(broker.port).enter("phone") as phone:
            phone.send(data)
            assert phone.rest() == b""
            eventually(lambda: "'phone': closed" in caplog.text)
        assert [each for each in caplog.records if each.exc_info or each.levelno > logging.INFO] == []

    def test_a_device_that_does_not_read_is_bounded_and_disturbs_nobody(
        self, small: EmbeddedBroker, connect: Connect
    ) -> None:
        service, tab = connect(small, "service"), connect(small, "tab")
        tab.subscribe("tl1/tab/re")
        with Raw(small.port, receive_buffer_bytes=4096).enter("phone") as slow:
            slow.send(subscribe_packet("tl1/phone/re", 1))
            slow.read(5)
            for _ in range(200):
                service.publish("tl1/phone/re", bytes(60_000), qos=0)
            service.publish("tl1/phone/re", bytes(60_000))
            assert small.dropped > 50
            service.publish("tl1/tab/re", b"prompt")
            eventually(lambda: tab.payloads() == [b"prompt"])

    def test_at_the_services_limit_publishers_wait_and_nothing_is_lost(self, small: EmbeddedBroker) -> None:
        with Raw(small.port) as service, Raw(small.port).enter("phone") as phone:
            service.enter("service", small.service_password)
            service.send(subscribe_packet("tl1/+/msg", 1))
            service.read(5)
            phone.send(
                b"".join(publish_packet("tl1/phone/msg", bytes([n]), packet_id=n) for n in range(1, 13))
            )
            assert phone.read(20) == b"".join(b"\x40\x02\x00" + bytes([n]) for n in range(1, 6))
            arrived = []
            for _ in range(12):
                _, body = service.read_packet()
                arrived.append(body[-1])
                service.send(packet(0x40, body[15:17]))
            assert arrived == list(range(1, 13))
            assert phone.read(28) == b"".join(b"\x40\x02\x00" + bytes([n]) for n in range(6, 13))
            assert small.dropped == 0

    def test_where_the_service_does_not_take_it_in_time_nothing_is_acknowledged(
        self, small: EmbeddedBroker, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(switch, "PATIENCE_SECONDS", 0.05)
        with Raw(small.port) as service:
            service.enter("service", small.service_password)
            service.send(subscribe_packet("tl1/+/msg", 1))
            service.read(5)
            phone = connect(small, "phone")
            assert [phone.acknowledged("tl1/phone/msg") for _ in range(6)] == [True] * 5 + [False]

    def test_a_publisher_that_waits_for_a_service_that_leaves_is_sent_away(
        self, small: EmbeddedBroker, connect: Connect
    ) -> None:
        """Taken into a session that is over, its message would be acknowledged and lost."""
        with Raw(small.port) as service, Raw(small.port).enter("phone") as phone:
            service.enter("service", small.service_password)
            service.send(subscribe_packet("tl1/+/msg", 1))
            service.read(5)
            phone.send(b"".join(publish_packet("tl1/phone/msg", b"x", packet_id=n) for n in range(1, 8)))
            assert phone.read(20) == b"".join(b"\x40\x02\x00" + bytes([n]) for n in range(1, 6))
            assert connect(small, "service").refusal == ""
            assert phone.rest() == b""

    def test_a_publisher_may_leave_right_after_its_acknowledgement(self, broker: EmbeddedBroker) -> None:
        """Amqtt acknowledges first, and drops what it has not routed when the publisher leaves."""
        with Raw(broker.port) as service, Raw(broker.port).enter("phone") as phone:
            service.enter("service", broker.service_password)
            service.send(subscribe_packet("tl1/+/msg", 0))
            service.read(5)
            count = 500
            phone.send(b"".join(publish_packet("tl1/phone/msg", b"x", packet_id=n + 1) for n in range(count)))
            phone.read(4 * count)
            phone.sock.close()
            for _ in range(count):
                assert service.read_packet() == (0x30, text("tl1/phone/msg") + b"x")

    def test_qos_2_arrives_once_though_it_is_sent_twice(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        service = connect(broker, "service")
        service.subscribe("tl1/+/msg")
        once = publish_packet("tl1/phone/msg", b"once", packet_id=7, flags=4)
        with Raw(broker.port).enter("phone", clean=False) as phone:
            phone.send(once)
            assert phone.read(4) == bytes.fromhex("50020007")
        with Raw(broker.port) as again:
            again.send(connect_packet("phone", clean=False))
            assert again.read(4) == bytes.fromhex("20020100")
            again.send(publish_packet("tl1/phone/msg", b"once", packet_id=7, flags=0xC))
            assert again.read(4) == bytes.fromhex("50020007")
            again.send(bytes.fromhex("62020007"))
            assert again.read(4) == bytes.fromhex("70020007")
            again.send(publish_packet("tl1/phone/msg", b"next", packet_id=7, flags=4))
            assert again.read(4) == bytes.fromhex("50020007")
        eventually(lambda: b"next" in service.payloads())
        assert service.payloads() == [b"once", b"next"]

    def test_small_packets_are_sent_at_once(self, broker: EmbeddedBroker, connect: Connect) -> None:
        connect(broker, "phone")
        thread = broker._thread
        assert thread is not None
        (connection,) = thread._door._connections
        assert connection.writer.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
