"""Publish, store, come back, get exactly what is missing: through real brokers."""

from __future__ import annotations

import base64
import json
import random
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from proxy import CountingProxy
from stacks import Stack, eventually, held, import_into, settled
from tidelog import Denied, Record, Unavailable, UsageError
from tidelog.codec.dictionaries import inflated, trained
from tidelog.replica.machine import Machine
from tidelog.replica.steps import Step
from tidelog.wire.ranges import EVERYTHING, RangeSet
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.dictionaries import DictionaryStore

Corpus = Callable[[str], list[dict[str, Any]]]


def test_a_receipt_means_that_the_message_is_in_the_database(stack: Stack) -> None:
    stack.start()
    with stack.device("aphone") as phone:
        receipt = phone.send("room1", "hello").result(timeout=10)
        assert (receipt.channel, receipt.seq) == ("room1", 1)
        assert stack.stored("room1") == [(1, "alice", receipt.time, b"hello")]
        assert phone.outbox() == []
        assert held(phone, "room1") == stack.stored("room1")


def test_empty_have_set_gets_everything(stack: Stack) -> None:
    """The first half of the idea's second form: a device that states nothing gets all it may read."""
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone", live=False) as other:
        for n in range(50):
            phone.send("room1", f"message {n}")
        eventually(lambda: not phone.outbox())
        report = other.sync()
        assert (report.records, report.complete, report.rounds) == (50, True, 1)
        assert held(other, "room1") == stack.stored("room1")


def test_stated_have_set_gets_only_the_difference(stack: Stack) -> None:
    """The second half: a device that states what it has gets exactly the rest, in one round trip."""
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone", live=False) as other:
        for n in range(50):
            phone.send("room1", f"message {n}")
        eventually(lambda: not phone.outbox())
        other.sync()
        other.drop("room1", [(3, 5), (17, 18), (40, 51)])
        assert other.have("room1") == [(1, 3), (5, 17), (18, 40)]
        report = other.sync()
        assert (report.records, report.rounds) == (14, 1)
        assert held(other, "room1") == stack.stored("room1")
        assert other.sync().records == 0


def test_a_second_terminal_of_the_same_user_starts_from_what_the_first_one_wrote(stack: Stack) -> None:
    stack.start()
    with stack.device("aphone") as phone:
        for n in range(20):
            phone.send("room1", f"from the phone {n}")
        eventually(lambda: not phone.outbox())
        with stack.device("atablet", live=False) as tablet:
            assert tablet.sync().records == 20
            assert held(tablet, "room1") == held(phone, "room1")
        for n in range(5):
            phone.send("room1", f"more {n}").result(timeout=10)
        with stack.device("atablet", live=False) as tablet:
            assert tablet.sync().records == 5
            assert held(tablet, "room1") == held(phone, "room1") == stack.stored("room1")


def test_live_pushes_reach_members_and_the_authors_other_devices(stack: Stack) -> None:
    stack.start()
    seen: dict[str, list[Record]] = {"atablet": [], "bphone": []}
    with stack.device("aphone") as phone, stack.device("atablet") as tablet, stack.device("bphone") as other:
        tablet.on_record(seen["atablet"].append)
        other.on_record(seen["bphone"].append)
        for device in (tablet, other):
            device.sync()
        receipt = phone.send("room1", "live").result(timeout=10)
        eventually(lambda: seen["atablet"] and seen["bphone"], within=5)
        for records in seen.values():
            assert [(record.seq, record.text) for record in records] == [(receipt.seq, "live")]


def test_a_push_that_reveals_a_gap_makes_the_device_ask_for_it(stack: Stack) -> None:
    """A device that missed a push learns of it from the next one, and repairs the gap by itself."""
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone") as other:
        other.sync()
        for n in (1, 2):
            phone.send("room1", f"message {n}").result(timeout=10)
        eventually(lambda: len(held(other, "room1")) == 2)
        other._shell.do(lambda machine, _now: _lose(machine, 2))
        assert other.have("room1") == [(1, 2)]
        phone.send("room1", "message 3").result(timeout=10)
        eventually(lambda: held(other, "room1") == stack.stored("room1"))


