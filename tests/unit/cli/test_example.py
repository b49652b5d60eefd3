"""config/tidelog.toml and the declarations say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tidelog_cli.example import described_keys, example_toml
from tidelog_service.config import declared, load
from tidelog_service.config_rules import RuleSection

FILE = Path(__file__).parents[3] / "config" / "tidelog.toml"


def test_the_file_is_what_the_command_prints() -> None:
    assert FILE.read_text() == example_toml(), "run: tidelog config example > config/tidelog.toml"


def test_as_it_stands_it_changes_nothing() -> None:
    assert load(FILE) == load()


def test_with_every_key_uncommented_it_states_the_defaults(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^#(?=[a-z_]+ = )", "", example_toml())
    (tmp_path / "all.toml").write_text(text)
    stated = tomllib.loads(text)
    assert [(section, key) for section in stated for key in stated[section]] == [
        (section, key) for section, key, _ in declared()
    ]
    assert load(tmp_path / "all.toml") == load()


def test_the_example_of_a_rule_is_one(tmp_path: Path) -> None:
    text = example_toml()
    rule = text[text.index("# [[ingest]]") :]
    (tmp_path / "rule.toml").write_text(re.sub(r"(?m)^# (?=\[\[|[a-z_]+ = )", "", rule))
    (section,) = load(tmp_path / "rule.toml").ingest
    assert section.model_fields_set == set(RuleSection.model_fields)
    assert section.rule().place("sensors/hall/temp") == ("hall/temp", "ingest")


def test_lines_are_short_enough_to_read() -> None:
    assert max(map(len, example_toml().splitlines())) <= 110


def test_every_key_is_described_for_programs_too() -> None:
    port = next(key for key in described_keys() if key["key"] == "broker.port")
    assert port == {
        "key": "broker.port",
        "description": "Port on which it listens; 0 takes a free one (the embedded broker only).",
        "bounds": "0 to 65535",
        "default": 1883,
        "variable": "TIDELOG_BROKER__PORT",
    }
