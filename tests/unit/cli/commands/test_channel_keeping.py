"""``tidelog channel set`` and ``trim``: what is kept of a channel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog_service.store.data_folder import DataFolder

Command = Callable[..., Any]


@pytest.fixture
def filled(tidelog: Command) -> Command:
    lines = [
        json.dumps({"channel": "room1", "author": "alice", "ts": 1_000 * n, "body": "x" * 10})
        for n in range(1, 11)
    ]
    tidelog("import", "-", given="\n".join(lines).encode())
    return tidelog


def exported(tidelog: Command) -> list[int]:
    return [json.loads(line)["seq"] for line in tidelog("export", "-").out.splitlines()]


def test_what_is_kept_is_said_and_shown(filled: Command) -> None:
    shown = filled("channel", "set", "room1", "--keep-days", 30, "--keep-bytes", 0)
    assert shown.out == "of channel room1 the service keeps 30 days\n"
    assert shown.err == "records: as configured, see [retention]\n"
    assert filled("channel", "set", "room1", "--keep-days", -1, "--keep-records", 5, "--json").value == {
        "channel": "room1",
        "floor": 1,
        "body_bytes": 100,
        "keep_days": None,
        "keep_records": 5,
        "keep_bytes": 0,
    }
    (listed,) = filled("channel", "list", "--json").value
    assert (listed["keep_records"], listed["body_bytes"], listed["head"]) == (5, 100, 10)


def test_a_channel_is_added_with_what_is_to_be_kept(tidelog: Command) -> None:
    tidelog("channel", "add", "room2", "--keep-records", 7)
    assert tidelog("channel", "set", "room2", "--json").value["keep_records"] == 7
    assert tidelog("channel", "set", "nowhere", "--json").error["code"] == "no_channel"


@pytest.mark.parametrize(
    ("words", "floor"),
    [
        (("--before", 4), 4),
        (("--before", 99), 11),
        (("--older-than", 30), 11),
        (("--older-than", 100_000), 1),
    ],
)
def test_trimming_deletes_at_once_where_no_service_runs(
    words: tuple[object, ...], floor: int, filled: Command
) -> None:
    assert filled("channel", "trim", "room1", *words, "--json").value == {"channel": "room1", "floor": floor}
    assert exported(filled) == list(range(floor, 11))
    assert filled("channel", "list", "--json").value[0]["body_bytes"] == 10 * (11 - floor)


def test_beside_a_service_it_only_says_so(filled: Command, tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data").lock("tidelog serve"):
        assert filled("channel", "trim", "room1", "--before", 4).out == "channel room1 begins at 4\n"
    assert filled("channel", "list", "--json").value[0]["body_bytes"] == 100
    assert exported(filled) == list(range(4, 11))


@pytest.mark.parametrize("words", [(), ("--before", 4, "--older-than", 3)])
def test_trimming_needs_one_bound(words: tuple[object, ...], filled: Command) -> None:
    assert filled("channel", "trim", "room1", *words).code == 2
    assert filled("channel", "trim", "nowhere", "--before", 4, "--json").error["code"] == "no_channel"
