"""Profiles on disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tidelog.wire.errors import UsageError
from tidelog_cli import profiles
from tidelog_cli.profiles import Profile

PHONE = Profile(url="mqtt://127.0.0.1:1883", device="phone", secret='a"\\é', store="/tmp/phone.db")  # noqa: S108 - never opened


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    assert profiles.keep("phone", PHONE, tmp_path / "new") is False
    assert profiles.read("phone", tmp_path / "new") == PHONE


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    profiles.keep("phone", PHONE, tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new" / "phone.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_another_one_of_the_same_name_is_moved_aside(tmp_path: Path) -> None:
    profiles.keep("phone", PHONE, tmp_path)
    old = (tmp_path / "phone.toml").read_text()
    assert profiles.keep("phone", PHONE, tmp_path) is True
    assert (tmp_path / "phone.toml.old").read_text() == old


def test_a_store_that_is_there_is_never_given_to_a_new_device(tmp_path: Path) -> None:
    assert profiles.free_store("phone", tmp_path) == tmp_path / "phone.db"
    (tmp_path / "phone.db").touch()
    assert profiles.free_store("phone", tmp_path) == tmp_path / "phone-2.db"


def test_the_usual_place_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert profiles.folder(None) == tmp_path / "tidelog" / "profiles"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert profiles.folder(None) == tmp_path / ".config" / "tidelog" / "profiles"


def test_a_missing_one_is_told_with_those_there_are(tmp_path: Path) -> None:
    profiles.keep("phone", PHONE, tmp_path)
    with pytest.raises(UsageError, match=r"no profile 'fone' .*\(there: phone\)"):
        profiles.read("fone", tmp_path)


@pytest.mark.parametrize("text", ["url =", 'url = "x"', "\udcff"])
def test_a_damaged_one_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "phone.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match="is damaged"):
        profiles.read("phone", tmp_path)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "../x"])
def test_a_name_never_leaves_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a profile name"):
        profiles.path_of(name, tmp_path)
