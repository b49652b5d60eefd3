"""Topic names and the names inside them (SPEC.md, "Topics").

The device id in the topic is the only identity: the broker's ACL binds it to the credentials.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.limits import (
    CHANNEL_BYTES_MAX,
    CHANNEL_LEVELS_MAX,
    DEVICE_CHARS_MAX,
    MESSAGE_NUMBER_STOP,
    USER_BYTES_MAX,
)

PREFIX: Final = "tl1"
SERVICE: Final = "service"
SERVICE_STATUS: Final = f"{PREFIX}/{SERVICE}/status"

SERVICE_SUBSCRIPTIONS: Final[tuple[tuple[str, int], ...]] = (
    (f"{PREFIX}/+/msg", 1),
    (f"{PREFIX}/+/msg/#", 1),
    (f"{PREFIX}/+/put/#", 1),
    (f"{PREFIX}/+/sync", 0),
    (f"{PREFIX}/+/status", 0),
)
"""What the service subscribes to, with the QoS: messages 1, the rest 0."""

Verb = Literal["msg", "put", "sync", "status"]

_VERBS: Final[dict[str, Verb]] = {"msg": "msg", "put": "put", "sync": "sync", "status": "status"}

_DEVICE = re.compile(rf"[a-z0-9-]{{1,{DEVICE_CHARS_MAX}}}")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f+#\ud800-\udfff]")
_DIGITS = re.compile(r"[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What the topic of a packet from a device says.

    Attributes:
        device: the device id, syntactically valid.
        verb: the third level.
        channel: of ``msg/<channel>`` and ``put/<n>/<channel>``, else empty.
        n: the message number of ``put``, else 0.
    """

    device: str
    verb: Verb
    channel: str = ""
    n: int = 0


def messages_topic(device: str, channel: str = "") -> str:
    """``tl1/<device>/msg``, or ``msg/<channel>`` for a plain message."""
    return f"{PREFIX}/{device}/msg/{channel}" if channel else f"{PREFIX}/{device}/msg"


def put_topic(device: str, n: int, channel: str) -> str:
    """``tl1/<device>/put/<n>/<channel>``: a plain message with a number of its own."""
    return f"{PREFIX}/{device}/put/{n}/{channel}"


def sync_topic(device: str) -> str:
    """``tl1/<device>/sync``: the device's requests."""
    return f"{PREFIX}/{device}/sync"


def reply_topic(device: str) -> str:
    """``tl1/<device>/re``: everything back to the device."""
    return f"{PREFIX}/{device}/re"


def status_topic(device: str) -> str:
    """``tl1/<device>/status``: the device's presence, retained."""
    return f"{PREFIX}/{device}/status"


def parse(topic: str) -> Address:
    """Read the topic of a packet that a device published.

    Raises:
        ProtocolError: it is none of the topics of SPEC.md, or a name in it is not valid.
    """
    prefix, _, rest = topic.partition("/")
    device, _, rest = rest.partition("/")
    word, deeper, channel = rest.partition("/")
    verb = _VERBS.get(word)
    if prefix != PREFIX or not is_device(device) or verb is None:
        raise ProtocolError(f"no topic of a device: {topic[:64]!r}")
    if not deeper and verb != "put":
        return Address(device=device, verb=verb)
    if deeper and verb == "msg":
        return Address(device=device, verb=verb, channel=_channel(channel))
    if deeper and verb == "put":
        digits, _, channel = channel.partition("/")
        return Address(device=device, verb=verb, channel=_channel(channel), n=_number(digits))
    raise ProtocolError(f"no topic of a device: {topic[:64]!r}")


def _channel(name: str) -> str:
    if not is_channel(name):
        raise ProtocolError(f"not a channel name: {name[:64]!r}", wire_code=Code.NO_CHANNEL)
    return name


def _number(digits: str) -> int:
    if not _DIGITS.fullmatch(digits) or int(digits) >= MESSAGE_NUMBER_STOP:
        raise ProtocolError(f"not a message number: {digits[:20]!r}")
    return int(digits)


def is_device(name: str) -> bool:
    """Whether it may name a device: 1 to 23 of ``[a-z0-9-]``, and not ``service``."""
    return _DEVICE.fullmatch(name) is not None and name != SERVICE


def is_channel(name: str) -> bool:
    """Whether it may name a channel.

    1 to 3 non-empty levels, 64 bytes of UTF-8, no control characters, no ``+`` or ``#``, no leading ``$``.
    """
    levels = name.split("/")
    return (
        len(levels) <= CHANNEL_LEVELS_MAX
        and all(levels)
        and not name.startswith("$")
        and not _FORBIDDEN.search(name)
        and len(name.encode()) <= CHANNEL_BYTES_MAX
    )


def is_pattern(text: str) -> bool:
    """Whether it is an MQTT filter that may match names of channels (MQTT 3.1.1, section 4.7)."""
    levels = text.split("/")
    if levels[-1] == "#":
        levels.pop()
    return not levels or is_channel("/".join("x" if level == "+" else level for level in levels))


def is_user(name: str) -> bool:
    """Whether it may name a user: as a channel, one level only."""
    return "/" not in name and is_channel(name) and len(name.encode()) <= USER_BYTES_MAX


def checked_device(name: str) -> str:
    """The name, where it may name a device.

    Raises:
        UsageError: otherwise.
    """
    if not is_device(name):
        raise UsageError(
            f"not a device id: {name!r}",
            code="device_name",
            hint="1 to 23 of a-z, 0-9 and '-', and not 'service'",
        )
    return name


def checked_channel(name: str) -> str:
    """The name, where it may name a channel.

    Raises:
        UsageError: otherwise.
    """
    if not is_channel(name):
        raise UsageError(
            f"not a channel name: {name!r}",
            code="channel_name",
            hint="1 to 3 levels divided by '/', 64 bytes, no '+', '#', control character, leading '$'",
        )
    return name


def checked_user(name: str) -> str:
    """The name, where it may name a user.

    Raises:
        UsageError: otherwise.
    """
    if not is_user(name):
        raise UsageError(
            f"not a user name: {name!r}",
            code="user_name",
            hint="at most 64 bytes, no '/', '+', '#', control characters or leading '$'",
        )
    return name


def direct_channel(user: str, peer: str) -> str:
    """The name of the conversation of two users, the same from both sides: ``dm/<first>/<second>``.

    Raises:
        UsageError: a name is not valid, both are the same, or together they are too long.
    """
    if user == peer:
        raise UsageError(f"a conversation needs two users, not {user!r} twice", code="user_name")
    first, second = sorted((checked_user(user), checked_user(peer)))
    return checked_channel(f"dm/{first}/{second}")