def _lose(machine: Machine, seq: int) -> Step:
    """Make the machine forget a record that it still wants, as if its push had been lost."""
    step = machine.drop("room1", RangeSet([(seq, seq + 1)]))
    machine.holdings.want("room1", EVERYTHING)
    return step


def test_an_author_works_offline_and_the_outbox_drains_after_a_restart(stack: Stack) -> None:
    stack.start()
    nowhere = "mqtt://127.0.0.1:1"
    with stack.device("aphone", url=nowhere) as phone:
        for n in range(10):
            phone.send("room1", f"offline {n}")
        with pytest.raises(Unavailable):
            phone.sync(timeout=0.2)
        assert len(phone.outbox()) == 10
    with stack.device("aphone") as phone:
        eventually(lambda: not phone.outbox())
    assert [body for _, _, _, body in stack.stored("room1")] == [b"offline %d" % n for n in range(10)]


def test_the_service_restarts_under_its_devices(stack: Stack) -> None:
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone") as other:
        other.sync()
        phone.send("room1", "before").result(timeout=10)
        stack.stop()
        waiting = phone.send("room1", "while it was down")
        stack.start()
        assert waiting.result(timeout=30).seq == 2
        eventually(lambda: len(held(other, "room1")) == 2, within=30)
        assert held(other, "room1") == stack.stored("room1")


def test_a_stranger_gets_the_same_answer_as_for_a_channel_that_does_not_exist(stack: Stack) -> None:
    stack.add_device("eve", "ephone")
    stack.start()
    with stack.device("aphone") as phone, stack.device("ephone") as eve:
        phone.send("room1", "secret").result(timeout=10)
        refusals = []
        for channel in ("room1", "nowhere"):
            with pytest.raises(Denied) as refused:
                eve.send(channel, "hi").result(timeout=10)
            with pytest.raises(Denied) as unread:
                eve.sync(channels=[channel])
            refusals.append(
                [str(error.value).replace(channel, "X") for error in (refused, unread)]
                + [refused.value.code, unread.value.code]
            )
        assert refusals[0] == refusals[1]
        assert eve.sync().records == 0
        assert eve.channels() == []


def test_wrong_credentials_are_denied(stack: Stack) -> None:
    stack.start()
    stack.secrets["aphone"] = "wrong"
    with stack.device("aphone") as phone:
        with pytest.raises(Denied) as refused:
            phone.connect(timeout=10)
        assert refused.value.code == "credentials"
        with pytest.raises(Denied):
            phone.sync(timeout=10)


def test_a_revoked_device_gets_nothing_more_within_a_second(stack: Stack) -> None:
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone") as other:
        other.sync()
        phone.send("room1", "one").result(timeout=10)
        eventually(lambda: held(other, "room1"))
        stack.registry.revoke_device("bphone")
        threading.Event().wait(1.0)
        phone.send("room1", "two").result(timeout=10)
        threading.Event().wait(1.0)
        assert [body for _, _, _, body in held(other, "room1")] == [b"one"]


