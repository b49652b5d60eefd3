"""``tidelog config``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog_cli.example import example_toml
from tidelog_service.config import declared
from tidelog_service.config_rules import RuleSection

Command = Callable[..., Any]


def test_show_tells_every_key_and_where_it_comes_from(
    tidelog: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tidelog.toml"
    file.write_text("[live]\nlease_s = 20\n[broker]\npassword = 'hidden'\n")
    monkeypatch.setenv("TIDELOG_BROKER__PORT", "1884")
    outcome = tidelog("config", "show", "--config", file, "--json")
    told = {row["key"]: (row["value"], row["from"]) for row in outcome.value}
    assert list(told) == [f"{section}.{key}" for section, key, _ in declared()]
    assert told["live.lease_s"] == (20, str(file))
    assert told["broker.port"] == (1884, "TIDELOG_BROKER__PORT")
    assert told["broker.host"] == ("127.0.0.1", "default")
    assert "hidden" not in outcome.out


def test_the_file_can_be_named_by_the_environment(
    tidelog: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.toml").write_text("[brokr]\n")
    monkeypatch.setenv("TIDELOG_CONFIG", str(tmp_path / "x.toml"))
    outcome = tidelog("config", "show", "--json")
    assert (outcome.code, outcome.error["hint"]) == (2, "did you mean broker?")


def test_example_prints_the_file(tidelog: Command) -> None:
    assert tidelog("config", "example").out == example_toml()
    told = [key["key"] for key in tidelog("config", "example", "--json").value]
    assert told == [f"{section}.{key}" for section, key, _ in declared()] + [
        f"ingest[].{key}" for key in RuleSection.model_fields
    ]


def test_show_tells_ingest_rules_and_which_of_them_meet(tidelog: Command, tmp_path: Path) -> None:
    file = tmp_path / "tidelog.toml"
    file.write_text(
        "[[ingest]]\ntopic = 's/+'\nchannel = '{1}'\nmembers = ['olga']\n[[ingest]]\ntopic = 's/#'\n"
    )
    outcome = tidelog("config", "show", "--config", file)
    assert "ingest rule 1            s/+ -> {1}" in outcome.out
    assert "the first takes what both select" in outcome.err
    first, second = tidelog("config", "show", "--config", file, "--json").value[-2:]
    assert first["value"]["members"] == ["olga"]
    assert second["value"]["channel"] == "{topic}"
    assert second["from"] == str(file)
