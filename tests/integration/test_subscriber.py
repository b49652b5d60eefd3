"""The service's link on a real Mosquitto: nothing is lost, nothing stands still."""

from __future__ import annotations

import json
import os
import queue
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from brokers import RunningBroker, eventually, start_mosquitto
from proxy import CountingProxy
from tidelog_service.mqtt.link import Inbound, Link, LinkState, Phase, Token
from tidelog_service.mqtt.mosquitto import TlsFiles

DEVICES = {"alice": "secret-a"}


class Harness:
    """A link and what it received."""

    def __init__(self, broker: RunningBroker, port: int = 0, **options: Any) -> None:
        self.inbox: queue.SimpleQueue[Inbound] = queue.SimpleQueue()
        self.states: list[LinkState] = []
        self.link = Link(
            host=broker.host,
            port=port or broker.port,
            username="service",
            password=broker.service_password,
            receive=self.inbox.put,
            state=self.states.append,
            **options,
        )
        self.link.start()
        self.wait_online()

    def wait_online(self, times: int = 1) -> None:
        eventually(lambda: [state.phase for state in self.states].count(Phase.ONLINE) >= times, seconds=20)

    def take(self, count: int) -> list[Inbound]:
        """So many messages of devices; statuses are passed over."""
        taken: list[Inbound] = []
        while len(taken) < count:
            inbound = self.inbox.get(timeout=10)
            if not inbound.topic.endswith("/status"):
                taken.append(inbound)
        return taken


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    with start_mosquitto(tmp_path, devices=DEVICES) as running:
        yield running


@pytest.fixture
def alice(broker: RunningBroker) -> Iterator[Client]:
    client = device(broker)
    yield client
    client.disconnect()
    client.loop_stop()


def device(broker: RunningBroker) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, client_id="alice", clean_session=False)
    client.username_pw_set("alice", DEVICES["alice"])
    # Nothing held back: the tests are about what is under way.
    client.max_inflight_messages_set(0)
    client.connect(broker.host, broker.port)
    client.loop_start()
    eventually(client.is_connected)
    return client


def send(client: Client, count: int, first: int = 0) -> None:
    sent = [client.publish("tl1/alice/msg/room", b"%d" % n, qos=1) for n in range(first, first + count)]
    for info in sent:
        info.wait_for_publish(10)


def numbers(messages: list[Inbound]) -> list[int]:
    return [int(message.payload) for message in messages]


def test_batches_larger_than_the_default_window_do_not_deadlock(broker: RunningBroker, alice: Client) -> None:
    """With Mosquitto's default of 20 in flight a batch of 100 would wait for ever."""
    harness = Harness(broker)
    send(alice, 1000)
    for start in range(0, 1000, 250):
        batch = harness.take(250)
        assert numbers(batch) == list(range(start, start + 250))
        harness.link.acknowledge(message.token for message in batch)
    assert harness.link.unacknowledged == 0
    harness.link.stop()


def test_what_was_acknowledged_does_not_come_again_and_the_rest_does(
    broker: RunningBroker, alice: Client
) -> None:
    first = Harness(broker)
    send(alice, 20)
    batch = first.take(20)
    first.link.acknowledge(message.token for message in batch[:5] + batch[10:15])
    first.link.stop()
    second = Harness(broker)
    again = second.take(10)
    assert numbers(again) == [*range(5, 10), *range(15, 20)]
    second.link.acknowledge(message.token for message in again)
    send(alice, 1, first=99)
    assert numbers(second.take(1)) == [99]
    second.link.stop()


def test_tokens_of_a_lost_connection_are_ignored_and_the_messages_come_again(
    broker: RunningBroker, alice: Client
) -> None:
    with CountingProxy(broker.port) as proxy:
        harness = Harness(broker, port=proxy.port)
        send(alice, 3)
        before = harness.take(3)
        proxy.cut()
        harness.wait_online(times=2)
        after = harness.take(3)
        harness.link.acknowledge(message.token for message in before)
        assert numbers(after) == numbers(before)
        harness.link.acknowledge(message.token for message in after[:2])
        harness.link.stop()
    rest = Harness(broker)
    assert numbers(rest.take(1)) == [2]
    rest.link.stop()


