"""Keeps the ingest rules as the configuration says, while the service runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidelog.wire.errors import TidelogError, UsageError
from tidelog_service.broker_files import BrokerFiles
from tidelog_service.config import Settings, Source, differences
from tidelog_service.embedded.broker import EmbeddedBroker
from tidelog_service.engine.gathering import Gathering
from tidelog_service.engine.rules import IngestRules
from tidelog_service.mqtt.link import Link
from tidelog_service.store.gathered import GatheredStore

_Signature = tuple[int, int, int] | None


@dataclass(slots=True, kw_only=True)
class RuleKeeper:
    """Looks at the configuration's file, and where that has changed, puts its ingest rules in force.

    One thread calls `look`.

    Attributes:
        source: where the configuration comes from.
        settings: as it was read last.
        gathering: takes by the rules.
        shelf: remembers what the session at the broker is subscribed to; on a connection that other threads
            do not use meanwhile.
        link: subscribes.
        embedded: lets devices publish, where it runs.
        files: Mosquitto's, where they are kept.
        log: told of what happens, as structlog is.
        trouble: told of what cannot be done; the rules from before go on.
    """

    source: Source
    settings: Settings
    gathering: Gathering
    shelf: GatheredStore
    link: Link
    embedded: EmbeddedBroker | None
    files: BrokerFiles | None
    log: Any
    trouble: Callable[[Exception], None]
    _asked: threading.Event = field(default_factory=threading.Event)
    _taken: _Signature = field(init=False)
    _seen: _Signature = field(init=False)

    def __post_init__(self) -> None:
        """Note how the file is now."""
        self._taken = self._seen = _signature(self.source.config)

    def reread(self) -> None:
        """Have the file read again at the next look, changed or not; also in a signal's handler."""
        self._asked.set()

    def look(self) -> None:
        """Look once; to be called several times a second.

        A file is read once it has not changed since the last look: before that it may be written only half.
        """
        now = _signature(self.source.config)
        settled, self._seen = now == self._seen, now
        asked = self._asked.is_set()
        if asked or (settled and now != self._taken):
            self._asked.clear()
            self._taken = now
            self._read()

    def announce(self) -> None:
        """Say which rules there are, and which of them meet."""
        rules = self.settings.rules
        if rules.rules:
            self.log.info("ingest rules", topics=[rule.topic for rule in rules.rules])
        for note in rules.notes():
            self.log.warning(note)

    def _read(self) -> None:
        try:
            settings = self.source.load()
        except UsageError as error:
            what = f"the configuration was not taken up, the ingest rules from before go on: {error}"
            self.trouble(UsageError(what, code=error.code, hint=error.hint))
            return
        others = differences(self.settings, settings)
        if others:
            self.log.warning("takes effect at the next start", keys=others)
        if settings.ingest == self.settings.ingest:
            self.log.info("the ingest rules are as they were")
            return
        self.settings = settings
        self.announce()
        try:
            self._use(settings.rules)
        except TidelogError as error:
            self.trouble(error)

    def _use(self, rules: IngestRules) -> None:
        """In this order: what arrives has a rule, and whoever subscribes or publishes may."""
        self.gathering.rules = rules
        if self.embedded is not None:
            self.embedded.allow(rules.patterns)
        self.shelf.keep_filters([*self.shelf.filters(), *rules.filters])
        self.link.watch(rules.filters)
        if self.files is not None:
            self.files.use(rules)
            self.files.keep()


def _signature(path: Path | None) -> _Signature:
    """Tells a file from what it was; ``None`` where there is none."""
    if path is None:
        return None
    try:
        stat = os.stat(path)  # noqa: PTH116 - follows a link to where a new file may have been put
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
