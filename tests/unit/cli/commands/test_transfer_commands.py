"""``tidelog import`` and ``export``."""

from __future__ import annotations

import gzip
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog_service.store.data_folder import DataFolder

Command = Callable[..., Any]

RECORDS = [
    {"channel": "room1", "author": "alice", "ts": 1_000, "body": "hé"},
    {"channel": "room1", "author": "bob", "ts": 2_000, "body64": "/w=="},
    {"channel": "room2", "author": "bob", "ts": 3_000, "body": ""},
]
LINES = "".join(json.dumps(record) + "\n" for record in RECORDS).encode()


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_imported_is_exported_again(packed: bool, tidelog: Command, tmp_path: Path) -> None:  # noqa: FBT001 - both ways
    (tmp_path / "in").write_bytes(gzip.compress(LINES) if packed else LINES)
    shown = tidelog("import", tmp_path / "in", "--json")
    assert shown.value == {"records": 3, "users": ["alice", "bob"], "channels": ["room1", "room2"]}
    out = tmp_path / ("out.gz" if packed else "out")
    assert tidelog("export", out, "--json").value == {"file": str(out), "records": 3}
    text = gzip.decompress(out.read_bytes()) if packed else out.read_bytes()
    told = [json.loads(line) for line in text.splitlines()]
    assert [{key: record[key] for key in record if key != "seq"} for record in told] == RECORDS
    assert [record["seq"] for record in told] == [1, 2, 1]


def test_authors_become_members_of_the_channels_they_wrote_in(tidelog: Command) -> None:
    tidelog("import", "-", given=LINES)
    listed = tidelog("channel", "list", "--json").value
    assert [(one["channel"], one["members"]) for one in listed] == [
        ("room1", ["alice", "bob"]),
        ("room2", ["bob"]),
    ]


def test_for_people_it_says_what_was_added(tidelog: Command) -> None:
    shown = tidelog("import", "-", given=LINES)
    assert shown.out == "imported 3 records; added 2 users (alice, bob) and 2 channels (room1, room2)\n"
    shown = tidelog("import", "-", given=LINES)
    assert shown.out == "imported 3 records; added 0 users and 0 channels\n"


def test_one_channel_on_standard_output_and_nothing_else(tidelog: Command) -> None:
    tidelog("import", "-", given=LINES)
    outcome = tidelog("export", "-", "--channel", "room2", "--json")
    assert outcome.value == RECORDS[2] | {"seq": 1}
    assert outcome.err == "exported 1 record\n"


def test_a_wrong_line_is_named_and_nothing_stored(tidelog: Command) -> None:
    shown = tidelog("import", "-", "--json", given=LINES + b"{}\n")
    assert (shown.code, shown.error["code"]) == (6, "import_line")
    assert shown.error["message"].startswith("line 4")
    assert tidelog("channel", "list", "--json").value == []


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: packed[:12] + b"\xff" * 30])
def test_a_damaged_gzip_file_is_told(
    damage: Callable[[bytes], bytes], tidelog: Command, tmp_path: Path
) -> None:
    (tmp_path / "in.gz").write_bytes(damage(gzip.compress(LINES)))
    shown = tidelog("import", tmp_path / "in.gz", "--json")
    assert (shown.code, shown.error["code"]) == (6, "import_file")


def test_while_something_serves_it_refuses(tidelog: Command, tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data").lock("tidelog serve"):
        shown = tidelog("import", "-", "--json", given=LINES)
    assert (shown.code, shown.error["code"]) == (3, "in_use")
    assert "tidelog serve" in shown.error["message"]


def test_a_file_is_replaced_only_when_all_is_written(tidelog: Command, tmp_path: Path) -> None:
    tidelog("import", "-", given=LINES)
    out = tmp_path / "out.jsonl"
    out.write_text("before")
    assert tidelog("export", out, "--channel", "nowhere").code == 2
    assert out.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []
    assert tidelog("export", out).err == "exported 3 records\n"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
