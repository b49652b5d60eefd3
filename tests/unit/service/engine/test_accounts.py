"""What is counted, for whom, and under which head: against packets sized by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.mqttsize import delivery_bytes
from tidelog_service.engine.accounts import DAY_MS, Account, Accounts, Entry, Key
from tidelog_service.engine.packets import Kind, Packet, Reply

COUNTS = st.integers(0, 2**40)
ENTRIES = st.lists(
    st.tuples(
        st.builds(Key, st.integers(0, 2), st.sampled_from(["a1", "b1"]), st.sampled_from(Kind)),
        st.builds(Account, COUNTS, COUNTS, COUNTS, COUNTS),
    )
)


def counted(*received: Packet, replies: tuple[Reply, ...] = (), now_ms: int = 5) -> dict[Kind, Account]:
    """What is kept of the day, by kind; all packets are of one device."""
    accounts = Accounts()
    accounts.served([("a1", packet) for packet in received], replies, now_ms)
    entries = accounts.take(100)
    assert {(key.day, key.device) for key, _ in entries} <= {(now_ms // DAY_MS, "a1")}
    assert not accounts
    return {key.kind: account for key, account in entries}


def summed(entries: list[Entry]) -> dict[Key, Account]:
    sums: dict[Key, Account] = {}
    for key, account in entries:
        sums.setdefault(key, Account()).add(account)
    return sums


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("tl1/a1/msg", Kind.MESSAGES),
        ("tl1/a1/msg/sync", Kind.MESSAGES),
        ("tl1/a1/put/7/room/status", Kind.MESSAGES),
        ("tl1/a1/sync", Kind.REQUESTS),
        ("tl1/a1/status", Kind.STATUS),
        ("tl1/a1/nonsense", Kind.MESSAGES),
        ("tl1/a1", Kind.MESSAGES),
    ],
)
def test_what_a_device_publishes_goes_by_its_topic(topic: str, kind: Kind) -> None:
    """Fixed header 2, length of the topic 2, the topic, the payload: MQTT 3.1.1, section 3.3."""
    told = counted(Packet(topic, bytes(10)))
    assert told == {kind: Account(packets=1, bytes_up=4 + len(topic) + 10)}


def test_a_message_at_qos_1_is_acknowledged_downwards() -> None:
    """Packet id 2; PUBACK 4: sections 3.3.2 and 3.4."""
    told = counted(Packet("tl1/a1/msg", bytes(10), 1), Packet("tl1/a1/msg", bytes(10), 0))
    assert told == {Kind.MESSAGES: Account(packets=2, bytes_up=26 + 24, bytes_down=4)}


@pytest.mark.parametrize("kind", [Kind.ANSWERS, Kind.PUSHES, Kind.RECEIPTS, Kind.FAULTS])
def test_what_is_published_to_a_device_goes_by_its_kind(kind: Kind) -> None:
    told = counted(replies=(Reply("a1", bytes(10), kind), Reply("a1", bytes(200), kind)))
    assert told == {kind: Account(packets=2, bytes_down=(4 + 9 + 10) + (5 + 9 + 200))}


def test_records_are_counted_as_a_publish_each_too() -> None:
    told = counted(replies=(Reply("a1", bytes(10), Kind.ANSWERS, (60, 130)),))
    plain = sum(delivery_bytes("tl1/a1/re", size, qos=1) for size in (60, 130))
    assert told[Kind.ANSWERS].bytes_plain == plain == (2 + 2 + 9 + 2 + 60 + 4) + (3 + 2 + 9 + 2 + 130 + 4)


def test_strangers_and_what_the_broker_gives_again_are_left_out() -> None:
    accounts = Accounts()
    again = Packet("tl1/a1/status", b"1", 0, retained=True)
    accounts.served([("", Packet("tl1/zz/msg", b"hi")), ("a1", again)], (), 5)
    assert not accounts


def test_a_topic_that_mqtt_cannot_carry_is_no_reason_to_fail() -> None:
    assert counted(Packet("tl1/a1/msg/\ud800", b""))[Kind.MESSAGES].packets == 1


def test_days_begin_at_midnight_utc() -> None:
    accounts = Accounts()
    for now_ms in (DAY_MS - 1, DAY_MS):
        accounts.served((), [Reply("a1", b"", Kind.FAULTS)], now_ms)
    assert [key.day for key, _ in accounts.take(9)] == [0, 1]


def test_taking_a_few_leaves_the_others() -> None:
    accounts = Accounts()
    accounts.served((), [Reply(f"a{n}", b"", Kind.FAULTS) for n in range(5)], 0)
    assert [key.device for key, _ in accounts.take(2)] == ["a0", "a1"]
    assert [key.device for key, _ in accounts.take(9)] == ["a2", "a3", "a4"]
    assert not accounts.take(9)


@given(ENTRIES, st.integers(0, 5))
def test_what_is_put_back_adds_up(entries: list[Entry], count: int) -> None:
    accounts = Accounts()
    accounts.put_back(entries)
    accounts.put_back(accounts.take(count))
    assert dict(accounts.take(1_000)) == summed(entries)