CRASHING = """
import sys, time
from tidelog_service.mqtt.link import Link
link = Link(host=sys.argv[1], port=int(sys.argv[2]), username="service", password=sys.argv[3],
            receive=lambda inbound: print(inbound.payload.decode(), flush=True),
            state=lambda state: print(state.phase.value, flush=True))
link.start()
time.sleep(60)
"""


def test_messages_of_a_service_that_was_killed_come_again(broker: RunningBroker, alice: Client) -> None:
    command = [sys.executable, "-c", CRASHING, broker.host, str(broker.port), broker.service_password]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout
        while service.stdout.readline() != "online\n":
            pass
        send(alice, 50)
        while service.stdout.readline() != "49\n":
            pass
        os.kill(service.pid, signal.SIGKILL)
    send(alice, 10, first=50)
    harness = Harness(broker)
    assert harness.states[-1].session_present
    assert numbers(harness.take(60)) == list(range(60))
    harness.link.stop()


def test_it_comes_back_after_the_broker_restarts(broker: RunningBroker, alice: Client) -> None:
    harness = Harness(broker)
    send(alice, 5)
    harness.take(5)
    broker.stop()
    eventually(lambda: harness.states[-1].phase is Phase.OFFLINE)
    error = harness.states[-1].error
    assert error is not None
    assert error.hint
    harness.link.publish("tl1/alice/re", b"lost")
    assert harness.link.dropped == 1
    broker.restart()
    harness.wait_online(times=2)
    assert numbers(harness.take(5)) == list(range(5))
    harness.link.stop()


def test_devices_see_the_service_come_go_and_die(broker: RunningBroker, alice: Client) -> None:
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    alice.on_message = lambda _client, _data, message: heard.put(bytes(message.payload))
    with CountingProxy(broker.port) as proxy:
        harness = Harness(broker, port=proxy.port, details={"page_bytes": 16_384})
        alice.subscribe("tl1/service/status")
        status = json.loads(heard.get(timeout=5))
        assert status.pop("version")
        assert status == {"online": True, "protocol": 1, "page_bytes": 16_384}
        proxy.refuse()
        proxy.cut()
        assert json.loads(heard.get(timeout=5)) == {"online": False}
        proxy.refuse(refusing=False)
        assert json.loads(heard.get(timeout=20))["online"]
        harness.link.stop()
        assert json.loads(heard.get(timeout=5)) == {"online": False}


def test_retained_statuses_of_devices_come_on_every_connection(broker: RunningBroker, alice: Client) -> None:
    alice.publish("tl1/alice/status", b"on", retain=True).wait_for_publish(5)
    for _ in range(2):
        harness = Harness(broker)
        eventually(lambda inbox=harness.inbox: _has_status(inbox))  # type: ignore[misc]  # bound for the loop
        harness.link.stop()


def _has_status(inbox: queue.SimpleQueue[Inbound]) -> bool:
    inbound = inbox.get(timeout=5)
    return inbound == Inbound("tl1/alice/status", b"on", 0, retain=True, token=Token(0))


def test_receipts_arrive_in_order_among_acknowledgements(broker: RunningBroker, alice: Client) -> None:
    heard: queue.SimpleQueue[MQTTMessage] = queue.SimpleQueue()
    alice.on_message = lambda _client, _data, message: heard.put(message)
    alice.subscribe("tl1/alice/re", 0)
    harness = Harness(broker)
    send(alice, 300)
    for start in range(0, 300, 100):
        batch = harness.take(100)
        for message in batch:
            harness.link.publish("tl1/alice/re", message.payload + bytes(1000))
        harness.link.acknowledge(message.token for message in batch)
        receipts = [int(heard.get(timeout=5).payload[:-1000]) for _ in range(100)]
        assert receipts == list(range(start, start + 100))
    assert harness.link.published == 300
    harness.link.stop()


