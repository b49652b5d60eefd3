"""Which records a command is about, as its options say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from tidelog_cli import options
from tidelog_cli.moments import moment


class Chosen(TypedDict):
    """The arguments of `tidelog.Device.sync` and `tidelog.Device.preview` that choose records."""

    channels: list[str] | None
    peers: list[str] | None
    since: float | datetime | None
    until: float | datetime | None
    newest: int | None
    authors: list[str] | None
    kinds: list[int] | None
    max_body: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The options of `tidelog sync` and `tidelog preview` that choose records, as they were given."""

    channel: options.Channels = None
    peer: options.Peers = None
    since: options.Since = None
    until: options.Until = None
    newest: options.Newest = None
    author: options.Authors = None
    kind: options.Kinds = None
    max_body: options.MaxBody = None

    def chosen(self) -> Chosen:
        """The same as a device takes it.

        Raises:
            UsageError: a time cannot be read.
        """
        return Chosen(
            channels=self.channel or None,
            peers=self.peer or None,
            since=moment(self.since),
            until=moment(self.until),
            newest=self.newest,
            authors=self.author or None,
            kinds=self.kind or None,
            max_body=self.max_body,
        )
