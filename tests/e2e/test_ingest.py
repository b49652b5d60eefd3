"""Ingest rules through real brokers: a fleet that knows nothing of Tidelog, and devices that read its log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from stacks import Stack, eventually, held, settled

SENSORS = """
[[ingest]]
topic = "sensors/+/+"
channel = "{1}/{2}"
author = "{1}"
members = ["olga"]
key = "id"
publishers = "{1}"
"""

BOILERS = """
[[ingest]]
topic = "boilers/#"
channel = "boilers"
members = ["olga"]
"""


@pytest.fixture
def site(stack: Stack) -> Stack:
    """The stack with rules, and a device of Olga, who only reads."""
    stack.add_device("olga", "opad")
    stack.config = stack.folder / "tidelog.toml"
    tell(stack, SENSORS)
    return stack


def tell(stack: Stack, rules: str) -> None:
    """Put rules into the file; the service keeps Mosquitto's files where there is one."""
    assert stack.config is not None
    broker = f"[broker]\nmosquitto_folder = '{stack.mosquitto.setup.folder}'\n" if stack.mosquitto else ""
    stack.config.write_text(broker + rules)


@contextmanager
def plain(stack: Stack, name: str) -> Iterator[mqtt.Client]:
    """A stock client with the account of a device."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.username_pw_set(name, stack.secrets[name])
    client.connect("127.0.0.1", stack.port_of_broker)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def publish(client: mqtt.Client, topic: str, *payloads: str, retain: bool = False) -> None:
    for payload in payloads:
        client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)


def bodies(stack: Stack, channel: str) -> list[bytes]:
    return [body for *_, body in stack.stored(channel)]


def test_a_device_that_only_reads_gets_a_delta_and_live_pushes_of_a_plain_tree(site: Stack) -> None:
    site.start()
    with plain(site, "aphone") as sensor:
        publish(sensor, "sensors/aphone/temp", '{"id":1,"t":20}', '{"id":2,"t":21}', '{"id":1,"t":20}')
        eventually(lambda: len(site.stored("aphone/temp")) == 2)
        with site.device("opad", live=False) as pad:
            # Else a push that was still on its way might bring them first.
            report = pad.sync()
            assert (report.records, report.rounds) == (2, 1)
        with site.device("opad") as pad:
            pad.sync()
            assert held(pad, "aphone/temp") == site.stored("aphone/temp")
            assert {author for _, author, *_ in held(pad, "aphone/temp")} == {"aphone"}
            publish(sensor, "sensors/aphone/temp", '{"id":3,"t":22}')
            eventually(lambda: len(held(pad, "aphone/temp")) == 3)
            pad.drop("aphone/temp", [(2, 3)])
            report = pad.sync()
            assert report.records == 1
            assert held(pad, "aphone/temp") == site.stored("aphone/temp")
            assert pad.sync().records == 0


def test_a_device_speaks_for_nobody_else_and_no_reader_writes(site: Stack) -> None:
    site.start()
    with plain(site, "aphone") as sensor, plain(site, "bphone") as other:
        publish(sensor, "sensors/aphone/temp", '{"id":1}')
        eventually(lambda: bodies(site, "aphone/temp"))
        publish(other, "sensors/aphone/temp", '{"id":2}')
        publish(other, "sensors/bphone/temp", '{"id":3}')
        eventually(lambda: bodies(site, "bphone/temp"))
        assert bodies(site, "aphone/temp") == [b'{"id":1}']
        with site.device("opad") as pad:
            pad.sync()
            assert pad.channels()
            assert pad.send("aphone/temp", "x").exception(timeout=10) is not None


def test_rules_that_change_in_the_file_are_in_force_within_seconds(site: Stack) -> None:
    site.start()
    with plain(site, "aphone") as sensor:
        publish(sensor, "sensors/aphone/temp", '{"id":1}')
        publish(sensor, "boilers/cellar/3", "lost")
        eventually(lambda: bodies(site, "aphone/temp"))
        tell(site, BOILERS)
        # What it may not publish yet is dropped by the broker, and the device is told nothing.
        eventually(lambda: publish(sensor, "boilers/cellar/3", "61") or bodies(site, "boilers"))
        publish(sensor, "sensors/aphone/temp", '{"id":2}')
        tell(site, "[[ingest]]\ntopic = 'tl1/#'\n")
        publish(sensor, "boilers/cellar/3", "62")
        eventually(lambda: bodies(site, "boilers")[-1] == b"62")
        assert site.service is not None
        site.service.reread()
        publish(sensor, "boilers/cellar/3", "63")
        eventually(lambda: bodies(site, "boilers")[-1] == b"63")
        assert bodies(site, "aphone/temp") == [b'{"id":1}']


def test_what_the_broker_kept_is_not_stored_again_at_each_start(site: Stack) -> None:
    site.start()
    with plain(site, "aphone") as sensor:
        publish(sensor, "sensors/aphone/temp", '{"id":1}', retain=True)
        eventually(lambda: bodies(site, "aphone/temp"))
        tell(site, SENSORS.replace('key = "id"', ""))
        for _ in range(2):
            site.stop()
            site.start()
    assert site.service is not None
    assert site.service.link is not None
    link = site.service.link
    settled(lambda: link.received)
    assert bodies(site, "aphone/temp") == [b'{"id":1}']


def test_a_rule_that_went_while_the_service_was_down_is_subscribed_to_no_more(site: Stack) -> None:
    """The broker keeps the session, and with it what the service subscribed to."""
    site.start()
    with plain(site, "aphone") as sensor:
        publish(sensor, "sensors/aphone/temp", '{"id":1}')
        eventually(lambda: bodies(site, "aphone/temp"))
    site.stop()
    tell(site, "")
    site.start()
    tell(site, BOILERS)
    with plain(site, "aphone") as sensor:
        eventually(lambda: publish(sensor, "boilers/cellar/3", "61") or bodies(site, "boilers"))
        publish(sensor, "sensors/aphone/temp", '{"id":2}')
        publish(sensor, "boilers/cellar/3", "62")
        eventually(lambda: bodies(site, "boilers")[-1] == b"62")
    assert site.service is not None
    assert site.service.engine is not None
    assert site.service.engine.tally["ingest_no_rule"] == 0
