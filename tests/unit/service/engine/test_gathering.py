"""What ingest rules take: stored once, by whom, where, and what is counted and told instead."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tidelog.wire import payload as wire
from tidelog.wire.errors import Unavailable
from tidelog.wire.frames import Push
from tidelog.wire.limits import BODY_BYTES_MAX, STATEMENTS_MAX
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.core import Engine
from tidelog_service.engine.gathering import NOTICE_MS, Gathering, Outcome
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.ports import Head
from tidelog_service.engine.rules import IngestRule, IngestRules
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.gathered import GatheredStore
from tidelog_service.store.models import Channel, Member
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

NOW = 10**12


class Shaky(RecordStore):
    """A store that fails when all but the commit is done."""

    failures = 0

    def advance(self, heads: Mapping[int, Head]) -> None:
        super().advance(heads)
        if self.failures:
            self.failures -= 1
            raise Unavailable("the disk failed", code="store_failed")


class Bench:
    """An engine on a database in memory, with one rule for ``sensors/+/+``."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.registry = Registry(database, now_ms=lambda: NOW)
        self.store = Shaky(database)
        self.shelf = GatheredStore(database)
        self.gathering = Gathering(self.shelf)
        self.engine = Engine(self.store, gathering=self.gathering)
        self.now = NOW
        self.rule()

    def rule(self, topic: str = "sensors/+/+", **keys: Any) -> None:
        """Put this rule in force, instead of others."""
        self.gathering.rules = IngestRules([IngestRule.parse(topic=topic, **({"channel": "{1}/{2}"} | keys))])

    def publish(self, *bodies: bytes | str, topic: str = "sensors/a/temp", retained: bool = False) -> None:
        packets = [
            Packet(topic, body.encode() if isinstance(body, str) else body, 1, retained) for body in bodies
        ]
        assert self.engine.handle(packets, self.now) == ()

    def stored(self, channel: str = "a/temp") -> list[tuple[str, bytes]]:
        found = self.shelf.channels([channel])
        if not found:
            return []
        log = found[channel].log
        rows = self.store.rows(
            log.id, RangeSet([(1, log.head + 1)]), records_max=10**6, bytes_max=10**9, newest_first=False
        )
        assert [row.seq for row in rows] == list(range(1, log.head + 1))
        return [(row.author, row.body) for row in rows]

    def bodies(self, channel: str = "a/temp") -> list[bytes]:
        return [body for _, body in self.stored(channel)]

    @property
    def counts(self) -> dict[str, int]:
        sums = self.shelf.sums(0)
        assert len(sums) <= 1
        counts = {
            outcome.value: told.messages for told_of in sums.values() for outcome, told in told_of.items()
        }
        tally = {
            name.removeprefix("ingest_"): count
            for name, count in self.engine.tally.items()
            if name.startswith("ingest_")
        }
        assert counts == tally
        return counts

    def notices(self) -> list[str]:
        return [notice.code for notice in self.gathering.notices()]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with open_database(":memory:") as database:
        yield Bench(database)


def test_a_message_makes_its_channel_with_readers_and_is_stored(bench: Bench) -> None:
    bench.registry.add_user("olga")
    bench.rule(members=["olga", "new"], content_type="text/plain")
    bench.publish("21.5", "21.6")
    bench.publish("40", topic="sensors/a/hum")
    assert bench.stored() == [("ingest", b"21.5"), ("ingest", b"21.6")]
    assert bench.bodies("a/hum") == [b"40"]
    assert {channel.name: channel.members for channel in bench.registry.channels()} == {
        "a/temp": ("new", "olga"),
        "a/hum": ("new", "olga"),
    }
    olga = bench.store.terminal(_device(bench, "olga"))
    assert olga is not None
    assert set(bench.store.logs_of(olga.user_id)) == {"a/temp", "a/hum"}
    assert bench.store.writable(olga.user_id, ["a/temp"]) == {}
    assert bench.counts == {"stored": 3}
    assert bench.notices() == []


def _device(bench: Bench, user: str) -> str:
    bench.registry.add_device(user, f"{user}-phone")
    return f"{user}-phone"


