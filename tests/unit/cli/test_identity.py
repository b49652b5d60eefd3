"""Who a command acts as: options, profile, environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidelog.wire.errors import UsageError
from tidelog_cli import profiles
from tidelog_cli.identity import Identity
from tidelog_cli.profiles import Profile

SAVED = Profile(url="mqtt://saved:1", device="phone", secret="saved", store="/saved.db")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIDELOG_SECRET", raising=False)
    profiles.keep("me", SAVED, tmp_path)
    return tmp_path


def test_a_profile_gives_everything(folder: Path) -> None:
    assert Identity(profile="me", profile_folder=folder).online() == SAVED


def test_options_win_over_the_profile(folder: Path) -> None:
    (folder / "secret").write_text("given\n")
    given = Identity(
        url="mqtt://given:2",
        device="pad",
        store="/given.db",
        secret_file=folder / "secret",
        profile="me",
        profile_folder=folder,
    )
    assert given.online() == Profile(url="mqtt://given:2", device="pad", secret="given", store="/given.db")


def test_the_secret_comes_from_the_environment_where_there_is_no_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIDELOG_SECRET", "hidden")
    who = Identity(device="phone", store=":memory:").online()
    assert (who.secret, who.url) == ("hidden", "mqtt://127.0.0.1:1883")


def test_a_profile_that_was_named_wins_over_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELOG_SECRET", "hidden")
    assert Identity(profile="me", profile_folder=folder).online().secret == "saved"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (Identity(store="x"), "device_unnamed"),
        (Identity(device="phone"), "store_unnamed"),
        (Identity(device="UPPER", store="x"), "device_name"),
        (Identity(device="phone", store="x"), "secret_missing"),
    ],
)
def test_what_is_missing_is_told(given: Identity, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDELOG_SECRET", raising=False)
    with pytest.raises(UsageError) as raised:
        given.online()
    assert raised.value.code == code
    assert raised.value.hint


def test_reading_the_store_needs_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDELOG_SECRET", raising=False)
    assert Identity(device="phone", store="x").local() == ("phone", "x")
