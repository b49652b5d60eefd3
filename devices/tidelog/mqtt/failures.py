"""What paho, the broker and the operating system report, as errors with a code and a hint."""

from __future__ import annotations

import socket
import ssl
from typing import Final

from paho.mqtt.client import WebsocketConnectionError
from paho.mqtt.reasoncodes import ReasonCode

from tidelog.wire.errors import Denied, TidelogError, Unavailable, UsageError
from tidelog.wire.url import BrokerUrl

# MQTT 5 section 2.4; paho gives the return codes of 3.1.1 (section 3.2.2.3) as these.
_VERSION: Final = 0x84
_IDENTIFIER: Final = 0x85
_CREDENTIALS: Final = frozenset({0x86, 0x87, 0x8A})
_TAKEN_OVER: Final = 0x8E

TAKEN_OVER_HINT: Final = (
    "another program connects with the same device id, and the broker keeps only one of them: stop it, or"
    " add a device of its own for it"
)


def of_exception(error: Exception, url: BrokerUrl) -> TidelogError:
    """The error for an exception that ended an attempt or a connection."""
    if isinstance(error, TidelogError):
        return error
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, url)
    if isinstance(error, WebsocketConnectionError):
        return _unavailable(
            f"{url} did not accept the WebSocket: {error}",
            "websocket",
            "check the port and the path, and that the broker has a WebSocket listener there",
        )
    if isinstance(error, socket.gaierror):
        return _unavailable(
            f"the host {url.host!r} cannot be found: {error.strerror}",
            "host_unknown",
            "check the name, and that this machine has a network and a name server",
        )
    if isinstance(error, OSError):
        return _of_network(error, url)
    return _unavailable(
        f"the transport failed: {type(error).__name__}: {error}",
        "transport_failed",
        "an error in the program; the connection is made anew",
    )


def of_refusal(reason: ReasonCode, url: BrokerUrl, device: str) -> TidelogError:
    """The error for a CONNACK that refuses."""
    if reason.value in _CREDENTIALS:
        return Denied(
            f"the broker at {url.authority} refused device {device!r}: {reason}",
            code="credentials",
            hint="check device id and secret, that the device was added, and that it was not revoked",
        )
    if reason.value == _IDENTIFIER:
        return Denied(
            f"the broker at {url.authority} refused the client id {device!r}",
            code="client_id",
            hint="client id and user name are the device id: the broker must allow that",
        )
    if reason.value == _VERSION:
        return UsageError(
            f"the broker at {url.authority} does not speak this version of MQTT",
            code="mqtt_version",
            hint="leave v=5 out of the URL" if url.version5 else "the broker must speak MQTT 3.1.1",
        )
    return _unavailable(
        f"the broker at {url.authority} refused the connection: {reason}",
        "refused",
        "the broker is starting, busy or full; the device tries again by itself",
    )


def of_subscription(reason: ReasonCode, topic: str) -> Denied:
    """The error for a SUBACK that refuses."""
    return Denied(
        f"the broker refused the subscription to {topic}: {reason}",
        code="subscription",
        hint="the broker's access rules must let a device read its own reply topic",
    )


def of_end(reason: ReasonCode, url: BrokerUrl, *, told: bool, answered: bool) -> TidelogError:
    """The error for a connection that ended.

    Args:
        reason: what paho says.
        url: whose connection.
        told: whether the broker said so in a DISCONNECT (MQTT 5).
        answered: whether a CONNACK had come.
    """
    if told and reason.value in _CREDENTIALS:
        return Denied(
            f"the broker at {url.authority} ended the connection: {reason}",
            code="credentials",
            hint="the device may have been revoked",
        )
    if told:
        hint = TAKEN_OVER_HINT if reason.value == _TAKEN_OVER else ""
        return _unavailable(
            f"the broker at {url.authority} ended the connection: {reason}", "link_lost", hint
        )
    if not answered:
        return no_answer(url)
    return _unavailable(
        f"the link to {url.authority} is gone ({reason})",
        "link_lost",
        "the device connects again by itself",
    )


def no_answer(url: BrokerUrl) -> Unavailable:
    """The error for a peer that took the connection and then closed it or said nothing."""
    return _unavailable(
        f"{url.authority} took the connection but did not answer as an MQTT broker",
        "no_answer",
        f"check the port, and that it expects {url.scheme}:// (mqtts:// is TLS, ws:// is WebSocket)"
        + (" and MQTT 5" if url.version5 else ""),
    )


def _of_tls(error: ssl.SSLError, url: BrokerUrl) -> Unavailable:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unavailable(
            f"the certificate of {url.authority} is not trusted: {error.verify_message}",
            "tls",
            "name the authority that signed it with ca=FILE in the URL; check the host name and the clock",
        )
    return _unavailable(
        f"no TLS with {url.authority}: {error.strerror or error}",
        "tls",
        "is this the broker's TLS port? mqtts:// is usually 8883, wss:// 443",
    )


def _of_network(error: OSError, url: BrokerUrl) -> Unavailable:
    what = error.strerror or str(error) or type(error).__name__
    if isinstance(error, ConnectionRefusedError):
        hint = "no program listens there: is the broker running, are host and port right?"
    elif isinstance(error, TimeoutError):
        hint = "nothing answers: a firewall, a wrong address, or no network"
    else:
        hint = "the device tries again by itself"
    return _unavailable(f"the broker at {url.authority} cannot be reached: {what}", "unreachable", hint)


def _unavailable(message: str, code: str, hint: str) -> Unavailable:
    return Unavailable(message, code=code, hint=hint)
