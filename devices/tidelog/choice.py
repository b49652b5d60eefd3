"""Which records an application asks for, checked: channels, a filter, an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from tidelog.arguments import checked_channels, checked_rule
from tidelog.codec.page import Rule
from tidelog.wire.errors import UsageError
from tidelog.wire.limits import FILTER_NAMES_MAX, KIND_STOP, MAX_BODY_MIN, TIME_MS_STOP
from tidelog.wire.queries import NO_FILTER, Filter
from tidelog.wire.topics import checked_user, is_pattern

Time = datetime | float
"""An aware datetime, or Unix seconds."""

T = TypeVar("T")

_WILDCARDS: Final = ("+", "#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is asked for.

    Attributes:
        channels: names; ``None`` for all that pass the filter.
        rule: in what order records come, and how many of the newest.
        filter: which ones; ``None`` for all.
    """

    channels: tuple[str, ...] | None
    rule: Rule
    filter: Filter | None


def chosen(  # noqa: PLR0913 - the arguments of `Device.sync`
    *,
    channels: Sequence[str] | None = None,
    peers: Sequence[str] | None = None,
    since: Time | None = None,
    until: Time | None = None,
    newest: int | None = None,
    authors: Sequence[str] | None = None,
    kinds: Sequence[int] | None = None,
    max_body: int | None = None,
    order: str = "newest",
) -> Choice:
    """Check what an application asks for; see `tidelog.device.Device.sync` for the arguments.

    Raises:
        UsageError: an argument is not valid.
    """
    rule = checked_rule(newest, order)
    names, patterns = _scope(channels, peers)
    found = Filter(
        since=_milliseconds(since, "since"),
        until=_milliseconds(until, "until"),
        authors=_several(authors, checked_user, "authors"),
        kinds=_several(kinds, _kind, "kinds"),
        patterns=patterns,
        max_body=_max_body(max_body),
    )
    if found == NO_FILTER:
        return Choice(channels=names, rule=rule, filter=None)
    found = replace(found, newest=rule.newest)
    return Choice(channels=names, rule=replace(rule, newest=0), filter=found)


def _scope(
    channels: Sequence[str] | None, peers: Sequence[str] | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Names alone, or patterns alone: a conversation is found from either side."""
    asked = [channels] if isinstance(channels, str) else list(channels or ())
    if not peers and not any(mark in name for name in asked for mark in _WILDCARDS):
        return checked_channels(None if channels is None else asked), ()
    patterns = [_pattern(name) for name in asked]
    for peer in [peers] if isinstance(peers, str) else peers or ():
        patterns += [f"dm/{checked_user(peer)}/+", f"dm/+/{peer}"]
    return None, _several(patterns, str, "patterns")


def _pattern(text: str) -> str:
    if not is_pattern(text):
        raise UsageError(
            f"not a channel's name or a pattern of names: {text!r}",
            code="channel_name",
            hint="'+' stands for one level, '#' at the end for all that follow",
        )
    return text


def _several(values: Iterable[T] | None, check: Callable[[T], T], what: str) -> tuple[T, ...]:
    if values is None:
        return ()
    found = tuple(dict.fromkeys(check(value) for value in values))
    if len(found) > FILTER_NAMES_MAX:
        raise UsageError(f"{len(found)} {what}: at most {FILTER_NAMES_MAX}", code="limit")
    if not found:
        raise UsageError(f"no {what}: leave the argument out for all")
    return found


def _kind(kind: int) -> int:
    if not 0 <= kind < KIND_STOP:
        raise UsageError(f"kind {kind}: 0 to {KIND_STOP - 1}")
    return kind


def _max_body(size: int | None) -> int:
    if size is None:
        return 0
    if size < MAX_BODY_MIN:
        raise UsageError(f"max_body {size}: at least {MAX_BODY_MIN}", code="limit")
    return size


def _milliseconds(time: Time | None, what: str) -> int:
    """Unix milliseconds; 0 where it is not given."""
    if time is None:
        return 0
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise UsageError(f"{what}: a datetime needs a time zone", hint="datetime.now(timezone.utc), say")
        time = time.timestamp()
    found = round(time * 1_000)
    if not 0 < found < TIME_MS_STOP:
        raise UsageError(f"{what} {time}: Unix seconds, above 0")
    return found
