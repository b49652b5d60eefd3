"""``tidelog user``, ``device`` and ``channel`` on a data folder that nothing serves."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog_service.engine.clocks import KeptClock
from tidelog_service.store.clocks import ClockStore
from tidelog_service.store.database import open_database

Command = Callable[..., Any]


def test_the_first_user_makes_the_data_folder(tidelog: Command, tmp_path: Path) -> None:
    assert tidelog("user", "add", "alice").out == "added user alice\n"
    assert (tmp_path / "data").is_dir()
    assert [user["user"] for user in tidelog("user", "list", "--json").value] == ["alice"]


def test_the_option_wins_over_the_environment(tidelog: Command, tmp_path: Path) -> None:
    tidelog("user", "add", "alice", "--data", tmp_path / "other")
    assert (tmp_path / "other").is_dir()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "words",
    [("user", "list"), ("device", "list"), ("device", "revoke", "d"), ("channel", "list"), ("export", "-")],
)
def test_what_only_reads_or_takes_away_makes_no_folder(
    words: tuple[str, ...], tidelog: Command, tmp_path: Path
) -> None:
    shown = tidelog(*words, "--json")
    assert (shown.code, shown.error["code"]) == (6, "no_data")
    assert not (tmp_path / "data").exists()


def test_a_name_that_is_taken_is_refused(tidelog: Command) -> None:
    tidelog("user", "add", "alice")
    shown = tidelog("user", "add", "alice", "--json")
    assert (shown.code, shown.out, shown.error["code"]) == (2, "", "user_exists")


def test_a_device_is_told_with_its_secret(tidelog: Command) -> None:
    tidelog("user", "add", "alice")
    shown = tidelog("device", "add", "alice", "a1phone", "--json")
    assert shown.value.keys() == {"device", "user", "secret"}
    assert (shown.value["device"], shown.value["user"]) == ("a1phone", "alice")
    assert len(shown.value["secret"]) >= 20
    assert shown.err == ""


def test_for_people_the_secret_stands_in_a_line_of_its_own(tidelog: Command) -> None:
    shown = tidelog("device", "add", "alice", "a1phone")
    assert [line.split()[0] for line in shown.out.splitlines()] == ["device", "user", "secret"]
    assert "not shown again" in shown.err


def test_the_user_of_a_device_is_added_where_needed_and_that_is_said(tidelog: Command) -> None:
    shown = tidelog("device", "add", "zoe", "z1")
    assert shown.code == 0
    assert "added user zoe" in shown.err
    assert [user["user"] for user in tidelog("user", "list", "--json").value] == ["zoe"]


def test_a_wrong_device_name_adds_no_user(tidelog: Command) -> None:
    assert tidelog("device", "add", "zoe", "Z1").code == 2
    assert tidelog("user", "list", "--json").value == []


def test_save_keeps_a_profile_that_the_device_commands_take(tidelog: Command, tmp_path: Path) -> None:
    shown = tidelog("device", "add", "alice", "a1phone", "--save", "--url", "mqtt://127.0.0.1:7", "--json")
    path = tmp_path / "profiles" / "a1phone.toml"
    assert shown.value["profile"] == str(path)
    assert tomllib.loads(path.read_text()) == {
        "url": "mqtt://127.0.0.1:7",
        "device": "a1phone",
        "secret": shown.value["secret"],
        "store": str(tmp_path / "profiles" / "a1phone.db"),
    }
    assert tidelog("send", "room1", "hi", "--no-wait", "--as", "a1phone").code == 0


def test_save_says_that_it_moved_another_profile_aside(tidelog: Command, tmp_path: Path) -> None:
    tidelog("device", "add", "alice", "a1", "--save")
    shown = tidelog("device", "add", "alice", "a1", "--save", "--data", tmp_path / "other")
    assert "a1.toml.old" in shown.err
    assert (tmp_path / "profiles" / "a1.toml.old").exists()


def test_a_revoked_device_is_listed_as_such(tidelog: Command) -> None:
    tidelog("device", "add", "alice", "a1")
    tidelog("device", "add", "bob", "b1")
    assert tidelog("device", "revoke", "a1").out == "revoked device a1\n"
    listed = tidelog("device", "list", "--json").value
    assert [(one["device"], one["user"], one["revoked"]) for one in listed] == [
        ("a1", "alice", True),
        ("b1", "bob", False),
    ]
    assert [one["device"] for one in tidelog("device", "list", "bob", "--json").value] == ["b1"]


@pytest.mark.parametrize(
    "words",
    [("--member", "alice", "--member", "bob"), ("--member", "alice", "bob"), ("alice", "bob")],
)
def test_members_are_named_by_options_or_by_words(words: tuple[str, ...], tidelog: Command) -> None:
    tidelog("user", "add", "alice")
    tidelog("user", "add", "bob")
    shown = tidelog("channel", "add", "room1", *words, "--json")
    assert shown.value == {"channel": "room1", "members": ["alice", "bob"]}
    listed = tidelog("channel", "list", "--json").value
    assert [(one["channel"], one["head"], one["members"]) for one in listed] == [
        ("room1", 0, ["alice", "bob"])
    ]


def test_the_conversation_of_two_users_has_one_name(tidelog: Command) -> None:
    tidelog("user", "add", "alice")
    tidelog("user", "add", "bob")
    assert tidelog("channel", "add", "--direct", "bob", "alice", "--json").value["channel"] == "dm/alice/bob"
    assert tidelog("channel", "add", "--direct", "alice", "bob", "--json").error["code"] == "channel_exists"


@pytest.mark.parametrize(
    "words", [(), ("room1", "--direct", "a", "b"), ("--direct", "a", "b", "--member", "c")]
)
def test_a_channel_has_either_a_name_or_two_users(words: tuple[str, ...], tidelog: Command) -> None:
    assert tidelog("channel", "add", *words).code == 2


def test_an_unknown_member_is_refused_and_nothing_added(tidelog: Command) -> None:
    shown = tidelog("channel", "add", "room1", "--member", "carol", "--json")
    assert shown.error["code"] == "no_user"
    assert tidelog("channel", "list", "--json").value == []


def test_members_come_and_go(tidelog: Command) -> None:
    tidelog("user", "add", "alice")
    tidelog("user", "add", "bob")
    tidelog("channel", "add", "room1")
    assert tidelog("channel", "join", "room1", "alice", "bob").out == "alice, bob joined channel room1\n"
    assert tidelog("channel", "leave", "room1", "alice", "--json").value == {
        "channel": "room1",
        "left": ["alice"],
    }
    assert tidelog("channel", "list", "--json").value[0]["members"] == ["bob"]


def test_joining_or_leaving_twice_is_a_note(tidelog: Command) -> None:
    tidelog("user", "add", "alice")
    tidelog("user", "add", "bob")
    tidelog("channel", "add", "room1", "--member", "alice")
    again = tidelog("channel", "join", "room1", "alice", "bob")
    assert (again.code, again.out) == (0, "bob joined channel room1\n")
    assert "'alice' is a member of channel 'room1' already" in again.err
    tidelog("channel", "leave", "room1", "bob")
    again = tidelog("channel", "leave", "room1", "bob", "--json")
    assert (again.code, again.value) == (0, {"channel": "room1", "left": []})
    assert "'bob' is not a member" in again.err
    assert tidelog("channel", "join", "room1", "zoe", "--json").error["code"] == "no_user"


def test_a_clock_that_is_wrong_is_shown(tidelog: Command, tmp_path: Path) -> None:
    tidelog("device", "add", "alice", "a1phone")
    tidelog("device", "add", "alice", "a2pad")
    with open_database(tmp_path / "data" / "tidelog.db") as database:
        ClockStore(database).keep([KeptClock("a1phone", -7_200_100, 5_000, b"")])
    told = tidelog("device", "list", "--json").value
    assert [(one["skew_ms"], one["skew_measured"]) for one in told] == [(-7_200_100, 5_000), (None, None)]
    lines = tidelog("device", "list").out.splitlines()
    assert lines[0].split()[-1] == "clock"
    assert lines[1].endswith("  -7,200.1 s")
