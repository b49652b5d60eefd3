from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import topics
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.limits import CHANNEL_BYTES_MAX, DEVICE_CHARS_MAX, MESSAGE_NUMBER_STOP, TOPIC_BYTES_MAX
from tidelog.wire.topics import Address
from unit.wire.strategies import CHANNELS, USERS

DEVICES = st.from_regex(r"[a-z0-9-]{1,23}", fullmatch=True).filter(lambda name: name != "service")
NUMBERS = st.integers(1, MESSAGE_NUMBER_STOP - 1)


def refusal(topic: str) -> Code:
    with pytest.raises(ProtocolError) as caught:
        topics.parse(topic)
    return caught.value.wire_code


@given(DEVICES, CHANNELS, NUMBERS)
def test_what_a_device_publishes_on_is_read_back(device: str, channel: str, n: int) -> None:
    for topic, expected in (
        (topics.messages_topic(device), Address(device=device, verb="msg")),
        (topics.messages_topic(device, channel), Address(device=device, verb="msg", channel=channel)),
        (topics.put_topic(device, n, channel), Address(device=device, verb="put", channel=channel, n=n)),
        (topics.sync_topic(device), Address(device=device, verb="sync")),
        (topics.status_topic(device), Address(device=device, verb="status")),
    ):
        assert topics.parse(topic) == expected


def test_the_longest_names_fit_the_topics_of_public_brokers() -> None:
    channel = "/".join(["x" * 20, "y" * 20, "z" * (CHANNEL_BYTES_MAX - 42)])
    topic = topics.put_topic("d" * DEVICE_CHARS_MAX, MESSAGE_NUMBER_STOP - 1, channel)
    assert topics.is_channel(channel)
    assert len(topic.encode()) <= TOPIC_BYTES_MAX
    assert topic.count("/") <= 7


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "tl1",
        "tl1/",
        "tl1/d",
        "tl1/d/re",
        "tl1/d/other",
        "tl1//msg",
        "tl2/d/msg",
        "/tl1/d/msg",
        "tl1/D/msg",
        "tl1/service/status",
        "tl1/service/msg",
        f"tl1/{'d' * 24}/msg",
        "tl1/d/sync/a",
        "tl1/d/status/a",
        "tl1/d/put",
        "tl1/d/put/0/a",
        "tl1/d/put/01/a",
        "tl1/d/put/-1/a",
        "tl1/d/put/\N{ARABIC-INDIC DIGIT ONE}/a",
        f"tl1/d/put/{MESSAGE_NUMBER_STOP}/a",
        f"tl1/d/put/{'9' * 5000}/a",
    ],
)
def test_other_topics_are_malformed(topic: str) -> None:
    assert refusal(topic) is Code.MALFORMED


@pytest.mark.parametrize(
    "topic", ["tl1/d/msg/", "tl1/d/msg//", "tl1/d/msg/a/b/c/d", "tl1/d/put/1/", "tl1/d/put/1/$a"]
)
def test_a_name_that_no_channel_can_have_is_no_channel(topic: str) -> None:
    assert refusal(topic) is Code.NO_CHANNEL


@given(st.text(max_size=60))
def test_random_topics_raise_only_protocol_errors(rest: str) -> None:
    for topic in (rest, f"tl1/d/{rest}", f"tl1/d/put/{rest}", f"tl1/d/msg/{rest}"):
        try:
            topics.parse(topic)
        except ProtocolError:
            continue


@pytest.mark.parametrize("name", ["a", "a/b/c", "Über", "a b", "日本"])
def test_channel_names(name: str) -> None:
    assert topics.checked_channel(name) == name


@pytest.mark.parametrize(
    "name", ["", "/", "a/", "a//b", "a/b/c/d", "+", "a#", "$a", "\x00", "\x7f", "\ud800", "x" * 65, "é" * 33]
)
def test_names_that_no_channel_can_have(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        topics.checked_channel(name)
    assert caught.value.code == "channel_name"


@pytest.mark.parametrize("name", ["", "a/b", "x" * 65, "#"])
def test_names_that_no_user_can_have(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        topics.checked_user(name)
    assert caught.value.code == "user_name"


@pytest.mark.parametrize("name", ["", "service", "A", "a_b", "x" * 24, "a\n", "é"])
def test_names_that_no_device_can_have(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        topics.checked_device(name)
    assert caught.value.code == "device_name"


@given(USERS, USERS)
def test_a_conversation_has_one_name_from_both_sides(user: str, peer: str) -> None:
    if user == peer:
        with pytest.raises(UsageError):
            topics.direct_channel(user, peer)
    else:
        assert topics.direct_channel(user, peer) == topics.direct_channel(peer, user)


def test_a_conversation_of_two_long_names_has_no_channel() -> None:
    with pytest.raises(UsageError):
        topics.direct_channel("x" * 40, "y" * 40)


def test_every_topic_of_a_device_matches_one_subscription_of_the_service() -> None:
    filters = [pattern for pattern, _ in topics.SERVICE_SUBSCRIPTIONS]
    assert filters == ["tl1/+/msg", "tl1/+/msg/#", "tl1/+/put/#", "tl1/+/sync", "tl1/+/status"]
    assert topics.reply_topic("d") == "tl1/d/re"
