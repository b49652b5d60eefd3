"""Brokers' URLs: what is read, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.errors import UsageError
from tidelog.wire.url import BrokerUrl


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path"),
    [
        ("mqtt://127.0.0.1", "mqtt", "127.0.0.1", 1883, ""),
        ("mqtt://127.0.0.1:1884/", "mqtt", "127.0.0.1", 1884, ""),
        ("mqtts://broker.example", "mqtts", "broker.example", 8883, ""),
        ("ws://broker.example", "ws", "broker.example", 80, "/mqtt"),
        ("wss://broker.example:9443/a/b", "wss", "broker.example", 9443, "/a/b"),
        ("MQTT://Broker.Example", "mqtt", "broker.example", 1883, ""),
        ("mqtt://[::1]:1885", "mqtt", "::1", 1885, ""),
    ],
)
def test_addresses(text: str, scheme: str, host: str, port: int, path: str) -> None:
    url = BrokerUrl.parse(text)
    assert (url.scheme, url.host, url.port, url.path) == (scheme, host, port, path)


def test_options_have_defaults() -> None:
    url = BrokerUrl.parse("mqtt://h")
    assert (url.version5, url.keepalive_s, url.ca, url.tls, url.websocket) == (False, 60, "", False, False)


def test_options_are_read() -> None:
    url = BrokerUrl.parse("wss://h?v=5&keepalive=20&ca=/etc/my%20ca.pem")
    assert (url.version5, url.keepalive_s, url.ca) == (True, 20, "/etc/my ca.pem")
    assert (url.tls, url.websocket) == (True, True)
    assert not BrokerUrl.parse("mqtt://h?v=3.1.1").version5


def test_it_is_shown_without_options() -> None:
    assert str(BrokerUrl.parse("ws://[::1]:81?v=5")) == "ws://[::1]:81/mqtt"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://h:0",
        "mqtt://h:65536",
        "mqtt://h:port",
        "mqtt://h/path",
        "mqtt://h#x",
        "mqtt://h ost",
        "mqtt://h\n",
        "mqtt://[::1",
        "mqtt://a..b",
        "ftp://h",
        "mqtt://h?v=4",
        "mqtt://h?v=5&v=5",
        "mqtt://h?nonsense",
        "mqtt://h?color=red",
        "mqtt://h?keepalive=0",
        "mqtt://h?keepalive=-5",
        "mqtt://h?keepalive=70000",
        "mqtt://h?keepalive=²",
        "mqtt://h?ca=/x",
        "mqtts://h?insecure=1",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        BrokerUrl.parse(text)
    assert caught.value.code == "url"
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", ["mqtt://ann:hunter2@h", "mqtt://hunter2@h", "ftp://ann:hunter2@h", "mqtt://ann:hunter2@h:port"]
)
def test_credentials_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        BrokerUrl.parse(text)
    assert caught.value.code == "url"
    assert "hunter2" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("localhost:1883", "write mqtt://localhost:1883"),
        ("broker.example", "write mqtt://broker.example"),
        ("tcp://h", "write mqtt:// instead of tcp://"),
        ("ssl://h", "write mqtts:// instead of ssl://"),
    ],
)
def test_the_hint_says_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        BrokerUrl.parse(text)
    assert caught.value.hint == hint


def code_of(text: str) -> str:
    try:
        url = BrokerUrl.parse(text)
    except UsageError as error:
        return error.code
    assert url.host
    assert 0 < url.port < 65536
    return "read"


@given(st.text(max_size=20).map(lambda rest: f"mqtt://{rest}") | st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_code(text: str) -> None:
    assert code_of(text) in ("read", "url")