def test_what_was_edited_or_deleted_is_so_everywhere(stack: Stack) -> None:
    """On a device that is live, on one that was away, on a new one, and on the service's disk."""
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone", live=False) as other:
        told: list[Record] = []
        for n in range(5):
            phone.send("room1", f"message {n}").result(timeout=10)
        other.sync()
        with stack.device("atablet") as tablet:
            tablet.on_record(told.append)
            tablet.sync()
            receipt = phone.edit("room1", 1, "edited").result(timeout=10)
            eventually(lambda: len(told) == 6)
            again = tablet.edit("room1", receipt.seq, "edited twice").result(timeout=10)
            tablet.delete("room1", [(2, 4)]).result(timeout=10)
            with pytest.raises(UsageError) as refused:
                phone.delete("room1", [(2, 3)]).result(timeout=10)
            assert refused.value.code == "no_record"
            with pytest.raises(Denied):
                other.delete("room1", [(4, 5)]).result(timeout=10)
            assert told[5].voids == ((1, 2),)
            assert (told[5].text, told[5].time, told[5].edited > told[0].time) == (
                "edited",
                told[0].time,
                True,
            )
            report = other.sync()
            assert report.rounds == 1
            for device in (phone, tablet, other):
                eventually(lambda device=device: len(held(device, "room1")) == 3)
                assert [(record.seq, record.text) for record in device.records("room1")] == [
                    (4, "message 3"),
                    (5, "message 4"),
                    (again.seq, "edited twice"),
                ]
    stack.add_device("bob", "btablet")
    with stack.device("btablet", live=False) as new:
        assert new.sync().records == 3
    assert [seq for seq, *_ in stack.stored("room1")] == [4, 5, 7, 8]


class PlainClient:
    """Any MQTT client, no SDK: the JSON encoding."""

    def __init__(self, stack: Stack, device: str) -> None:
        self.device = device
        self.replies: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=device)
        self.client.username_pw_set(device, stack.secrets[device])
        self.client.on_message = lambda _client, _data, message: self.replies.append(
            json.loads(message.payload)
        )
        self.client.on_subscribe = lambda *_arguments: self._ready.set()
        host, port = stack.url.removeprefix("mqtt://").split(":")
        self.client.connect(host, int(port))
        self.client.loop_start()
        self.client.subscribe(f"tl1/{device}/re")
        assert self._ready.wait(10)

    def publish(self, rest: str, payload: bytes | str, qos: int = 1) -> None:
        self.client.publish(f"tl1/{self.device}/{rest}", payload, qos=qos).wait_for_publish(10)

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [reply for reply in self.replies if reply.get("type") == kind]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_any_mqtt_client_publishes_syncs_and_gets_pushes_in_json(stack: Stack) -> None:
    stack.start()
    plain = PlainClient(stack, "bphone")
    try:
        plain.publish("msg/room1", "plain text")
        eventually(lambda: plain.of_type("receipts"))
        # One after the other: two that reach one batch of the store are answered by one packet.
        for receipts in (2, 3):
            plain.publish("put/1/room1", "numbered")
            eventually(lambda receipts=receipts: len(plain.of_type("receipts")) == receipts)
        assert len(stack.stored("room1")) == 2
        plain.publish(
            "sync", json.dumps({"type": "sync", "id": 7, "have": {"room1": [[1, 2]]}, "live": True}), 0
        )
        eventually(lambda: plain.of_type("delta"))
        delta = plain.of_type("delta")[0]
        assert delta["id"] == 7
        assert [(record["seq"], record["text"]) for record in delta["records"]] == [(2, "numbered")]
        # What the plain client wrote itself is still being gathered for a push: it would come in the same.
        engine = stack.service.engine if stack.service is not None else None
        assert engine is not None
        eventually(lambda: engine.due_ms is None)
        with stack.device("aphone") as phone:
            phone.send("room1", "pushed").result(timeout=10)
            eventually(lambda: plain.of_type("push"))
        assert [record["text"] for record in plain.of_type("push")[0]["records"]] == ["pushed"]
        plain.publish("sync", '{"type": "sync", "idd": 7}', 0)
        eventually(lambda: plain.of_type("error"))
        assert plain.of_type("error")[0]["code"] == "malformed"
    finally:
        plain.close()


def test_the_service_says_what_it_takes_and_how_long_it_was_away(stack: Stack) -> None:
    stack.start()
    stack.stop()
    threading.Event().wait(0.3)
    stack.start()
    plain = PlainClient(stack, "bphone")
    try:
        plain.client.subscribe("tl1/service/status")
        eventually(lambda: any("online" in reply for reply in plain.replies))
        status = next(reply for reply in plain.replies if "online" in reply)
        assert (status["online"], status["protocol"]) == (True, 1)
        assert status["limits"]["page_bytes"] == 16_384
        start, stop = status["down"]
        assert 250 <= stop - start < 20_000
        assert abs(status["since"] - stop) < 1_000
    finally:
        plain.close()