def test_members_hear_of_it_as_of_any_record(bench: Bench) -> None:
    bench.registry.add_user("olga")
    device = _device(bench, "olga")
    bench.rule(members=["olga"], author="{1}", content_type="text/plain")
    request = json.dumps({"type": "sync", "live": True}).encode()
    bench.engine.handle([Packet(f"tl1/{device}/sync", request)], NOW)
    bench.publish("21.5", "21.6")
    (reply,) = bench.engine.flush(NOW + 1_000)
    push, _ = wire.decode(reply.payload)
    assert isinstance(push, Push)
    assert reply.device == device
    assert (push.part.channel, push.part.head) == ("a/temp", 2)
    assert [(one.author, one.content_type, one.body) for one in push.part.records] == [
        ("a", "text/plain", b"21.5"),
        ("a", "text/plain", b"21.6"),
    ]


def test_numbers_stay_dense_where_a_device_and_a_rule_write_into_one_channel(bench: Bench) -> None:
    bench.registry.add_user("olga")
    device = _device(bench, "olga")
    bench.registry.add_channel("room", ["olga"])
    bench.rule(channel="room", author="olga")
    packets = [
        Packet(f"tl1/{device}/msg/room", b"one", 1),
        Packet("sensors/a/temp", b"two", 1),
        Packet(f"tl1/{device}/put/1/room", b"three", 1),
    ]
    bench.engine.handle(packets, NOW)
    assert sorted(bench.bodies("room")) == [b"one", b"three", b"two"]


def test_a_batch_that_fails_leaves_nothing_and_counts_nothing(bench: Bench) -> None:
    bench.rule(key="digest", author="{1}")
    bench.store.failures = 1
    with pytest.raises(Unavailable):
        bench.publish("21.5")
    assert bench.registry.channels() == []
    assert bench.registry.users() == []
    assert bench.counts == {}
    bench.publish("21.5")
    assert bench.bodies() == [b"21.5"]
    assert bench.counts == {"stored": 1}


def test_a_message_with_a_key_is_stored_once(bench: Bench) -> None:
    bench.rule(key="id")
    bench.publish('{"id": 1, "t": 20}', '{"id": 2, "t": 21}', '{"id": 1, "t": 20}')
    bench.publish('{"id": 2, "t": 99}', '{"id": 3}')
    bench.publish('{"id": 1}', topic="sensors/b/temp")
    assert bench.bodies() == [b'{"id": 1, "t": 20}', b'{"id": 2, "t": 21}', b'{"id": 3}']
    assert bench.bodies("b/temp") == [b'{"id": 1}']
    assert bench.counts == {"stored": 4, "duplicate": 2}
    assert bench.notices() == []


def test_keys_survive_a_restart_and_a_rule_of_another_order(bench: Bench) -> None:
    bench.rule(key="digest")
    bench.publish("21.5")
    again = Engine(bench.store, gathering=Gathering(bench.shelf, bench.gathering.rules))
    again.handle([Packet("sensors/a/temp", b"21.5", 1)], NOW)
    assert bench.bodies() == [b"21.5"]


def test_keys_are_remembered_for_a_window_of_records(bench: Bench) -> None:
    bench.rule(key="digest", key_window=3)
    for body in ("1", "2", "3", "2", "4", "1"):
        bench.publish(body)
    assert bench.bodies() == [b"1", b"2", b"3", b"4", b"1"]
    assert len(bench.database.fetch("SELECT * FROM rule_key")) == 3


def test_without_a_key_what_comes_again_is_stored_again(bench: Bench) -> None:
    bench.publish("21.5", "21.5")
    assert bench.bodies() == [b"21.5", b"21.5"]


def test_what_has_no_key_is_stored_and_told(bench: Bench) -> None:
    bench.rule(key="id")
    bench.publish("21.5", "21.5")
    assert bench.bodies() == [b"21.5", b"21.5"]
    assert bench.counts == {"stored": 2, "unkeyed": 2}
    assert bench.notices() == ["ingest_unkeyed"]


def test_what_the_broker_kept_is_stored_only_where_the_rule_says_so(bench: Bench) -> None:
    bench.publish("old", retained=True)
    assert bench.stored() == []
    assert bench.counts == {"retained": 1}
    bench.rule(retained=True, key="digest")
    for _ in range(3):
        bench.publish("old", retained=True)
    assert bench.bodies() == [b"old"]
    assert bench.notices() == []


