"""Marks through real brokers: live, after being away, offline, and to other members."""

from __future__ import annotations

import json

import pytest

from stacks import Stack, eventually
from tidelog import Channel, Denied, Device, Mark, UsageError


def room(device: Device, name: str = "room1") -> Channel:
    (found,) = (one for one in device.channels() if one.name == name)
    return found


def told(device: Device) -> list[Mark]:
    """What `on_mark` tells from now on."""
    marks: list[Mark] = []
    device.on_mark(marks.append)
    return marks


def test_what_one_device_marks_the_others_of_the_user_learn(stack: Stack) -> None:
    stack.start()
    with stack.device("bphone") as bob, stack.device("aphone") as phone, stack.device("atablet") as tablet:
        for n in range(5):
            bob.send("room1", f"message {n}").result(timeout=10)
        phone.sync()
        tablet.sync()
        live = told(tablet)
        assert phone.mark_read("room1", 3).result(timeout=10).read == 3
        assert (room(phone).read, room(phone).unread) == (3, 2)
        eventually(lambda: live)
        assert (live[0].channel, live[0].user, live[0].read) == ("room1", "", 3)
        assert (room(tablet).read, room(bob).read) == (3, 0)
        tablet.sync()
        assert room(tablet).unread == 2
        quiet = tablet.sync()
        assert quiet.bytes_up + quiet.bytes_down == 54 - 2, "a name of seven characters, and nothing to tell"


def test_a_device_that_was_away_learns_with_its_sync(stack: Stack) -> None:
    stack.start()
    with stack.device("bphone") as bob:
        bob.send("room1", "hello").result(timeout=10)
    with stack.device("atablet", live=False) as tablet:
        tablet.sync()
        before = tablet.sync()
    with stack.device("aphone") as phone:
        phone.sync()
        phone.mark_read("room1", 1).result(timeout=10)
    with stack.device("atablet", live=False) as tablet:
        report = tablet.sync()
        assert (room(tablet).read, room(tablet).unread) == (1, 0)
        assert report.rounds == 1
        assert report.bytes_down - before.bytes_down < 24
        assert tablet.sync().bytes_down == before.bytes_down


def test_a_mark_made_offline_goes_out_with_the_next_connection(stack: Stack) -> None:
    stack.start()
    with stack.device("bphone") as bob:
        bob.send("room1", "hello").result(timeout=10)
    with stack.device("aphone") as phone:
        phone.sync()
    with stack.device("aphone", url="mqtt://127.0.0.1:1") as phone:
        waiting = phone.mark_read("room1", 1)
        assert room(phone).read == 1
        assert not waiting.done()
    with stack.device("atablet") as tablet, stack.device("aphone"):
        eventually(lambda: tablet.sync() and room(tablet).read == 1)


def test_others_hear_of_it_where_the_channel_has_read_receipts(stack: Stack) -> None:
    stack.registry.add_channel("chat", ["alice", "bob"], receipts=True)
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone") as bob:
        phone.sync()
        bob.sync()
        heard = told(phone)
        phone.send("chat", "hello").result(timeout=10)
        eventually(lambda: [one.delivered for one in phone.marks("chat")] == [1])
        assert phone.marks("chat")[0].read == 0
        bob.mark_read("chat", 1).result(timeout=10)
        eventually(lambda: [one.read for one in phone.marks("chat")] == [1])
        eventually(
            lambda: [(one.user, one.read, one.delivered) for one in heard] == [("bob", 0, 1), ("bob", 1, 1)]
        )
        assert phone.marks("room1") == []


def test_what_cannot_be_marked_says_so(stack: Stack) -> None:
    stack.start()
    with stack.device("aphone") as phone:
        with pytest.raises(UsageError) as unknown:
            phone.mark_read("nowhere", 1)
        assert unknown.value.code == "no_channel"
        with pytest.raises(UsageError):
            phone.mark_read("room1", 0)
        phone.send("room1", "hello").result(timeout=10)
        stack.registry.leave("room1", "alice")
        with pytest.raises(Denied) as gone:
            phone.mark_read("room1", 1).result(timeout=10)
        assert gone.value.code == "no_channel"


def test_a_script_marks_in_json(stack: Stack) -> None:
    stack.start()
    with stack.device("bphone") as bob, stack.device("aphone") as phone:
        bob.send("room1", "hello").result(timeout=10)
        phone.sync()
        live = told(phone)
        payload = json.dumps({"type": "mark", "marks": {"room1": {"read": 1}}}).encode()
        with stack.device("atablet", store=":memory:") as tablet:
            tablet.connect()
            tablet._shell._transport.publish("tl1/atablet/sync", payload, qos=0)
            eventually(lambda: live)
        assert room(phone).read == 1
