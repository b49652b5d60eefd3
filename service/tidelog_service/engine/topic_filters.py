"""Topics and topic filters: which selects what, and how they lie to each other (MQTT 3.1.1, section 4.7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

TOPIC_BYTES_STOP: Final = 65_536
"""A topic or filter is shorter than this in UTF-8: its length is two bytes (MQTT 3.1.1, [MQTT-4.7.3-3])."""

ONE: Final = "+"
"""Stands for one level, whatever it is."""

REST: Final = "#"
"""Stands for all levels from there on, also for none."""


def is_topic(name: str) -> bool:
    """Whether a packet may be published to it (MQTT 3.1.1, sections 4.7.1.1 and 4.7.3).

    Args:
        name: what a client gave as a topic.

    Returns:
        True where it has at least one character, no wildcard and no U+0000, and fits a packet.
    """
    return _is_name(name) and not _has_wildcard(name)


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
        and all(level == ONE or not _has_wildcard(level) for level in upper)
        and (last in {ONE, REST} or not _has_wildcard(last))
    )


def matches(topic_filter: str, topic: str) -> bool:
    """Whether the filter selects the topic (MQTT 3.1.1, section 4.7).

    ``a/#`` selects ``a`` too; a filter that starts with a wildcard selects no topic that starts with ``$``
    ([MQTT-4.7.2-1]); ``$share`` has no meaning in MQTT 3.1.1 and is read as any other level.

    Args:
        topic_filter: a valid filter, see `is_filter`.
        topic: a valid topic, see `is_topic`.
    """
    if topic.startswith("$") and topic_filter.startswith((ONE, REST)):
        return False
    wanted = topic_filter.split("/")
    given = topic.split("/")
    if wanted[-1] == REST:
        wanted.pop()
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        level in (ONE, name) for level, name in zip(wanted, given, strict=True)
    )


def wildcards(topic_filter: str) -> int:
    """How many wildcards a filter has."""
    return sum(level in (ONE, REST) for level in topic_filter.split("/"))


def captured(topic_filter: str, topic: str) -> tuple[str, ...]:
    """What a filter's wildcards stand for in a topic that it selects.

    Returns:
        one string each, in order; that of ``#`` may have slashes, and is empty where it stands for nothing.
    """
    wanted, given = topic_filter.split("/"), topic.split("/")
    found = [given[at] for at, level in enumerate(wanted) if level == ONE]
    if wanted[-1] == REST:
        found.append("/".join(given[len(wanted) - 1 :]))
    return tuple(found)


def covers(wide: str, narrow: str) -> bool:
    """Whether a filter selects every topic that another one selects; neither starts with a wildcard."""
    outer, inner = wide.split("/"), narrow.split("/")
    if outer[-1] == REST:
        outer.pop()
        if inner[-1] == REST:
            inner.pop()
        if len(inner) < len(outer):
            return False
        inner = inner[: len(outer)]
    elif inner[-1] == REST:
        return False
    return len(outer) == len(inner) and all(a in (ONE, b) for a, b in zip(outer, inner, strict=True))


def overlap(one: str, other: str) -> bool:
    """Whether some topic is selected by both filters; neither starts with a wildcard."""
    first, second = one.split("/"), other.split("/")
    for a, b in zip(first, second, strict=False):
        if REST in (a, b):
            return True
        if a != b and ONE not in (a, b):
            return False
    longer = max(first, second, key=len)
    return longer[min(len(first), len(second)) :] in ([], [REST])


def widest(filters: Iterable[str]) -> tuple[str, ...]:
    """Those of the filters that no other one covers, each once, in order.

    A broker may deliver a message once for each subscription that selects it ([MQTT-3.3.5-1]).
    """
    kept: list[str] = []
    for each in dict.fromkeys(filters):
        if not any(covers(wide, each) for wide in kept):
            kept = [*(narrow for narrow in kept if not covers(each, narrow)), each]
    return tuple(kept)


def _is_name(name: str) -> bool:
    return 0 < len(name.encode(errors="surrogatepass")) < TOPIC_BYTES_STOP and "\x00" not in name


def _has_wildcard(level: str) -> bool:
    return ONE in level or REST in level
