"""Channels and members by devices, through real brokers."""

from __future__ import annotations

import json
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from stacks import Stack, eventually, held
from tidelog import Denied, Membership, Record, UsageError


@pytest.fixture
def rooms(stack: Stack) -> Stack:
    """A service that lets devices make channels below their user's name, and conversations."""
    stack.settings |= {"channels.create": "{user}/*", "channels.direct": True, "channels.per_user_max": 2}
    stack.start()
    return stack


def test_a_channel_is_there_for_its_members_at_once(rooms: Stack) -> None:
    heard: list[Membership] = []
    records: list[Record] = []
    with rooms.device("aphone") as phone, rooms.device("bphone") as other:
        other.on_membership(heard.append)
        other.on_record(records.append)
        other.sync()
        phone.sync()
        owner = Membership(channel="alice/boat", role="owner")
        assert phone.create_channel("alice/boat", members=["bob"]) == owner
        eventually(lambda: heard == [Membership(channel="alice/boat", role="writer")], within=5)
        phone.send("alice/boat", "hello").result(timeout=10)
        eventually(lambda: [record.text for record in records] == ["hello"], within=5)
        other.send("alice/boat", "hello you").result(timeout=10)
        eventually(lambda: len(held(phone, "alice/boat")) == 2, within=5)
        assert held(phone, "alice/boat") == held(other, "alice/boat") == rooms.stored("alice/boat")
        phone.remove("alice/boat", ["bob"])
        eventually(lambda: heard[1:] == [Membership(channel="alice/boat", role=None)], within=5)
        with pytest.raises(Denied):
            other.send("alice/boat", "still there?").result(timeout=10)
        with pytest.raises(Denied):
            other.sync(channels=["alice/boat"])


def test_what_was_asked_before_a_restart_may_be_asked_again(rooms: Stack) -> None:
    with rooms.device("aphone") as phone:
        phone.create_channel("alice/boat", members=["bob"], windowed=True)
        rooms.stop()
        rooms.start()
        assert phone.create_channel("alice/boat", members=["bob"], windowed=True).role == "owner"
        with pytest.raises(UsageError) as caught:
            phone.create_channel("alice/boat", members=["bob"])
        assert caught.value.code == "channel_exists"
        assert phone.direct("bob").channel == "dm/alice/bob"
        with pytest.raises(UsageError) as caught:
            phone.create_channel("alice/car")
        assert caught.value.code == "limit"
        with pytest.raises(Denied):
            phone.create_channel("bob/car")


def test_a_device_that_was_away_finds_it_with_its_next_sync(rooms: Stack) -> None:
    with rooms.device("aphone") as phone:
        phone.create_channel("alice/boat")
        phone.send("alice/boat", "who comes?").result(timeout=10)
        phone.invite("alice/boat", ["bob"], role="reader")
    with rooms.device("bphone") as other:
        assert other.sync().records == 1
        assert held(other, "alice/boat") == rooms.stored("alice/boat")
        assert other.leave("alice/boat").role is None


def test_a_script_does_it_in_json(rooms: Stack) -> None:
    answers: list[dict[str, Any]] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="atablet")
    client.username_pw_set("atablet", rooms.secrets["atablet"])
    ready: list[object] = []
    client.on_connect = lambda *_: client.subscribe("tl1/atablet/re")
    client.on_subscribe = lambda *_: ready.append(True)
    client.on_message = lambda _client, _data, message: answers.append(json.loads(message.payload))
    client.connect("127.0.0.1", rooms.port_of_broker)
    client.loop_start()
    try:
        eventually(lambda: ready)
        request = {"type": "enrol", "id": 9, "action": "create", "channel": "alice/boat", "users": ["bob"]}
        client.publish("tl1/atablet/sync", json.dumps(request))
        eventually(lambda: answers)
        epoch = answers[0].pop("epoch")
        assert epoch > 0
        assert answers == [{"type": "roster", "id": 9, "channel": "alice/boat", "role": "owner"}]
        client.publish("tl1/atablet/msg/alice/boat", "hello", qos=1)
        eventually(lambda: rooms.stored("alice/boat"))
    finally:
        client.disconnect()
        client.loop_stop()
