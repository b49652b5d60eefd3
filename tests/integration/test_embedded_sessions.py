"""The embedded broker's sessions: resumed, taken over, ended by a will or by revocation."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from embedded_clients import (
    SECRET,
    Devices,
    Embedded,
    Raw,
    connect_packet,
    eventually,
    packet,
    publish_packet,
    subscribe_packet,
    text,
)
from tidelog_service.embedded import EmbeddedBroker

if TYPE_CHECKING:
    from embedded_clients import Connect


class TestSessions(Embedded):
    def test_a_persistent_session_keeps_its_subscription(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        service, phone = connect(broker, "service"), connect(broker, "phone", clean=False)
        assert not phone.session_present
        phone.subscribe("tl1/phone/re")
        phone.leave()
        again = connect(broker, "phone", clean=False)
        assert again.session_present
        service.publish("tl1/phone/re", b"hello", qos=0)
        eventually(lambda: again.payloads() == [b"hello"])

    def test_what_was_missed_arrives_at_qos_1_and_not_at_qos_0(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        service, phone = connect(broker, "service"), connect(broker, "phone", clean=False)
        phone.subscribe("tl1/phone/re", qos=1)
        phone.leave()
        for index in range(6):
            service.publish("tl1/phone/re", bytes([index]), qos=index % 2)
        again = connect(broker, "phone", clean=False)
        eventually(lambda: len(again.messages) == 3)
        assert again.messages == [("tl1/phone/re", bytes([index]), False, 1) for index in (1, 3, 5)]

    def test_what_waits_for_an_absent_device_is_bounded(
        self, small: EmbeddedBroker, connect: Connect
    ) -> None:
        service, phone = connect(small, "service"), connect(small, "phone", clean=False)
        phone.subscribe("tl1/phone/re", qos=1)
        phone.leave()
        for index in range(12):
            service.publish("tl1/phone/re", bytes([index]))
        assert small.dropped == 7
        again = connect(small, "phone", clean=False)
        eventually(lambda: len(again.messages) == 5)
        assert again.payloads() == [bytes([index]) for index in range(5)]

    def test_a_clean_session_forgets(self, broker: EmbeddedBroker, connect: Connect) -> None:
        service, phone = connect(broker, "service"), connect(broker, "phone", clean=False)
        phone.subscribe("tl1/phone/re")
        phone.leave()
        assert not connect(broker, "phone", clean=True).session_present
        last = connect(broker, "phone", clean=False)
        assert not last.session_present
        service.publish("tl1/phone/re", b"lost")
        last.subscribe("tl1/service/status")
        service.publish("tl1/service/status", b"last")
        eventually(lambda: last.payloads() == [b"last"])

    def test_an_unacknowledged_message_is_sent_again(self, broker: EmbeddedBroker) -> None:
        """[MQTT-4.4.0-1]; amqtt forgets it when the connection ends, or after 5 seconds."""
        with Raw(broker.port) as service, Raw(broker.port).enter("phone") as phone:
            service.enter("service", broker.service_password, clean=False)
            service.send(subscribe_packet("tl1/+/msg", 1))
            service.read(5)
            phone.send(publish_packet("tl1/phone/msg", b"x", packet_id=9))
            first, body = service.read_packet()
            assert first == 0x32
            service.sock.close()
            with Raw(broker.port) as again:
                again.send(connect_packet("service", broker.service_password, clean=False))
                assert again.read(4) == bytes.fromhex("20020100")
                assert again.read_packet() == (0x3A, body)

    @pytest.mark.parametrize("clean", [True, False])
    def test_a_second_connection_takes_over(
        self,
        broker: EmbeddedBroker,
        connect: Connect,
        clean: bool,  # noqa: FBT001 - a flag of MQTT
    ) -> None:
        """[MQTT-3.1.4-2]; amqtt leaves a clean session's old connection open and a persistent one deaf."""
        service = connect(broker, "service")
        service.subscribe("tl1/+/status", qos=0)
        old = connect(broker, "phone", clean=clean, will=("tl1/phone/status", b"gone", 1, True))
        old.subscribe("tl1/phone/re")
        new = connect(broker, "phone", clean=clean, will=("tl1/phone/status", b"not yet", 1, True))
        eventually(old.gone.is_set)
        assert new.session_present is not clean
        if clean:
            new.subscribe("tl1/phone/re")
        service.publish("tl1/phone/re", b"for the new one")
        eventually(lambda: new.payloads() == [b"for the new one"])
        assert service.payloads() == [b"gone"]
        assert not new.gone.is_set()

    def test_of_many_at_once_the_last_keeps_the_client_id(self, broker: EmbeddedBroker) -> None:
        sockets = [Raw(broker.port) for _ in range(20)]
        for each in sockets:
            each.send(connect_packet("phone", clean=False))
        welcomed = [each.rest() for each in sockets[:-1]]
        sockets[-1].read(4)
        sockets[-1].send(bytes.fromhex("c000"))
        assert sockets[-1].read(2) == bytes.fromhex("d000")
        assert set(welcomed) <= {b"", bytes.fromhex("20020000"), bytes.fromhex("20020100")}
        for each in sockets:
            each.sock.close()


