"""Ingest rules in the configuration: what they say, and what is refused, by place and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidelog.wire.errors import UsageError
from tidelog_service.config import bounds, described, load
from tidelog_service.config_rules import RuleSection
from tidelog_service.engine.rules import RULES_MAX, IngestRule


def loaded(folder: Path, text: str) -> tuple[IngestRule, ...]:
    path = folder / "tidelog.toml"
    path.write_text(text)
    return load(path).rules.rules


def test_rules_are_read_in_their_order_with_defaults(tmp_path: Path) -> None:
    first, second = loaded(
        tmp_path,
        """
        [[ingest]]
        topic = "sensors/+/+"
        channel = "{1}/{2}"
        author = "{1}"
        members = ["olga", "paul"]
        key = "id"
        publishers = "{1}"
        [[ingest]]
        topic = "tree/x"
        """,
    )
    assert first == IngestRule.parse(
        topic="sensors/+/+",
        channel="{1}/{2}",
        author="{1}",
        members=["olga", "paul"],
        key="id",
        publishers="{1}",
    )
    assert second == IngestRule.parse(topic="tree/x")


def test_there_are_none_by_default() -> None:
    assert load().rules.rules == ()


RULE = "[[ingest]]\ntopic = 's/+'\n"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (RULE + "channel = '{2}'", "ingest rule 1: {2} in '{2}' stands for nothing", "it has 1"),
        (
            RULE + "[[ingest]]\ntopic = 'tl1/#'",
            "ingest rule 2: no ingest rule may have 'tl1/#'",
            "first level",
        ),
        (RULE + "[[ingest]]\ntopic = '$SYS/#'", "ingest rule 2: no ingest rule", "first level"),
        (RULE + "members = ['a/b']", "ingest rule 1: not a user name: 'a/b'", "64 bytes"),
        (RULE + "chanel = '{1}'", "unknown key chanel of ingest rule 1", "did you mean channel?"),
        (RULE + "key_window = 0", "ingest rule 1, key_window: ", "1 to 1000000 records"),
        (RULE + "members = 'olga'", "ingest rule 1, members: ", "Users who may read"),
        ("[[ingest]]\nchannel = 'x'", "ingest rule 1, topic: Field required", "Topic filter"),
        ("[ingest]\nbatch_messages = 5", "ingest: ", "batch_messages is now in [limits]"),
        ("[ingest]\ntopic = 's/+'", "ingest: ", "a table of its own, [[ingest]]"),
        (RULE * (RULES_MAX + 1), "ingest: ", "at most 100"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, message: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert caught.value.code == "config"
    assert str(caught.value).startswith(message)
    assert hint in caught.value.hint


def test_every_key_is_described_and_every_number_bounded() -> None:
    for key, field in RuleSection.model_fields.items():
        assert described(field).endswith("."), key
        assert field.annotation is not int or bounds(field), key
