"""A whole service to test from end to end: data folder, registry, broker, devices."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brokers import RunningBroker
from tidelog import Device
from tidelog_service.config import Source
from tidelog_service.runner import Service
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.keys import LOG_STOP
from tidelog_service.store.registry import Registry
from tidelog_service.store.transfer import import_records, read_lines


@dataclass
class Stack:
    """A data folder, its registry, and a service that can be started and stopped."""

    folder: Path
    registry: Registry
    mosquitto: RunningBroker | None
    at_end: ExitStack
    port: int = 0
    service: Service | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    config: Path | None = None

    @property
    def url(self) -> str:
        assert self.service is not None
        return self.service.url

    @property
    def port_of_broker(self) -> int:
        """Where devices connect, on the loopback interface."""
        return int(self.url.rpartition(":")[2])

    def start(self) -> None:
        overrides: dict[str, object] = {"service.data": self.folder} | self.settings
        if self.mosquitto is None:
            overrides["broker.port"] = self.port
        else:
            overrides["broker.url"] = f"mqtt://{self.mosquitto.host}:{self.mosquitto.port}"
            overrides["broker.password"] = self.mosquitto.service_password
        source = Source(config=self.config, overrides=overrides)
        self.service = Service(source.load(), source)
        self.service.start()
        self.port = self.service.port

    def stop(self) -> None:
        if self.service is not None:
            self.service.stop()
            self.service = None

    def add_device(self, user: str, name: str) -> None:
        if user not in {known.name for known in self.registry.users()}:
            self.registry.add_user(user)
        self.secrets[name] = self.registry.add_device(user, name)
        if self.mosquitto is not None:
            self.mosquitto.add_device(name, self.secrets[name])

    def device(self, name: str, **options: Any) -> Device:
        """A device on the stack; closed at the end of the test."""
        store = options.pop("store", self.folder / f"{name}.db")
        url = options.pop("url", "") or self.url
        made = Device(url, device=name, secret=self.secrets[name], store=store, **options)
        self.at_end.callback(made.close)
        return made

    def stored(self, channel: str) -> list[tuple[int, str, int, bytes]]:
        """What the service's database holds of a channel: seq, author, time, body; read beside it."""
        query = """
            SELECT record.id - channel.id * :one, user.name, record.time, record.body FROM channel
            JOIN record ON record.id >= channel.id * :one AND record.id < (channel.id + 1) * :one
            JOIN user ON user.id = record.author_id
            WHERE channel.name = :name ORDER BY record.id
        """
        with closing(sqlite3.connect(DataFolder(self.folder).database)) as connection:
            return connection.execute(query, {"one": LOG_STOP, "name": channel}).fetchall()


def held(device: Device, channel: str) -> list[tuple[int, str, int, bytes]]:
    """What a device holds of a channel: seq, author, time, body."""
    return [(record.seq, record.author, record.time, record.body) for record in device.records(channel)]


def eventually(condition: Callable[[], object], *, within: float = 15.0) -> None:
    """Wait for a condition, and fail where it does not come true in time (seconds)."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.01)


def settled(value: Callable[[], int], *, quiet: float = 0.3) -> None:
    """Wait until a figure has not changed for so long (seconds): what was on its way has arrived."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < quiet:
        time.sleep(0.01)
        if value() != last:
            last, since = value(), time.monotonic()


def import_into(stack: Stack, records: list[dict[str, Any]]) -> None:
    """Import records as `tidelog import` does."""
    with open_database(DataFolder(stack.folder).database) as database:
        import_records(database, read_lines(json.dumps(record) for record in records))
