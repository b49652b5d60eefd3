"""The ACL: who may publish, subscribe and receive what."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidelog.wire.topics import is_device
from tidelog_service.embedded.acl import may_publish, may_receive, may_retain, may_subscribe
from tidelog_service.engine.topic_filters import is_filter, is_topic, matches

NAMES = st.sampled_from(
    ["tl1", "phone", "tab", "service", "msg", "put", "re", "sync", "status", "$SYS", "", "x"]
)
LEVELS = st.one_of(NAMES, st.text(alphabet="ab+#/$ ", max_size=3))
DEVICES = st.from_regex(re.compile(r"[a-z0-9-]{1,23}"), fullmatch=True).filter(is_device)
TOPICS = st.lists(LEVELS, min_size=1, max_size=6).map("/".join).filter(is_topic)
FILTERS = st.one_of(
    st.lists(st.one_of(LEVELS, st.sampled_from(["+", "#", "$share"])), min_size=1, max_size=6).map("/".join),
    st.text(max_size=12),
)


@given(device=DEVICES, topic_filter=FILTERS, topic=TOPICS)
@example(device="phone", topic_filter="#", topic="tl1/tab/re")
@example(device="phone", topic_filter="tl1/#", topic="tl1/tab/re")
@example(device="phone", topic_filter="tl1/+/re", topic="tl1/phone/re")
@example(device="phone", topic_filter="tl1/phone/+", topic="tl1/phone/re")
@example(device="phone", topic_filter="$share/g/tl1/tab/re", topic="tl1/tab/re")
@example(device="phone", topic_filter="$SYS/#", topic="$SYS/broker/uptime")
@example(device="phone", topic_filter="tl1/tab/re", topic="tl1/tab/re")
def test_whatever_a_device_subscribes_to_it_never_receives_a_foreign_topic(
    device: str, topic_filter: str, topic: str
) -> None:
    arrives = (
        may_subscribe(device, topic_filter) and matches(topic_filter, topic) and may_receive(device, topic)
    )
    own = topic in (f"tl1/{device}/re", "tl1/service/status")
    assert own or not arrives
    # Each of the two guards holds alone.
    assert own or not (may_subscribe(device, topic_filter) and matches(topic_filter, topic))
    assert own or not may_receive(device, topic)


@given(device=DEVICES)
def test_a_device_receives_its_answers_and_the_services_status(device: str) -> None:
    for topic in (f"tl1/{device}/re", "tl1/service/status"):
        assert may_subscribe(device, topic)
        assert may_receive(device, topic)


@given(device=DEVICES, topic=TOPICS)
def test_a_device_publishes_exactly_where_its_filters_say(device: str, topic: str) -> None:
    filters = [f"tl1/{device}/{each}" for each in ("msg", "msg/#", "put/#", "sync", "status")]
    assert may_publish(device, topic) is any(matches(each, topic) for each in filters)


@pytest.mark.parametrize("verb", ["msg", "msg/room1", "msg/a/b/c", "put/7/room1", "sync", "status"])
def test_own_topics_may_be_published_to_and_foreign_ones_not(verb: str) -> None:
    assert may_publish("phone", f"tl1/phone/{verb}")
    assert not may_publish("phone", f"tl1/tab/{verb}")
    assert not may_publish("phone", f"tl1/service/{verb}")


@pytest.mark.parametrize(
    "topic",
    [
        "tl1/phone/re",
        "tl1/phone",
        "tl1/phone/",
        "tl1/phone/sync/x",
        "tl1/phone/status/",
        "tl1/phone2/msg",
        "/tl1/phone/msg",
        "TL1/phone/msg",
        "tl1/phone/msgx",
        "$SYS/x",
        "x",
    ],
)
def test_what_only_looks_like_an_own_topic_is_refused(topic: str) -> None:
    assert not may_publish("phone", topic)


@given(device=DEVICES, topic=TOPICS, extra=st.lists(FILTERS.filter(is_filter), max_size=3).map(tuple))
@example(device="phone", topic="tl1/tab/msg", extra=("#",))
@example(device="phone", topic="tl1/service/status", extra=("tl1/#", "+/+/+"))
@example(device="phone", topic="$SYS/x", extra=("$SYS/#",))
def test_extra_filters_never_reach_other_devices_or_system_topics(
    device: str, topic: str, extra: tuple[str, ...]
) -> None:
    inside = topic.split("/", maxsplit=1)[0] == "tl1" or topic.startswith("$")
    if inside:
        assert may_publish(device, topic, extra) is may_publish(device, topic)
    else:
        assert may_publish(device, topic, extra) is any(matches(each, topic) for each in extra)


def test_a_filter_may_ask_for_the_devices_own_id() -> None:
    own = ("sensors/%u/+",)
    assert may_publish("phone", "sensors/phone/temp", own)
    assert not may_publish("phone", "sensors/tab/temp", own)
    assert not may_publish("phone", "sensors/%u/temp", own)


@pytest.mark.parametrize("name", ["service", "", "a/b", "+", "#", "Phone", "x" * 24, "tl1\x00"])
def test_what_is_no_device_may_do_nothing(name: str) -> None:
    assert not may_publish(name, f"tl1/{name}/msg")
    assert not may_publish(name, "sensors/a", ("sensors/#",))
    assert not may_subscribe(name, f"tl1/{name}/re")
    assert not may_receive(name, "tl1/service/status")


@given(topic=TOPICS)
@example(topic="tl1/phone/status")
@example(topic="tl1/service/status")
def test_only_status_topics_are_retained(topic: str) -> None:
    levels = topic.split("/")
    is_status = len(levels) == 3 and levels[0] == "tl1" and levels[2] == "status"
    assert may_retain(topic) is (is_status and (is_device(levels[1]) or levels[1] == "service"))
