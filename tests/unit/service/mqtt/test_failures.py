"""What the operator is told when the link fails."""

from __future__ import annotations

import socket
import ssl

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tidelog.wire.errors import Denied, TidelogError, Unavailable
from tidelog_service.mqtt import failures

BROKER = "127.0.0.1:1883"


@pytest.mark.parametrize("name", ["Bad user name or password", "Not authorized", "Banned"])
def test_refused_credentials_name_the_keys_to_check(name: str) -> None:
    error = failures.of_refusal(ReasonCode(PacketTypes.CONNACK, name), BROKER)
    assert isinstance(error, Denied)
    assert error.code == "broker_credentials"
    assert "broker.password" in error.hint


def test_another_refusal_may_pass_by_itself() -> None:
    error = failures.of_refusal(ReasonCode(PacketTypes.CONNACK, "Server busy"), BROKER)
    assert isinstance(error, Unavailable)
    assert error.code == "broker_refused"


def test_a_refused_subscription_names_the_filters_and_the_access_rules() -> None:
    error = failures.of_subscription(["tl1/+/msg", "tl1/+/sync"], BROKER)
    assert "tl1/+/msg, tl1/+/sync" in str(error)
    assert "ACL" in error.hint


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens"),
        (socket.gaierror(-2, "Name or service not known"), "cannot be found"),
        (ssl.SSLError(1, "wrong version number"), "no TLS"),
        (TimeoutError("timed out"), "timed out"),
        (RuntimeError("oops"), "an error of its own: oops"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_an_exception_becomes_an_error_with_a_hint(error: Exception, words: str) -> None:
    made = failures.of_exception(error, BROKER)
    assert isinstance(made, Unavailable)
    assert words in str(made)
    assert made.hint


def test_an_error_of_ours_stays_as_it_is() -> None:
    error = TidelogError("x")
    assert failures.of_exception(error, BROKER) is error
