"""A whole service, on the embedded broker or on a real Mosquitto, for tests from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import corpora
from brokers import start_mosquitto
from stacks import Stack
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.registry import Registry


@pytest.fixture(params=["embedded", "mosquitto"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """A stack whose service is not yet started; alice has a phone and a tablet, bob a phone, in room1."""
    with ExitStack() as at_end:
        mosquitto = None
        if request.param == "mosquitto":
            mosquitto = start_mosquitto(tmp_path / "mosquitto", devices={})
            at_end.callback(mosquitto.stop)
        folder = tmp_path / "data"
        database = open_database(DataFolder(folder).database)
        at_end.callback(database.close)
        registry = Registry(database)
        at_end.callback(registry.close)
        made = Stack(folder=folder, registry=registry, mosquitto=mosquitto, at_end=at_end)
        at_end.callback(made.stop)
        for user, name in (("alice", "aphone"), ("alice", "atablet"), ("bob", "bphone")):
            made.add_device(user, name)
        registry.add_channel("room1", ["alice", "bob"])
        yield made


@pytest.fixture
def corpus() -> Callable[[str], list[dict[str, Any]]]:
    """Reads a corpus by name; its absence is a failure in CI."""
    return corpora.records