class TestWills(Embedded):
    def test_a_will_is_published_and_retained_when_the_socket_dies(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        service = connect(broker, "service")
        service.subscribe("tl1/+/status", qos=1)
        connect(broker, "phone", will=("tl1/phone/status", b"gone", 1, True)).die()
        eventually(lambda: service.messages == [("tl1/phone/status", b"gone", False, 1)])
        service.subscribe("tl1/phone/status", qos=1)
        eventually(lambda: service.messages[1:] == [("tl1/phone/status", b"gone", True, 1)])

    def test_a_resumed_sessions_will_is_the_one_of_its_last_connection(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        """Amqtt forgets whether it was to be retained."""
        service = connect(broker, "service")
        connect(broker, "phone", clean=False).leave()
        connect(broker, "phone", clean=False, will=("tl1/phone/status", b"gone", 1, True)).die()
        eventually(lambda: service.subscribe("tl1/+/status") and service.messages)
        assert service.messages[0] == ("tl1/phone/status", b"gone", True, 1)

    def test_a_device_that_takes_its_leave_has_no_will(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        service = connect(broker, "service")
        service.subscribe("tl1/+/status")
        connect(broker, "phone", will=("tl1/phone/status", b"gone", 1, True)).leave()
        connect(broker, "tab", will=("tl1/tab/status", b"tab gone", 1, True)).die()
        eventually(lambda: service.messages)
        assert service.payloads() == [b"tab gone"]

    def test_a_device_that_falls_silent_is_gone_after_one_and_a_half_keep_alives(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        """[MQTT-3.1.2-24]; amqtt waits for ever."""
        service = connect(broker, "service")
        service.subscribe("tl1/+/status")
        flags = 0xC2 | 0x04
        head = b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x01"
        body = head + text("phone") + text("tl1/phone/status") + text("gone") + text("phone") + text(SECRET)
        with Raw(broker.port) as silent:
            silent.send(packet(0x10, body))
            assert silent.read(4) == bytes.fromhex("20020000")
            since = time.monotonic()
            assert silent.rest() == b""
            assert 1.4 < time.monotonic() - since < 3
        eventually(lambda: service.payloads() == [b"gone"])


class TestRevocation(Embedded):
    def test_a_revoked_device_is_out_at_once_with_everything_queued(
        self, broker: EmbeddedBroker, connect: Connect, devices: Devices
    ) -> None:
        service, phone = connect(broker, "service"), connect(broker, "phone", clean=False)
        phone.subscribe("tl1/phone/re")
        devices.revoked.add("phone")
        since = time.monotonic()
        broker.disconnect("phone")
        eventually(phone.gone.is_set)
        assert time.monotonic() - since < 1
        assert connect(broker, "phone").refusal == "Bad user name or password"
        service.publish("tl1/phone/re", b"not for you any more")
        devices.revoked.clear()
        again = connect(broker, "phone", clean=False)
        assert not again.session_present
        assert again.messages == []

    def test_what_waits_for_an_absent_device_is_dropped(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        service, phone = connect(broker, "service"), connect(broker, "phone", clean=False)
        phone.subscribe("tl1/phone/re")
        phone.leave()
        service.publish("tl1/phone/re", b"waiting")
        broker.disconnect("phone")
        again = connect(broker, "phone", clean=False)
        assert not again.session_present
        again.subscribe("tl1/phone/re")
        service.publish("tl1/phone/re", b"new")
        eventually(lambda: again.payloads() == [b"new"])

    def test_bytes_in_the_send_buffers_are_thrown_away(
        self, broker: EmbeddedBroker, connect: Connect
    ) -> None:
        """A reset, not an end: the kernel would go on sending what it holds for a device that reads late."""
        service = connect(broker, "service")
        with Raw(broker.port, receive_buffer_bytes=4096).enter("phone") as slow:
            slow.send(subscribe_packet("tl1/phone/re", 0))
            slow.read(5)
            for _ in range(100):
                service.publish("tl1/phone/re", bytes(60_000), qos=0)
            service.publish("tl1/other/re")  # acknowledged: what was published before has been routed
            broker.disconnect("phone")
            with pytest.raises(ConnectionResetError):
                slow.drain()

    def test_disconnect_works_from_many_threads_and_from_the_brokers_own(
        self, broker: EmbeddedBroker, connect: Connect, devices: Devices, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clients = [connect(broker, f"d{index}") for index in range(5)]
        threads = [threading.Thread(target=broker.disconnect, args=(f"d{index}",)) for index in range(5)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        eventually(lambda: all(each.gone.is_set() for each in clients))
        victim = connect(broker, "victim")

        def admits(device: str, secret: str) -> bool:
            broker.disconnect("victim")
            return bool(device and secret)

        monkeypatch.setattr(devices, "admits", admits)
        connect(broker, "other")
        eventually(victim.gone.is_set)