@pytest.mark.parametrize(
    ("keys", "topic", "body", "outcome"),
    [
        ({}, "sensors/a/temp", bytes(BODY_BYTES_MAX + 1), Outcome.LIMIT),
        ({}, "sensors//temp", b"x", Outcome.CHANNEL_NAME),
        ({}, "sensors/" + "x" * 60 + "/temp", b"x", Outcome.CHANNEL_NAME),
        ({}, "sensors/$x/temp", b"x", Outcome.CHANNEL_NAME),
        ({"channel": "all", "author": "{1}"}, "sensors/$x/temp", b"x", Outcome.AUTHOR_NAME),
        ({"channel": "dm/{1}/{2}"}, "sensors/olga/paul", b"x", Outcome.CHANNEL_NAME),
        ({"create_max": 0}, "sensors/a/temp", b"x", Outcome.NO_CHANNEL),
        ({"channel": "room"}, "sensors/a/temp", b"x", Outcome.NOT_WRITER),
        ({"channel": "room", "author": "paul"}, "sensors/a/temp", b"x", Outcome.NOT_WRITER),
    ],
)
def test_what_is_not_stored_is_counted_and_told(
    bench: Bench, keys: dict[str, Any], topic: str, body: bytes, outcome: Outcome
) -> None:
    for user in ("olga", "paul"):
        bench.registry.add_user(user)
    bench.registry.add_channel("room", ["olga"])
    bench.rule(**keys)
    bench.publish(body, topic=topic)
    assert bench.counts == {outcome.value: 1}
    (notice,) = bench.gathering.notices()
    assert notice.code == f"ingest_{outcome}"
    assert repr(topic) in str(notice)
    assert notice.hint
    assert [channel.name for channel in bench.registry.channels()] == ["room"]
    assert bench.registry.users()[-1].name == "paul"


def test_trouble_is_told_once_an_hour(bench: Bench) -> None:
    for now, told in ((NOW, 1), (NOW + 1, 0), (NOW + NOTICE_MS, 1), (NOW - 1, 1)):
        bench.now = now
        bench.publish("x", "x", topic="sensors//temp")
        assert len(bench.notices()) == told
    assert bench.counts == {"channel_name": 8}


def test_a_message_that_no_rule_takes_any_more_is_counted(bench: Bench) -> None:
    bench.gathering.rules = IngestRules()
    bench.publish("x")
    assert bench.counts == {"no_rule": 1}


def test_a_rule_makes_so_many_channels_and_authors_and_no_more(bench: Bench) -> None:
    bench.rule(create_max=2)
    for name in "abcabc":
        bench.publish(name, topic=f"sensors/{name}/temp")
    assert [channel.name for channel in bench.registry.channels()] == ["a/temp", "b/temp"]
    assert bench.counts == {"stored": 4, "no_channel": 2}
    bench.rule(channel="all", author="{1}", create_max=3)
    for name in "xyz":
        bench.publish(name, topic=f"sensors/{name}/temp")
    assert bench.bodies("all") == [b"x", b"y"]
    assert bench.counts["no_author"] == 1


def test_a_rule_writes_into_what_another_rule_made(bench: Bench) -> None:
    bench.publish("one")
    bench.rule("other/+", channel="a/temp", author="other")
    bench.engine.handle([Packet("other/x", b"two", 1)], NOW)
    assert bench.stored() == [("ingest", b"one"), ("other", b"two")]


def test_a_member_who_is_in_too_many_channels_costs_no_message(bench: Bench) -> None:
    bench.registry.add_user("olga")
    with bench.database.transaction():
        for n in range(STATEMENTS_MAX):
            bench.database.write(Channel.insert(name=f"c{n}", epoch=1, created=0))
        ids = [key for (key,) in bench.database.select(Channel.select(Channel.id))]
        for key in ids:
            bench.database.write(Member.insert(channel=key, user=1, joined=0))
    bench.rule(members=["olga", "paul"])
    bench.publish("x")
    assert bench.bodies() == [b"x"]
    assert bench.counts == {"stored": 1, "no_member": 1}
    assert bench.registry.channels()[0].members == ("paul",)


def test_work_is_by_index(bench: Bench) -> None:
    bench.rule(key="id", members=["olga"])
    bench.publish('{"id": 1}')
    queries: list[str] = []
    fetch, write_many = bench.database.fetch, bench.database.write_many

    def noted(sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        queries.append(sql)
        return fetch(sql, params)

    def noted_rows(sql: str, rows: Any) -> None:
        queries.append(sql)
        write_many(sql, rows)

    bench.database.fetch, bench.database.write_many = noted, noted_rows  # type: ignore[method-assign]
    bench.publish('{"id": 2}', '{"id": 2}')
    assert len(queries) > 5
    for sql in queries:
        plan = fetch(f"EXPLAIN QUERY PLAN {sql}", [0] * sql.count("?"))
        assert not [step for *_, step in plan if step.startswith("SCAN")], (sql, plan)
