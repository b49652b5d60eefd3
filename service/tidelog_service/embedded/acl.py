"""Who may publish, subscribe and receive what: pure functions, no broker (SPEC.md, "Topics").

Everything is said by the topic's levels, so nothing here grows with the number of devices. The broker asks
`may_publish` for each packet, `may_subscribe` for each filter, and `may_receive` once more before each
delivery: a filter that slipped through would still deliver nothing foreign.
"""

from __future__ import annotations

from typing import Final

from tidelog.wire.topics import PREFIX, SERVICE_STATUS, is_device, reply_topic
from tidelog_service.engine.rules import OWN
from tidelog_service.engine.topic_filters import is_topic, matches

_WITH_LEVELS_BELOW: Final = frozenset({"msg", "put"})
_ALONE: Final = frozenset({"msg", "sync", "status"})


def may_publish(device: str, topic: str, extra_publish: tuple[str, ...] = ()) -> bool:
    """Whether the device may publish to the topic.

    Its own ``msg``, ``msg/#``, ``put/#``, ``sync`` and ``status``, and what the operator's ingest rules take
    from everyone. Those never reach into ``tl1/``, whatever they say: the device id there is an identity.

    Args:
        device: the authenticated device id.
        topic: where it wants to publish.
        extra_publish: filters that devices may publish to; ``%u`` in one stands for the device's own id.
    """
    if not is_device(device) or not is_topic(topic):
        return False
    root, _, below = topic.partition("/")
    if root == PREFIX:
        return _is_own(device, below)
    return not root.startswith("$") and any(
        matches(each.replace(OWN, device), topic) for each in extra_publish
    )


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
