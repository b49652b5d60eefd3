"""What the world reports becomes an error with a code and a hint."""

from __future__ import annotations

import socket
import ssl

import pytest
from paho.mqtt.client import WebsocketConnectionError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tidelog.mqtt import failures
from tidelog.wire.errors import Denied, TidelogError, Unavailable, UsageError
from tidelog.wire.url import BrokerUrl

URL = BrokerUrl.parse("mqtts://broker.example")
URL5 = BrokerUrl.parse("mqtts://broker.example?v=5")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "unreachable", "broker.example:8883"),
        (TimeoutError("timed out"), "unreachable", "timed out"),
        (OSError(101, "Network is unreachable"), "unreachable", "Network is unreachable"),
        (socket.gaierror(-2, "Name or service not known"), "host_unknown", "'broker.example'"),
        (ssl.SSLError(1, "wrong version number"), "tls", "wrong version number"),
        (WebsocketConnectionError("not upgraded"), "websocket", "not upgraded"),
        (ZeroDivisionError("a bug"), "transport_failed", "ZeroDivisionError: a bug"),
    ],
)
def test_exceptions(error: Exception, code: str, words: str) -> None:
    mapped = failures.of_exception(error, URL)
    assert isinstance(mapped, Unavailable)
    assert mapped.code == code
    assert words in str(mapped)
    assert mapped.hint


def test_our_own_errors_pass() -> None:
    error = Unavailable("x", code="y")
    assert failures.of_exception(error, URL) is error


@pytest.mark.parametrize(
    ("value", "kind", "code"),
    [
        (0x86, Denied, "credentials"),
        (0x87, Denied, "credentials"),
        (0x8A, Denied, "credentials"),
        (0x85, Denied, "client_id"),
        (0x84, UsageError, "mqtt_version"),
        (0x88, Unavailable, "refused"),
        (0x97, Unavailable, "refused"),
    ],
)
def test_refusals(value: int, kind: type[TidelogError], code: str) -> None:
    mapped = failures.of_refusal(ReasonCode(PacketTypes.CONNACK, identifier=value), URL5, "a1phone")
    assert (type(mapped), mapped.code) == (kind, code)
    assert mapped.hint


def test_a_takeover_that_the_broker_tells_of_is_explained() -> None:
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=0x8E)
    mapped = failures.of_end(reason, URL5, told=True, answered=True)
    assert (mapped.code, mapped.hint) == ("link_lost", failures.TAKEN_OVER_HINT)


def test_a_revocation_that_the_broker_tells_of_is_a_refusal() -> None:
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=0x87)
    assert isinstance(failures.of_end(reason, URL5, told=True, answered=True), Denied)


def test_an_end_before_any_answer_doubts_the_address() -> None:
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=0x80)
    assert failures.of_end(reason, URL, told=False, answered=False).code == "no_answer"
    assert failures.of_end(reason, URL, told=False, answered=True).code == "link_lost"
