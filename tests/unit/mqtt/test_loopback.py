"""The broker in one process, and a device's link to it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tidelog.mqtt import Delivery, LoopbackBroker, LoopbackLink, LoopbackTransport
from tidelog.mqtt.loopback_broker import matches
from tidelog.wire.errors import TidelogError
from tidelog.wire.frames import Presence


@dataclass
class Ear:
    """Writes down what a transport tells."""

    heard: list[object] = field(default_factory=list)

    def on_online(self, *, session_present: bool) -> None:
        self.heard.append(("online", session_present))

    def on_offline(self, reason: TidelogError) -> None:
        self.heard.append(("offline", reason.code))

    def on_packet(self, topic: str, payload: bytes, size: int) -> None:
        self.heard.append((topic, payload, size))


def service(broker: LoopbackBroker) -> tuple[LoopbackLink, list[Delivery]]:
    got: list[Delivery] = []
    link = LoopbackLink(broker, "service", got.append)
    for verb in ("msg", "sync", "status"):
        link.subscribe(f"tl1/+/{verb}", qos=1)
    return link, got


def test_a_request_and_its_answer_travel_when_pumped() -> None:
    broker, ear = LoopbackBroker(), Ear()
    link, got = service(broker)
    phone = LoopbackTransport(broker, "a1")
    phone.start(ear)
    assert phone.publish("tl1/a1/sync", b"abc", qos=0) == 18
    assert got == []
    broker.pump()
    assert [(one.topic, one.payload) for one in got] == [("tl1/a1/status", b"1"), ("tl1/a1/sync", b"abc")]
    link.send("tl1/a1/re", b"xy", qos=0)
    broker.pump()
    assert ear.heard == [("online", False), ("tl1/a1/re", b"xy", 15)]


def test_sizes_of_qos_1_hold_the_packet_id_and_the_acknowledgement() -> None:
    broker = LoopbackBroker()
    phone = LoopbackTransport(broker, "a1")
    phone.start(Ear())
    assert phone.publish("tl1/a1/msg", b"abc", qos=1) == phone.publish("tl1/a1/msg", b"abc", qos=0) + 2 + 4


def test_the_lower_qos_counts_on_the_way_down() -> None:
    broker = LoopbackBroker()
    _, got = service(broker)
    phone = LoopbackTransport(broker, "a1")
    phone.start(Ear())
    phone.publish("tl1/a1/msg", b"", qos=1)
    phone.publish("tl1/a1/sync", b"", qos=0)
    broker.pump()
    assert [one.qos for one in got] == [0, 1, 0]


def test_a_session_outlives_the_link() -> None:
    broker, ear = LoopbackBroker(), Ear()
    link, _ = service(broker)
    phone = LoopbackTransport(broker, "a1")
    phone.start(ear)
    phone.cut()
    link.send("tl1/a1/re", b"lost", qos=0)
    broker.pump()
    phone.restore()
    link.send("tl1/a1/re", b"found", qos=0)
    broker.pump()
    assert ear.heard == [
        ("online", False),
        ("offline", "link_lost"),
        ("online", True),
        ("tl1/a1/re", b"found", 18),
    ]


def test_a_session_that_the_broker_forgot_is_subscribed_anew() -> None:
    broker, ear = LoopbackBroker(), Ear()
    link, _ = service(broker)
    phone = LoopbackTransport(broker, "a1")
    phone.start(ear)
    phone.cut()
    del broker.sessions["a1"]
    phone.restore()
    link.send("tl1/a1/re", b"x", qos=0)
    broker.pump()
    assert ear.heard[2:] == [("online", False), ("tl1/a1/re", b"x", 14)]


def test_a_cut_link_publishes_the_will_and_loses_what_was_under_way() -> None:
    broker, ear = LoopbackBroker(), Ear()
    link, got = service(broker)
    phone = LoopbackTransport(broker, "a1")
    phone.start(ear)
    broker.pump()
    phone.publish("tl1/a1/msg", b"up", qos=1)
    link.send("tl1/a1/re", b"down", qos=0)
    phone.cut()
    broker.pump()
    assert [one.payload for one in got] == [b"1", b"0"]
    assert broker.retained == {"tl1/a1/status": b"0"}
    assert phone.publish("tl1/a1/msg", b"", qos=1) == 0


def test_stop_tells_offline_without_a_will_and_may_be_repeated() -> None:
    broker, ear = LoopbackBroker(), Ear()
    _, got = service(broker)
    phone = LoopbackTransport(broker, "a1", live=Presence.QUIET)
    phone.start(ear)
    broker.pump()
    phone.stop()
    phone.stop()
    broker.pump()
    assert [one.payload for one in got] == [b"2", b"0"]
    assert ear.heard == [("online", False)]


def test_retained_status_reaches_who_subscribes_later() -> None:
    broker = LoopbackBroker()
    LoopbackTransport(broker, "a1").start(Ear())
    broker.pump()
    _, got = service(broker)
    broker.pump()
    assert [(one.topic, one.payload, one.retain) for one in got] == [("tl1/a1/status", b"1", True)]


def test_an_empty_retained_payload_clears_the_topic() -> None:
    broker = LoopbackBroker()
    broker.route("a", b"x", retain=True)
    broker.route("a", b"", retain=True)
    assert broker.retained == {}


def test_a_second_link_with_the_same_id_throws_the_first_out() -> None:
    broker, first, second = LoopbackBroker(), Ear(), Ear()
    LoopbackTransport(broker, "a1").start(first)
    LoopbackTransport(broker, "a1").start(second)
    assert first.heard == [("online", False), ("offline", "link_lost")]
    assert second.heard == [("online", True)]


def test_a_network_decides_about_each_packet() -> None:
    flying: list[Delivery] = []
    broker, ear = LoopbackBroker(flying.append), Ear()
    link, got = service(broker)
    phone = LoopbackTransport(broker, "a1")
    phone.start(ear)
    for body in (b"0", b"1", b"2"):
        phone.publish("tl1/a1/msg", body, qos=1)
    _, zero, one, two = flying
    flying.clear()
    for packet in (two, zero, zero):
        broker.carry(packet)
    assert one.payload == b"1"
    for packet in flying:
        broker.carry(packet)
    assert [packet.payload for packet in got] == [b"2", b"0", b"0"]
    assert link.session_present is False


def test_no_link_at_the_start() -> None:
    broker, ear = LoopbackBroker(), Ear()
    phone = LoopbackTransport(broker, "a1", up=False)
    phone.start(ear)
    assert ear.heard == []
    phone.restore()
    phone.restore()
    assert ear.heard == [("online", False)]


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a", False),
        ("+/+", "a/", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "b/a", False),
        ("#", "a/b", True),
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/d", False),
    ],
)
def test_filters(pattern: str, topic: str, *, expected: bool) -> None:
    assert matches(pattern, topic) is expected
