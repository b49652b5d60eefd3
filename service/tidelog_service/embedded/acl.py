"""Who may publish, subscribe and receive what: pure functions, no broker (SPEC.md, "Topics").

Everything is said by the topic's levels, so nothing here grows with the number of devices. The broker asks
`may_publish` for each packet, `may_subscribe` for each filter, and `may_receive` once more before each
delivery: a filter that slipped through would still deliver nothing foreign.
"""

from __future__ import annotations

from typing import Final

from tidelog.wire.topics import PREFIX, SERVICE_STATUS, is_device, reply_topic

TOPIC_BYTES_STOP: Final = 65_536
"""A topic or filter is shorter than this in UTF-8: its length is two bytes (MQTT 3.1.1, [MQTT-4.7.3-3])."""

_WITH_LEVELS_BELOW: Final = frozenset({"msg", "put"})
_ALONE: Final = frozenset({"msg", "sync", "status"})


def is_topic(name: str) -> bool:
    """Whether a packet may be published to it (MQTT 3.1.1, sections 4.7.1.1 and 4.7.3).

    Args:
        name: what a client gave as a topic.

    Returns:
        True where it has at least one character, no wildcard and no U+0000, and fits a packet.
    """
    return _is_name(name) and "+" not in name and "#" not in name


def is_filter(name: str) -> bool:
    """Whether it may be subscribed to (MQTT 3.1.1, section 4.7.1).

    Args:
        name: what a client gave as a topic filter.

    Returns:
        True where ``+`` and ``#`` stand alone in their levels and ``#`` in the last one only.
    """
    *upper, last = name.split("/")
    return (
        _is_name(name)
        and all(level == "+" or not _has_wildcard(level) for level in upper)
        and (last in {"+", "#"} or not _has_wildcard(last))
    )


def matches(topic_filter: str, topic: str) -> bool:
    """Whether the filter selects the topic (MQTT 3.1.1, section 4.7).

    ``a/#`` selects ``a`` too; a filter that starts with a wildcard selects no topic that starts with ``$``
    ([MQTT-4.7.2-1]); ``$share`` has no meaning in MQTT 3.1.1 and is read as any other level.

    Args:
        topic_filter: a valid filter, see `is_filter`.
        topic: a valid topic, see `is_topic`.
    """
    if topic.startswith("$") and topic_filter.startswith(("+", "#")):
        return False
    wanted = topic_filter.split("/")
    given = topic.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        level in ("+", name) for level, name in zip(wanted, given, strict=True)
    )


def may_publish(device: str, topic: str, extra_publish: tuple[str, ...] = ()) -> bool:
    """Whether the device may publish to the topic.

    Its own ``msg``, ``msg/#``, ``put/#``, ``sync`` and ``status``, and what the operator's ingest rules take
    from everyone. Those never reach into ``tl1/``, whatever they say: the device id there is an identity.

    Args:
        device: the authenticated device id.
        topic: where it wants to publish.
        extra_publish: filters that every device may publish to.
    """
    if not is_device(device) or not is_topic(topic):
        return False
    root, _, below = topic.partition("/")
    if root == PREFIX:
        return _is_own(device, below)
    return not root.startswith("$") and any(matches(each, topic) for each in extra_publish)


def may_retain(topic: str) -> bool:
    """Whether the broker keeps the last message of the topic: of ``tl1/<device or service>/status`` only."""
    root, _, below = topic.partition("/")
    name, _, verb = below.partition("/")
    return topic == SERVICE_STATUS or (root == PREFIX and verb == "status" and is_device(name))


def may_subscribe(device: str, topic_filter: str) -> bool:
    """Whether the device may subscribe: to its ``re`` and to the service's status, literally.

    Args:
        device: the authenticated device id.
        topic_filter: what it wants to subscribe to; wildcards are refused even where they would select
            nothing foreign today.
    """
    return may_receive(device, topic_filter)


def may_receive(device: str, topic: str) -> bool:
    """Whether a message of the topic may be delivered to the device.

    Args:
        device: the authenticated device id.
        topic: where the message was published.
    """
    return is_device(device) and topic in (reply_topic(device), SERVICE_STATUS)


def _is_own(device: str, below: str) -> bool:
    name, _, rest = below.partition("/")
    verb, deeper, _ = rest.partition("/")
    # `put/#` selects `put` as well (section 4.7.1.2); the service answers it with an error.
    return name == device and (verb in _WITH_LEVELS_BELOW if deeper else verb in _ALONE or verb == "put")


def _is_name(name: str) -> bool:
    return 0 < len(name.encode(errors="surrogatepass")) < TOPIC_BYTES_STOP and "\x00" not in name


def _has_wildcard(level: str) -> bool:
    return "+" in level or "#" in level
