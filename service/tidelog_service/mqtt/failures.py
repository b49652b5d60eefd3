"""Why the link to the broker failed, as errors with a code and a hint for the operator."""

from __future__ import annotations

import socket
import ssl
from typing import Final

from paho.mqtt.reasoncodes import ReasonCode

from tidelog.wire.errors import Denied, TidelogError, Unavailable

# MQTT 5, section 2.4; paho gives the return codes of 3.1.1 (section 3.2.2.3) as these.
_CREDENTIALS: Final = frozenset({0x86, 0x87, 0x8A})


def of_refusal(reason: ReasonCode, broker: str) -> TidelogError:
    """The error for a CONNACK that refuses.

    Args:
        reason: what paho says.
        broker: host and port.
    """
    if reason.value in _CREDENTIALS:
        return Denied(
            f"the broker at {broker} refused the service's credentials: {reason}",
            code="broker_credentials",
            hint="check user name and password of the service (broker.username, broker.password)",
        )
    return Unavailable(
        f"the broker at {broker} refused the connection: {reason}",
        code="broker_refused",
        hint="the broker is starting, busy or full; the service tries again by itself",
    )


def of_subscription(topics: list[str], broker: str) -> Denied:
    """The error for a SUBACK that refuses some of the filters."""
    return Denied(
        f"the broker at {broker} refused the service's subscription to {', '.join(topics)}",
        code="broker_subscription",
        hint="the broker's access rules (ACL) must let the service read these topics; "
        "config/ has examples for Mosquitto and EMQX",
    )


def of_exception(error: Exception, broker: str) -> TidelogError:
    """The error for an exception that ended an attempt or a connection."""
    if isinstance(error, TidelogError):
        return error
    if isinstance(error, ssl.SSLError):
        what, hint = f"no TLS with the broker at {broker}", "check the authority, the host name and the port"
    elif isinstance(error, socket.gaierror):
        what, hint = f"the broker's host {broker} cannot be found", "check the name in broker.url"
    elif isinstance(error, ConnectionRefusedError):
        what, hint = f"nothing listens at {broker}", "is the broker running, are host and port right?"
    elif isinstance(error, OSError):
        what, hint = f"the link to the broker at {broker} failed", "the service tries again by itself"
    else:
        what, hint = "the link failed on an error of its own", "the connection is made anew"
    return Unavailable(f"{what}: {str(error) or type(error).__name__}", code="broker_unreachable", hint=hint)


def no_answer(broker: str) -> Unavailable:
    """The error for a peer that took the connection and then said nothing."""
    return Unavailable(
        f"{broker} took the connection but did not answer as an MQTT broker",
        code="broker_silent",
        hint="check the port, and whether it expects TLS",
    )


def link_lost(broker: str) -> Unavailable:
    """The error for a connection that ended without a reason."""
    return Unavailable(
        f"the link to the broker at {broker} is gone",
        code="broker_lost",
        hint="another program with the same client id, or a broker that went away; the service tries again",
    )
