"""Sources of the configuration, their order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tidelog.wire.errors import UsageError
from tidelog_service.config import bounds, declared, load, origins, sections, variable


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for section, key, _ in declared():
        monkeypatch.delenv(variable(section, key), raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tidelog.toml"
    path.write_text("[broker]\nport = 1\nhost = 'file'\nusername = 'file'\n[live]\nlease_s = 20\n")
    return path


def refused(path: Path | None = None, overrides: dict[str, object] | None = None) -> UsageError:
    with pytest.raises(UsageError) as raised:
        load(path, overrides)
    assert raised.value.code == "config"
    return raised.value


def test_options_win_over_environment_over_file_over_defaults(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELOG_BROKER__PORT", "2")
    monkeypatch.setenv("TIDELOG_BROKER__HOST", "environment")
    overrides: dict[str, object] = {"broker.port": 3}
    settings = load(file, overrides)
    assert (settings.broker.port, settings.broker.host) == (3, "environment")
    assert (settings.broker.username, settings.live.lease_s) == ("file", 20)
    assert settings.live.coalesce_ms == 30
    found = origins(file, overrides)
    assert found["broker.port"] == "option"
    assert found["broker.host"] == "TIDELOG_BROKER__HOST"
    assert found["broker.username"] == str(file)
    assert found["live.coalesce_ms"] == "default"


def test_a_secret_comes_from_the_file_that_its_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("pass word\n")
    monkeypatch.setenv("TIDELOG_BROKER__PASSWORD_FILE", str(tmp_path / "secret"))
    settings = load()
    assert settings.broker.password.get_secret_value() == "pass word"
    assert "pass word" not in repr(settings)
    assert origins()["broker.password"] == "TIDELOG_BROKER__PASSWORD_FILE"


def test_a_value_and_a_file_for_it_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELOG_BROKER__PASSWORD_FILE", "/x")
    monkeypatch.setenv("TIDELOG_BROKER__PASSWORD", "x")
    assert "TIDELOG_BROKER__PASSWORD and TIDELOG_BROKER__PASSWORD_FILE" in str(refused())


def test_a_secrets_file_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELOG_BROKER__PASSWORD_FILE", "/nowhere")
    assert "TIDELOG_BROKER__PASSWORD_FILE" in str(refused())


@pytest.mark.parametrize(
    ("text", "name", "nearest"),
    [
        ("[broker]\nprot = 1", "broker.prot", "broker.port"),
        ("[brokr]\nport = 1", "brokr", "broker"),
        ("[limits]\npages_bytes = 1", "limits.pages_bytes", "limits.page_bytes"),
    ],
)
def test_an_unknown_key_is_refused_and_the_nearest_named(
    text: str, name: str, nearest: str, tmp_path: Path
) -> None:
    (tmp_path / "x.toml").write_text(text)
    error = refused(tmp_path / "x.toml")
    assert name in str(error)
    assert error.hint == f"did you mean {nearest}?"


def test_an_unknown_variable_is_refused_and_the_nearest_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELOG_BROKR__PORT", "1")
    error = refused()
    assert "TIDELOG_BROKR__PORT" in str(error)
    assert error.hint == "did you mean TIDELOG_BROKER__PORT?"


def test_variables_of_the_command_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELOG_SECRET", "x")
    monkeypatch.setenv("TIDELOG_PROFILES", "x")
    assert load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("broker.port", 65_536),
        ("broker.port", -1),
        ("broker.port", "many"),
        ("broker.url", "http://x"),
        ("broker.url", "mqtt://user:secret@x"),
        ("limits.page_bytes", 255),
        ("limits.page_bytes", 61_441),
        ("limits.packet_bytes", 65_537),
        ("codec.processes", -2),
        ("codec.context_kib_max", 257),
        ("log.level", "loud"),
        ("log.format", "xml"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_the_bounds(name: str, value: object) -> None:
    error = refused(overrides={name: value})
    assert str(error).startswith(name)
    assert error.hint


def test_a_password_is_never_in_a_message() -> None:
    assert "secret" not in str(refused(overrides={"broker.password": ["secret"]}))


@pytest.mark.parametrize("text", [None, "[broker", "\xff"])
def test_a_file_that_cannot_be_read_is_told(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    if text is not None:
        path.write_bytes(text.encode("latin1"))
    assert str(path) in str(refused(path))


def test_it_is_frozen() -> None:
    with pytest.raises(ValidationError):
        load().broker.port = 1  # type: ignore[misc]  # what is tested


def test_every_key_is_described_and_every_number_bounded() -> None:
    for section, key, field in declared():
        assert str(field.description).endswith("."), f"{section}.{key}"
        if field.annotation is int:
            assert bounds(field), f"{section}.{key}"
    assert all(section.__doc__ for section in sections().values())
