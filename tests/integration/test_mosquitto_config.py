"""The generated files on a real Mosquitto: who gets in, what they may touch, and how fast they are out."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from brokers import RunningBroker, eventually, listens, start_mosquitto
from components import program
from tidelog_service.mqtt.mosquitto import PID, reload, write_mosquitto_files

ROOT = Path(__file__).parents[2]
ENTRYPOINT = ROOT / "docker" / "mosquitto-entrypoint.sh"
DEVICES = {"alice": "secret-a", "bob": "secret-b"}


class Party:
    """A stock paho client that notes what it is told."""

    def __init__(self, broker: RunningBroker, user: str | None, password: str, client_id: str = "") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.connack: list[str] = []
        self.granted = 0
        self.ended: list[float] = []
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or user or "anyone", reconnect_on_failure=False
        )
        if user is not None:
            self.client.username_pw_set(user, password)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message
        self.client.on_disconnect = self._on_disconnect
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        eventually(lambda: self.connack or self.ended)

    @property
    def accepted(self) -> bool:
        return self.connack == ["Success"] and not self.ended

    def subscribe(self, *filters: str) -> None:
        before = self.granted
        self.client.subscribe([(each, 1) for each in filters])
        eventually(lambda: self.granted > before)

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(
        self, _client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _: Properties | None
    ) -> None:
        self.connack.append(str(reason))

    def _on_subscribe(self, *_: object) -> None:
        self.granted += 1

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: DisconnectFlags, _reason: object, _: Properties | None
    ) -> None:
        self.ended.append(time.monotonic())


class Site:
    """A broker and the parties on it."""

    def __init__(self, folder: Path) -> None:
        self.broker = start_mosquitto(folder, devices=DEVICES, filters=("sensors/+/+",))
        self.parties: list[Party] = []

    def join(self, user: str | None, password: str = "", client_id: str = "") -> Party:
        party = Party(self.broker, user, password, client_id)
        self.parties.append(party)
        return party

    def device(self, name: str) -> Party:
        return self.join(name, self.broker.devices[name])

    def service(self) -> Party:
        return self.join("service", self.broker.service_password)

    def close(self) -> None:
        for party in self.parties:
            party.close()
        self.broker.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def test_a_device_publishes_to_its_own_topics_only(site: Site) -> None:
    service, alice = site.service(), site.device("alice")
    service.subscribe("tl1/+/msg", "tl1/+/msg/#", "tl1/+/put/#", "tl1/+/sync", "tl1/+/status", "sensors/+/+")
    allowed = [f"tl1/alice/{each}" for each in ("msg", "msg/a/b/c", "put/1/room", "sync", "status")]
    foreign = ("tl1/bob/msg", "tl1/bob/sync", "tl1/bob/put/1/room", "tl1/service/status", "sensors/deep/er/x")
    for topic in foreign:
        alice.publish(topic, b"foreign")
    for topic in (*allowed, "sensors/hall/temperature"):
        alice.publish(topic, b"own")
    expected = [(topic, b"own") for topic in (*allowed, "sensors/hall/temperature")]
    eventually(lambda: len(service.heard) >= len(expected))
    assert service.heard == expected


@pytest.mark.parametrize(
    "foreign",
    ["#", "+/+/re", "tl1/+/re", "tl1/bob/#", "tl1/bob/re", "$share/g/tl1/bob/re", "$SYS/#", "sensors/#"],
)
def test_a_device_hears_nothing_that_is_not_for_it(site: Site, foreign: str) -> None:
    """The subscription is granted, and then nothing is delivered."""
    service, alice, bob = site.service(), site.device("alice"), site.device("bob")
    alice.subscribe(foreign)
    alice.subscribe("tl1/alice/re")
    bob.subscribe("tl1/bob/re")
    bob.publish("sensors/hall/temperature")
    bob.publish("tl1/bob/msg/room")
    service.publish("tl1/bob/re", b"for bob")
    service.publish("tl1/alice/re", b"for alice")
    eventually(lambda: bob.heard and alice.heard)
    assert bob.heard == [("tl1/bob/re", b"for bob")]
    assert set(alice.heard) == {("tl1/alice/re", b"for alice")}


def test_a_device_sees_whether_the_service_is_there(site: Site) -> None:
    site.service().publish("tl1/service/status", b'{"online":true}', retain=True)
    alice = site.device("alice")
    alice.subscribe("tl1/service/status")
    eventually(lambda: alice.heard)
    assert alice.heard == [("tl1/service/status", b'{"online":true}')]


@pytest.mark.parametrize(
    ("user", "password"),
    [(None, ""), ("alice", "wrong"), ("alice", ""), ("nobody", "x"), ("service", "secret-a"), ("+", "x")],
)
def test_who_has_no_valid_account_is_refused(site: Site, user: str | None, password: str) -> None:
    party = site.join(user, password)
    assert not party.accepted
    assert party.connack in (["Not authorized"], ["Bad user name or password"])


def test_a_device_cannot_take_the_client_id_of_another(site: Site) -> None:
    service, alice = site.service(), site.device("alice")
    intruder = site.join("bob", DEVICES["bob"], client_id="service")
    assert intruder.accepted
    site.join("bob", DEVICES["bob"], client_id="alice")
    # Bob's second connection threw out his first: the broker goes by the user name.
    eventually(lambda: intruder.ended)
    assert service.accepted
    assert alice.accepted


def test_an_oversized_packet_ends_the_connection_and_the_largest_allowed_does_not(site: Site) -> None:
    service, alice = site.service(), site.device("alice")
    service.subscribe("tl1/+/msg")
    alice.publish("tl1/alice/msg", bytes(65_536))
    eventually(lambda: service.heard)
    assert alice.accepted
    alice.client.publish("tl1/alice/msg", bytes(70_000), qos=1)
    eventually(lambda: alice.ended)
    assert len(service.heard) == 1


def test_a_device_whose_publication_is_denied_stays_connected(site: Site) -> None:
    """With `max_queued_messages 0` it would not."""
    alice = site.device("alice")
    for _ in range(5):
        alice.publish("tl1/bob/msg")
    alice.subscribe("tl1/alice/re")
    assert alice.accepted


def test_a_device_added_to_a_running_broker_gets_in_and_nobody_is_cut(site: Site) -> None:
    service, alice = site.service(), site.device("alice")
    site.broker.add_device("carol", "secret-c")
    eventually(lambda: site.join("carol", "secret-c").accepted, seconds=1)
    assert service.accepted
    assert alice.accepted


def test_a_revoked_device_is_cut_within_a_second_and_stays_out(site: Site) -> None:
    service, alice, bob = site.service(), site.device("alice"), site.device("bob")
    secret = site.broker.devices["alice"]
    started = time.monotonic()
    site.broker.revoke_device("alice")
    eventually(lambda: alice.ended, seconds=1)
    assert alice.ended[0] - started < 1
    assert not site.join("alice", secret).accepted
    assert service.accepted
    assert bob.accepted


def test_a_device_with_a_new_secret_is_cut_and_comes_back_with_it(site: Site) -> None:
    alice = site.device("alice")
    site.broker.revoke_device("alice")
    site.broker.add_device("alice", "another")
    eventually(lambda: alice.ended, seconds=1)
    assert site.join("alice", "another").accepted


def test_the_process_id_file_serves_for_reloading(site: Site) -> None:
    alice = site.device("alice")
    del site.broker.devices["alice"]
    site.broker.write()
    reload(site.broker.setup.data_dir / PID)
    eventually(lambda: alice.ended, seconds=1)


def test_the_will_of_a_revoked_device_is_not_published(site: Site) -> None:
    """So the service has to say that it is offline, and may."""
    service = site.service()
    service.subscribe("tl1/+/status")
    alice = site.device("alice")
    alice.publish("tl1/alice/status", b"online", retain=True)
    site.broker.revoke_device("alice")
    eventually(lambda: alice.ended, seconds=1)
    service.publish("tl1/alice/status", b"offline", retain=True)
    eventually(lambda: len(service.heard) == 2)
    assert [payload for _, payload in service.heard] == [b"online", b"offline"]


def test_websockets_are_served_where_asked_for(tmp_path: Path) -> None:
    with start_mosquitto(tmp_path, devices=DEVICES, websockets=True) as broker:
        client = Client(CallbackAPIVersion.VERSION2, client_id="alice", transport="websockets")
        client.username_pw_set("alice", DEVICES["alice"])
        assert broker.setup.websockets_port
        client.connect(broker.host, broker.setup.websockets_port)
        client.loop_start()
        eventually(client.is_connected)
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def containerlike(tmp_path: Path) -> Iterator[Site]:
    """A broker started by the container's entrypoint, before the service has written its files."""
    site = Site(tmp_path)
    site.broker.stop()
    # As in a container: no `user` line, the entrypoint's account is the one that runs.
    folder = tmp_path / "volume"
    setup = replace(site.broker.setup, folder=folder)
    path = f"{Path(program('mosquitto')).parent}:{os.environ['PATH']}"
    process = subprocess.Popen(
        ["/bin/sh", str(ENTRYPOINT)],
        env={"PATH": path, "TIDELOG_MOSQUITTO": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    write_mosquitto_files(folder, setup, site.broker.hashes.items())
    site.broker.setup, site.broker.process = setup, process
    eventually(lambda: listens(setup.port))
    yield site
    site.close()


def test_the_containers_entrypoint_reloads_when_the_files_change(containerlike: Site) -> None:
    alice, bob = containerlike.device("alice"), containerlike.device("bob")
    del containerlike.broker.devices["alice"]
    containerlike.broker.write()
    eventually(lambda: alice.ended, seconds=1)
    assert bob.accepted


def test_the_containers_entrypoint_ends_the_broker_with_itself(containerlike: Site) -> None:
    process, port = containerlike.broker.process, containerlike.broker.port
    process.terminate()
    assert process.wait(5) == 0
    assert not listens(port)


def test_the_shell_scripts_are_clean() -> None:
    scripts = [ENTRYPOINT, ROOT / "tests" / "system-packages.sh", ROOT / ".ci" / "run"]
    subprocess.run([program("shellcheck"), *map(str, scripts)], check=True)