def test_a_dictionary_trained_beside_the_service_can_be_fetched_at_once(stack: Stack) -> None:
    stack.start()
    plain = PlainClient(stack, "bphone")
    made = trained(b"what everybody says\0")
    asked = json.dumps({"type": "fetch", "id": 7, "dictionary": made.id})
    try:
        plain.publish("sync", asked, 0)
        eventually(lambda: plain.of_type("piece") == [{"type": "piece", "id": 7, "dictionary": made.id}])
        with open_database(DataFolder(stack.folder).database) as beside:
            DictionaryStore(beside).add(made)
        plain.publish("sync", asked, 0)
        eventually(lambda: len(plain.of_type("piece")) == 2)
        got = base64.b64decode(plain.of_type("piece")[1]["data64"])
        assert inflated(made.id, got) == made
    finally:
        plain.close()


@pytest.mark.parametrize("name", ["chat", "telemetry"])
def test_the_corpus_comes_whole_to_new_stale_and_holed_devices(
    stack: Stack, corpus: Corpus, name: str
) -> None:
    """A fresh device, one that misses the newest 20, and one with 200 random holes, all come to the store."""
    records = corpus(name)
    import_into(stack, records)
    reader = "me" if name == "chat" else "truck7"
    stack.add_device(reader, "reader")
    stack.start()
    channels = sorted({record["channel"] for record in records})
    longest = max(channels, key=lambda channel: len(stack.stored(channel)))
    with stack.device("reader", live=False) as device:
        report = device.sync(timeout=120)
        assert (report.records, report.complete) == (len(records), True)
        expected = {channel: stack.stored(channel) for channel in channels}
        assert {channel: held(device, channel) for channel in channels} == expected
        assert sum(map(len, expected.values())) == len(records)

        head = len(expected[longest])
        device.drop(longest, [(head - 19, head + 1)])
        report = device.sync()
        assert (report.records, report.rounds) == (20, 1)

        holes = random.Random(1).sample(range(1, head + 1), 200)
        device.drop(longest, [(seq, seq + 1) for seq in holes])
        report = device.sync()
        assert report.records == 200
        assert held(device, longest) == expected[longest]
        assert device.sync().records == 0


def test_reported_bytes_are_those_on_the_socket(stack: Stack) -> None:
    """The report of a sync counts what a proxy in front of the broker sees."""
    stack.start()
    with stack.device("aphone") as phone:
        for n in range(30):
            phone.send("room1", f"message {n}")
        eventually(lambda: not phone.outbox())
    host, port = stack.url.removeprefix("mqtt://").split(":")
    with (
        CountingProxy(int(port), host) as proxy,
        stack.device("bphone", url=f"mqtt://127.0.0.1:{proxy.port}", live=False) as other,
    ):
        other.connect(timeout=10)
        settled(lambda: proxy.bytes_up)
        before = (proxy.bytes_up, proxy.bytes_down)
        report = other.sync()
        assert report.records == 30
        assert (proxy.bytes_up - before[0], proxy.bytes_down - before[1]) == (
            report.bytes_up,
            report.bytes_down,
        )


def test_the_device_loses_nothing_though_the_broker_drops_acknowledged_messages(stack: Stack) -> None:
    """A device leaves in the middle of its sending, again and again: what the broker lost is sent again."""
    stack.start()
    written = 0
    for visit in range(5):
        with stack.device("aphone") as phone:
            phone.connect(timeout=10)
            for n in range(100):
                phone.send("room1", f"visit {visit} message {n}")
                written += 1
    with stack.device("aphone") as phone:
        eventually(lambda: not phone.outbox(), within=30)
    bodies = [body for _, _, _, body in stack.stored("room1")]
    assert len(bodies) == len(set(bodies)) == written
