"""The demonstration's people, and the commands that are printed for them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tidelog_cli import demo, profiles
from tidelog_cli.deployment import opened_registry

URL = "mqtt://127.0.0.1:1884"


def test_an_empty_folder_gets_two_users_three_devices_and_a_channel(tmp_path: Path) -> None:
    terminals = demo.provisioned(tmp_path, URL)
    with opened_registry(tmp_path, create=False) as registry:
        assert [(user.name, user.devices) for user in registry.users()] == [
            ("alice", ("alice-phone", "alice-tablet")),
            ("bob", ("bob-phone",)),
        ]
        assert [(one.name, one.members) for one in registry.channels()] == [("room1", ("alice", "bob"))]
        assert all(registry.admits(one.device, one.secret) for one in terminals)
    assert [one.device for one in terminals] == list(demo.DEVICES)


def test_later_starts_know_the_secrets_and_follow_the_port(tmp_path: Path) -> None:
    first = demo.provisioned(tmp_path, URL)
    assert demo.provisioned(tmp_path, "mqtt://127.0.0.1:1999") == first
    for terminal in first:
        profile = profiles.read(terminal.device, tmp_path / "profiles")
        assert (profile.url, profile.secret) == ("mqtt://127.0.0.1:1999", terminal.secret)
    assert list((tmp_path / "profiles").glob("*.old")) == []


def test_a_folder_with_other_users_is_left_alone(tmp_path: Path) -> None:
    with opened_registry(tmp_path, create=True) as registry:
        registry.add_user("zoe")
    assert demo.provisioned(tmp_path, URL) == ()
    with opened_registry(tmp_path, create=False) as registry:
        assert [user.name for user in registry.users()] == ["zoe"]


def test_the_commands_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["tidelog"])
    terminals = demo.provisioned(tmp_path / "my data", URL)
    lines = [
        shlex.split(line) for line in demo.commands(tmp_path / "my data", URL, terminals) if line[:2] == "  "
    ]
    export, *own = [words for words in lines if not words[0].startswith("mosquitto_")]
    assert export[0] == "export"
    assert export[-1] == f"TIDELOG_PROFILES={tmp_path / 'my data' / 'profiles'}"
    assert own == [
        ["tidelog", "watch", "--as", "bob-phone"],
        ["tidelog", "send", "room1", "hello", "--as", "alice-phone"],
        ["tidelog", "sync", "--as", "alice-tablet"],
        ["tidelog", "log", "room1", "--as", "alice-tablet"],
    ]
    others = [words for words in lines if words[0].startswith("mosquitto_")]
    assert [words[0] for words in others] == ["mosquitto_pub", "mosquitto_rr", "mosquitto_sub"]
    assert all(words[words.index("-p") + 1] == "1884" for words in others)
    assert all(words[words.index("-i") + 1] == words[words.index("-u") + 1] for words in others)
    assert json.loads(others[0][-1]) == {"type": "message", "channel": "room1", "text": "hello"}


def test_the_path_is_exported_where_the_command_is_not_found_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "my bin" / "tidelog"
    script.parent.mkdir()
    script.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(script)])
    terminals = demo.provisioned(tmp_path / "data", URL)

    def export() -> list[str]:
        lines = demo.commands(tmp_path / "data", URL, terminals)
        return shlex.split(next(line for line in lines if line.startswith("  export ")))

    monkeypatch.setenv("PATH", "/nowhere")
    assert export()[1] == f"PATH={script.parent}:$PATH"
    monkeypatch.setenv("PATH", str(script.parent))
    assert [word.partition("=")[0] for word in export()] == ["export", "TIDELOG_PROFILES"]


def test_for_programs_the_devices_are_told_with_their_secrets(tmp_path: Path) -> None:
    told = demo.told(demo.provisioned(tmp_path, URL))
    assert [one.keys() for one in told] == [{"device", "user", "secret"}] * 3