def test_filters_of_ingest_rules_are_subscribed_to_as_well(tmp_path: Path) -> None:
    with start_mosquitto(tmp_path, devices=DEVICES, filters=("sensors/+/+",)) as broker:
        harness = Harness(broker, filters=("sensors/+/+",))
        client = device(broker)
        client.publish("sensors/hall/temperature", b"21", qos=1).wait_for_publish(5)
        (inbound,) = harness.take(1)
        assert inbound[:3] == ("sensors/hall/temperature", b"21", 1)
        harness.link.stop()
        client.disconnect()
        client.loop_stop()


def test_filters_come_and_go_while_connected_and_a_kept_session_forgets_those_that_went(
    tmp_path: Path,
) -> None:
    with start_mosquitto(tmp_path, devices=DEVICES, filters=("s/+", "t/+", "u")) as broker:
        client = device(broker)

        def heard(harness: Harness, body: bytes, count: int) -> list[str]:
            """The topics of so many messages, of those published now; all are acknowledged."""
            for topic in ("s/x", "t/x", "u"):
                client.publish(topic, body, qos=1).wait_for_publish(5)
            messages = harness.take(count)
            harness.link.acknowledge(message.token for message in messages)
            return [message.topic for message in messages if message.payload == body]

        first = Harness(broker, filters=("s/+", "t/+"))
        assert heard(first, b"1", 2) == ["s/x", "t/x"]
        client.publish("u", b"kept", qos=1, retain=True).wait_for_publish(5)
        first.link.watch(["t/+", "u"])
        (kept,) = first.take(1)
        first.link.acknowledge([kept.token])
        assert (kept.topic, kept.retain) == ("u", True)
        assert heard(first, b"2", 2) == ["t/x", "u"]
        first.link.stop()
        second = Harness(broker, filters=("t/+",), unwanted=("u",))
        assert heard(second, b"3", 1) == ["t/x"]
        second.link.stop()
        # The session is kept: without being unsubscribed from, a filter goes on.
        third = Harness(broker)
        assert heard(third, b"4", 1) == ["t/x"]
        assert third.inbox.empty()
        third.link.stop()
        client.disconnect()
        client.loop_stop()


def test_it_speaks_tls_and_checks_the_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    _make_certificate(certificate, key)
    tls = ssl.create_default_context(cafile=str(certificate))
    with start_mosquitto(tmp_path, devices=DEVICES, tls=TlsFiles(certificate=certificate, key=key)) as broker:
        harness = Harness(broker, tls=tls)
        # More than a TLS record, so that some of it is decrypted and waits inside the TLS layer.
        client = Client(CallbackAPIVersion.VERSION2, client_id="alice")
        client.username_pw_set("alice", DEVICES["alice"])
        client.tls_set_context(tls)
        client.connect(broker.host, broker.port)
        client.loop_start()
        for _ in range(5):
            client.publish("tl1/alice/msg/room", bytes(60_000), qos=1).wait_for_publish(5)
        batch = harness.take(5)
        assert [len(message.payload) for message in batch] == [60_000] * 5
        harness.link.acknowledge(message.token for message in batch)
        harness.link.stop()
        client.disconnect()
        client.loop_stop()
        _assert_untrusted(broker)


def _assert_untrusted(broker: RunningBroker) -> None:
    states: list[LinkState] = []
    link = Link(
        host=broker.host,
        port=broker.port,
        username="service",
        password=broker.service_password,
        receive=lambda _: None,
        state=states.append,
        tls=ssl.create_default_context(),
    )
    link.start()
    eventually(lambda: states[-1].phase is Phase.OFFLINE)
    link.stop()
    errors = [str(state.error) for state in states if state.error]
    assert "no TLS" in errors[0]
    assert all(state.phase is not Phase.ONLINE for state in states)


def _make_certificate(certificate: Path, key: Path) -> None:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *curve, *subject, *files], check=True, capture_output=True)
