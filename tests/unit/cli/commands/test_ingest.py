"""``tidelog ingest``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog_service.engine.accounts import DAY_MS
from tidelog_service.engine.gathering import HINTS, Count, Outcome
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.gathered import GatheredStore

Command = Callable[..., Any]

RULES = """
[[ingest]]
topic = "sensors/+/+"
channel = "{1}/{2}"
author = "{1}"
members = ["olga"]
key = "id"
[[ingest]]
topic = "sensors/#"
channel = "rest"
key = "digest"
"""


@pytest.fixture
def config(tidelog: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001 - before it
    path = tmp_path / "tidelog.toml"
    path.write_text(RULES)
    monkeypatch.setenv("TIDELOG_CONFIG", str(path))
    return path


@pytest.mark.usefixtures("config")
def test_test_tells_rule_channel_author_and_key(tidelog: Command) -> None:
    outcome = tidelog("ingest", "test", "sensors/a/temp", '{"id": "x1", "t": 21}', "--json")
    assert outcome.value == {
        "rule": 1,
        "topic": "sensors/+/+",
        "channel": "a/temp",
        "author": "a",
        "members": ["olga"],
        "passed_over": ["sensors/#"],
        "key": '"x1"',
    }
    shown = tidelog("ingest", "test", "sensors/a/temp", '{"id": 5}').out
    assert "channel      a/temp\n" in shown
    assert "key          5\n" in shown
    assert tidelog("ingest", "test", "sensors/a", "-", given=b"\xff").out.endswith(
        "key          all of its 1 byte\n"
    )
    assert "key" not in tidelog("ingest", "test", "sensors/a/temp", "--json").value


@pytest.mark.usefixtures("config")
def test_a_payload_without_the_key_is_told(tidelog: Command) -> None:
    outcome = tidelog("ingest", "test", "sensors/a/temp", "21.5", "--json")
    assert outcome.value["key"] is None
    assert "no 'id'" in outcome.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["other/x"], "ingest_no_rule"),
        (["sensors/+/x"], "topic"),
        (["sensors//temp"], "ingest_channel_name"),
        (["sensors/$a/temp"], "ingest_channel_name"),
        (["sensors/a/temp", "x" * 40_000], "ingest_limit"),
    ],
)
@pytest.mark.usefixtures("config")
def test_what_would_not_be_stored_is_an_error_with_a_hint(
    tidelog: Command, words: list[str], code: str
) -> None:
    outcome = tidelog("ingest", "test", *words, "--json")
    assert (outcome.code, outcome.error["code"]) == (2, code)
    assert outcome.error["hint"]


def test_a_rule_that_is_wrong_is_told_with_its_place(tidelog: Command, config: Path) -> None:
    config.write_text(RULES.replace("{2}", "{3}"))
    outcome = tidelog("ingest", "test", "sensors/a/temp")
    assert outcome.code == 2
    assert "ingest rule 1: {3}" in outcome.err


@pytest.mark.usefixtures("config")
def test_list_tells_rules_with_what_they_took_and_what_went_wrong(tidelog: Command, tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000
    tidelog("user", "add", "olga")
    with open_database(DataFolder(tmp_path / "data").database) as database, database.transaction():
        shelf = GatheredStore(database)
        shelf.make_channel("sensors/+/+", "a/temp", [], now)
        counts = [
            Count("sensors/+/+", Outcome.STORED, 40, "sensors/a/temp"),
            Count("sensors/+/+", Outcome.DUPLICATE, 3, "sensors/a/temp"),
            Count("sensors/+/+", Outcome.CHANNEL_NAME, 2, "sensors//temp"),
            Count("sensors/+/+", Outcome.UNKEYED, 1, "sensors/a/temp"),
            Count("gone/+", Outcome.STORED, 7, "gone/x"),
        ]
        shelf.count(now // DAY_MS, counts, now)
    first, second, gone = tidelog("ingest", "list", "--json").value
    outcomes = first.pop("outcomes")
    assert first == {
        "topic": "sensors/+/+",
        "channel": "{1}/{2}",
        "author": "{1}",
        "channels": 1,
        "stored": 40,
        "duplicate": 3,
        "retained": 0,
        "refused": 2,
    }
    assert outcomes["channel_name"] == {"messages": 2, "topic": "sensors//temp", "time": now}
    assert (second["topic"], second["stored"]) == ("sensors/#", 0)
    assert (gone["topic"], gone["channel"], gone["stored"]) == ("gone/+", None, 7)
    outcome = tidelog("ingest", "list")
    assert outcome.out.splitlines()[1].split() == ["sensors/+/+", "{1}/{2}", "{1}", "1", "40", "3", "0", "2"]
    assert "2 messages under 'sensors/+/+': channel name, the last on 'sensors//temp' at" in outcome.err
    assert HINTS[Outcome.CHANNEL_NAME] in outcome.err
    assert "the first takes what both select" in outcome.err
