"""The embedded broker met by real MQTT clients: who may connect, what they may do, and how it stops."""

from __future__ import annotations

import gc
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from embedded_clients import (
    PACKET_BYTES_MAX,
    SECRET,
    Devices,
    Embedded,
    Raw,
    eventually,
    packet,
    publish_packet,
    subscribe_packet,
    text,
)
from tidelog_service.embedded import EmbeddedBroker, door

if TYPE_CHECKING:
    from embedded_clients import Connect


class TestWhoMayConnect(Embedded):
    def test_a_known_device_and_the_service(self, broker: EmbeddedBroker, connect: Connect) -> None:
        assert connect(broker, "phone").refusal == ""
        assert connect(broker, "service").refusal == ""

    @pytest.mark.parametrize(
        ("name", "options", "refusal"),
        [
            ("phone", {"secret": "wrong"}, "Bad user name or password"),
            ("phone", {"secret": ""}, "Bad user name or password"),
            ("phone", {"secret": None}, "Not authorized"),
            ("phone", {"user": "tab"}, "Client identifier not valid"),
            ("tab", {"user": "service"}, "Client identifier not valid"),
            ("+", {}, "Client identifier not valid"),
            ("service", {"secret": SECRET}, "Bad user name or password"),
            ("phone", {"will": ("tl1/tab/re", b"forged", 0, False)}, "Not authorized"),
            ("phone", {"will": ("tl1/service/status", b"forged", 1, True)}, "Not authorized"),
        ],
    )
    def test_all_others_are_refused(
        self, broker: EmbeddedBroker, connect: Connect, name: str, options: dict[str, object], refusal: str
    ) -> None:
        assert connect(broker, name, **options).refusal == refusal

    def test_a_client_without_an_id_is_refused(self, broker: EmbeddedBroker) -> None:
        body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + text("") + text("phone") + text(SECRET)
        with Raw(broker.port) as nameless:
            nameless.send(packet(0x10, body))
            assert nameless.rest() == bytes.fromhex("20020002")

    def test_mqtt_5_is_refused_in_words_that_its_clients_understand(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        refused = connect(broker, "phone", version=MQTTProtocolVersion.MQTTv5)
        assert refused.refusal == "Unsupported protocol version"

    def test_a_refused_connection_leaves_the_devices_own_alone(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        phone, service = connect(broker, "phone", clean=False), connect(broker, "service")
        phone.subscribe("tl1/phone/re")
        for clean in (True, False):
            assert connect(broker, "phone", secret="wrong", clean=clean).refusal
        service.publish("tl1/phone/re", b"still here")
        eventually(lambda: phone.payloads() == [b"still here"])
        assert not phone.gone.is_set()

    def test_an_authority_that_fails_refuses(
        self, broker: EmbeddedBroker, connect: Connect, devices: Devices, caplog: pytest.LogCaptureFixture
    ) -> None:
        devices.revoked = None  # type: ignore[assignment]  # so that the look-up raises
        assert connect(broker, "phone").refusal == "Server unavailable"
        assert "credentials cannot be checked" in caplog.text

    def test_devices_beyond_the_limit_are_refused_the_service_never(
        self, small: EmbeddedBroker, connect: Connect
    ) -> None:
        first, _ = connect(small, "a"), connect(small, "b")
        assert connect(small, "c").refusal == "Server unavailable"
        assert connect(small, "service").refusal == ""
        assert connect(small, "a").refusal == ""  # takes over, so it is no further one
        eventually(first.gone.is_set)

    def test_sockets_beyond_the_limit_are_closed(
        self, small: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(door, "STRANGERS_MAX", 0)
        with Raw(small.port).enter("a"), Raw(small.port).enter("b"), Raw(small.port) as third:
            assert third.rest() == b""

    def test_fifty_connections_in_a_row(self, broker: EmbeddedBroker) -> None:
        for index in range(50):
            with Raw(broker.port).enter(f"device-{index}") as one:
                one.send(bytes.fromhex("c000e000"))
                assert one.rest() == bytes.fromhex("d000")


class TestTopics(Embedded):
    def test_a_device_may_subscribe_to_two_topics_and_nothing_else(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        phone = connect(broker, "phone")
        assert phone.subscribe("tl1/phone/re", "tl1/service/status") == [1, 1]
        traps = ["#", "+", "+/+/+", "tl1/#", "tl1/+/re", "tl1/phone/#", "tl1/tab/re", "$SYS/#", "/"]
        traps += ["$share/g/tl1/phone/re", "$share/g/tl1/tab/re", "$share/g/#", "tl1/phone/msg", "sensors/#"]
        assert phone.subscribe(*traps) == [0x80] * len(traps)

    def test_nothing_foreign_arrives(self, broker: EmbeddedBroker, connect: Connect) -> None:
        phone, tab, service = (connect(broker, each) for each in ("phone", "tab", "service"))
        phone.subscribe("tl1/phone/re", "tl1/service/status", "#", "tl1/+/re")
        for topic in ("tl1/tab/re", "tl1/tab/msg", "tl1/phone/msg", "other", "tl1/phone/re"):
            service.publish(topic)
        tab.publish("tl1/phone/re", b"forged")
        tab.publish("tl1/service/status", b"forged", retain=True)
        service.publish("tl1/service/status", b"last")
        eventually(lambda: b"last" in phone.payloads())
        assert [topic for topic, *_ in phone.messages] == ["tl1/phone/re", "tl1/service/status"]

    def test_a_device_publishes_its_own_topics_only(self, broker: EmbeddedBroker, connect: Connect) -> None:
        service, phone = connect(broker, "service"), connect(broker, "phone")
        assert service.subscribe("#") == [1]
        good = ["msg", "msg/room1", "msg/a/b/c", "put/7/room1", "sync", "status"]
        for verb in good:
            for device in ("tab", "service", "phone"):
                phone.publish(f"tl1/{device}/{verb}")
        for topic in ("tl1/phone/re", "elsewhere", "sensors/a", "sensors/a/b", "tl1/phone/sync/x"):
            phone.publish(topic)
        phone.publish("tl1/phone/msg", b"last")
        eventually(lambda: b"last" in service.payloads())
        expected = [f"tl1/phone/{verb}" for verb in good] + ["sensors/a/b", "tl1/phone/msg"]
        assert [topic for topic, *_ in service.messages] == expected

    def test_a_shared_subscription_is_refused_to_the_service_too(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        assert connect(broker, "service").subscribe("$share/g/tl1/+/msg") == [0x80]

    def test_only_status_is_retained(self, broker: EmbeddedBroker, connect: Connect) -> None:
        phone, service = connect(broker, "phone"), connect(broker, "service")
        for verb in ("msg", "sync", "status"):
            phone.publish(f"tl1/phone/{verb}", verb.encode(), retain=True)
        phone.publish("sensors/a/b", b"sensor", retain=True)
        service.publish("tl1/service/status", b"up", retain=True)
        service.publish("tl1/phone/re", b"answer", retain=True)
        service.subscribe("#", qos=0)
        phone.subscribe("tl1/phone/re", "tl1/service/status")
        eventually(lambda: len(service.messages) == 2 and phone.messages)
        assert sorted(service.messages) == [
            ("tl1/phone/status", b"status", True, 0),
            ("tl1/service/status", b"up", True, 0),
        ]
        assert phone.messages == [("tl1/service/status", b"up", True, 1)]

    def test_an_empty_retained_message_clears_it(self, broker: EmbeddedBroker, connect: Connect) -> None:
        phone, service = connect(broker, "phone"), connect(broker, "service")
        phone.publish("tl1/phone/status", b"here", retain=True)
        phone.publish("tl1/phone/status", b"", retain=True)
        service.subscribe("tl1/+/status")
        phone.publish("tl1/phone/status", b"live")
        eventually(lambda: service.payloads() == [b"live"])

    def test_who_connects_without_subscribing_receives_nothing_retained(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        """Amqtt sends it everything retained that anyone has subscribed to."""
        service, phone = connect(broker, "service"), connect(broker, "phone")
        service.subscribe("tl1/+/status", "tl1/+/re")
        phone.publish("tl1/phone/status", b"private", retain=True)
        tab = connect(broker, "tab")
        tab.subscribe("tl1/tab/re")
        service.publish("tl1/tab/re", b"last")
        eventually(lambda: b"last" in tab.payloads())
        assert tab.payloads() == [b"last"]

    def test_overlapping_filters_deliver_once_at_the_lower_of_both_qos(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        service, phone = connect(broker, "service"), connect(broker, "phone")
        service.subscribe("tl1/+/msg", qos=0)
        service.subscribe("tl1/+/msg/#", qos=2)
        for qos in (0, 1, 2):
            phone.publish("tl1/phone/msg", bytes([qos]), qos=qos)
        phone.publish("tl1/phone/msg/last")
        eventually(lambda: b"x" in service.payloads())
        assert [(payload, qos) for _, payload, _, qos in service.messages] == [
            (b"\0", 0),
            (b"\1", 1),
            (b"\2", 1),
            (b"x", 1),
        ]

    def test_a_second_subscribe_replaces_the_first(self, broker: EmbeddedBroker, connect: Connect) -> None:
        service, phone = connect(broker, "service"), connect(broker, "phone")
        phone.subscribe("tl1/phone/re", qos=1)
        phone.subscribe("tl1/phone/re", qos=0)
        service.publish("tl1/phone/re")
        eventually(lambda: phone.messages)
        assert phone.messages == [("tl1/phone/re", b"x", False, 0)]

    def test_unsubscribe_ends_it(self, broker: EmbeddedBroker) -> None:
        with Raw(broker.port).enter("phone") as phone, Raw(broker.port) as service:
            service.enter("service", broker.service_password)
            phone.send(subscribe_packet("tl1/phone/re", 0) + packet(0xA2, b"\x00\x02" + text("tl1/phone/re")))
            assert phone.read(9) == bytes.fromhex("9003000100 b0020002".replace(" ", ""))
            service.send(publish_packet("tl1/phone/re", b"x", packet_id=1))
            assert service.read(4) == bytes.fromhex("40020001")
            phone.send(bytes.fromhex("c000"))
            assert phone.read(2) == bytes.fromhex("d000")


class TestStop(Embedded):
    def test_stop_while_clients_are_connected_leaves_nothing(
        self, devices: Devices, connect: Connect
    ) -> None:
        stopped = EmbeddedBroker(port=0, authority=devices, packet_bytes_max=PACKET_BYTES_MAX)
        stopped.start()
        clients = [
            connect(stopped, f"d{index}", will=(f"tl1/d{index}/status", b"gone", 1, True))
            for index in range(5)
        ]
        clients.append(connect(stopped, "service"))
        clients[-1].subscribe("tl1/+/status")
        with Raw(stopped.port) as stranger, Raw(stopped.port) as slow:
            stranger.send(b"\x10")
            slow.enter("slow")
            since = time.monotonic()
            stopped.stop()
            assert time.monotonic() - since < 2
            eventually(lambda: all(each.gone.is_set() for each in clients))
            assert stranger.rest() == slow.rest() == b""
        assert "tidelog-broker" not in {each.name for each in threading.enumerate()}
        del stopped
        gc.collect()  # whatever was left open would warn now, and warnings are errors

    def test_stop_while_clients_are_knocking_leaves_nothing(self, devices: Devices) -> None:
        """Sockets that asyncio accepted just before its server closes would be left open."""
        for _ in range(5):
            with EmbeddedBroker(port=0, authority=devices, packet_bytes_max=PACKET_BYTES_MAX) as stopped:
                knocking = [socket.socket() for _ in range(30)]
                for each in knocking:
                    each.setblocking(False)
                    each.connect_ex(("127.0.0.1", stopped.port))
            for each in knocking:
                each.close()
        gc.collect()  # as above

    def test_what_was_sent_before_stop_arrives(self, devices: Devices, connect: Connect) -> None:
        stopped = EmbeddedBroker(port=0, authority=devices, packet_bytes_max=PACKET_BYTES_MAX)
        stopped.start()
        service, phone = connect(stopped, "service"), connect(stopped, "phone")
        phone.subscribe("tl1/service/status")
        service.publish("tl1/service/status", b"offline", retain=True)
        stopped.stop()
        eventually(phone.gone.is_set)
        assert phone.payloads() == [b"offline"]
