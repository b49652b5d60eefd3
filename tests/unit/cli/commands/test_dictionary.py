"""``tidelog dictionary``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.dictionaries import DictionaryStore

Command = Callable[..., Any]

LINES = "".join(
    json.dumps(
        {
            "channel": f"room{at % 4}",
            "author": f"user{at % 5}",
            "ts": 1_000 * at,
            "body": f"Has anybody seen the harbour master? The tide is {at} cm above the mark by now.",
        }
    )
    + "\n"
    for at in range(300)
).encode()


@pytest.fixture
def filled(tidelog: Command) -> Command:
    """The command, where there are records."""
    tidelog("import", "-", given=LINES)
    return tidelog


def kept(folder: Path) -> DictionaryStore:
    return DictionaryStore(open_database(DataFolder(folder).database))


def test_it_is_trained_kept_and_told(filled: Command, tmp_path: Path) -> None:
    told = filled("dictionary", "train", "--size-kib", "4", "--json").value
    assert (told["records"], told["authors"], told["channels"]) == (270, 5, 4)
    assert 0 < told["fetched_bytes"] < told["bytes"] <= 4_096
    assert [(one["codec"], one["records"]) for one in told["held_out"]] == [
        (codec, count) for codec in ("ppmd", "deflate") for count in (1, 5, 20)
    ]
    for one in told["held_out"]:
        assert one["trained"] < one["builtin"] < one["plain"]
    store = kept(tmp_path / "data")
    assert store.active() == told["dictionary"]
    content = store.dictionary(told["dictionary"])
    assert content is not None
    assert b"Has anybody seen the harbour master?" in content.data


def test_for_people_there_is_a_table(filled: Command) -> None:
    shown = filled("dictionary", "train", "--size-kib", "1")
    head, columns, *rows = shown.out.splitlines()
    assert head.endswith("trained on 270 records of 5 users in 4 channels")
    assert columns.split() == ["records", "codec", "plain", "without", "built-in", "trained"]
    assert len(rows) == 6


def test_one_channel_only_has_what_several_wrote_in_no_other(filled: Command) -> None:
    shown = filled("dictionary", "train", "--channel", "room1", "--json")
    assert (shown.code, shown.error["code"]) == (2, "nothing_shared")
    told = filled("dictionary", "train", "--channel", "room1", "--least", "1", "--json").value
    assert (told["channels"], told["records"]) == (1, 68)


def test_few_records_leave_nothing_to_try_it_on(tidelog: Command) -> None:
    tidelog("import", "-", given=b"".join(LINES.splitlines(keepends=True)[:9]))
    shown = tidelog("dictionary", "train", "--least", "1")
    assert shown.out.startswith("dictionary ")
    assert "too few records" in shown.err


def test_they_are_listed_and_dropped(filled: Command) -> None:
    first = filled("dictionary", "train", "--size-kib", "1", "--json").value["dictionary"]
    second = filled("dictionary", "train", "--size-kib", "2", "--json").value["dictionary"]
    listed = filled("dictionary", "list", "--json").value
    assert [(one["dictionary"], one["active"]) for one in listed] == [(second, True), (first, False)]
    assert filled("dictionary", "drop", second).out == f"dropped dictionary {second}\n"
    assert filled("dictionary", "drop", first, "--json").value == {"dictionary": first, "dropped": True}
    assert filled("dictionary", "list", "--json").value == []
    shown = filled("dictionary", "drop", first, "--json")
    assert (shown.code, shown.error["code"]) == (2, "no_dictionary")


@pytest.mark.parametrize("number", ["0", "1", "255", "4294967296"])
def test_what_is_no_trained_one_is_not_dropped(filled: Command, number: str) -> None:
    assert filled("dictionary", "drop", number).code == 2


def test_where_it_does_not_help_it_says_so(tidelog: Command) -> None:
    """What three users wrote long ago is no help with what they write now."""
    old = ["abcdefgh ijklmnop"] * 90
    new = ["Good morning! How are you doing today?"] * 10
    lines = [
        json.dumps({"channel": f"c{at % 3}", "author": f"u{at % 3}", "ts": at, "body": body})
        for at, body in enumerate(old + new)
    ]
    tidelog("import", "-", given="\n".join(lines).encode())
    assert "may not be worth fetching" in tidelog("dictionary", "train", "--size-kib", "1").err


@pytest.mark.parametrize("command", [("train",), ("list",), ("drop", "300")])
def test_without_a_data_folder_there_is_nothing(tidelog: Command, command: tuple[str, ...]) -> None:
    shown = tidelog("dictionary", *command, "--json")
    assert (shown.code, shown.error["code"]) == (6, "no_data")
