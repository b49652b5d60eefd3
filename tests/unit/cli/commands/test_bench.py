"""``tidelog bench bytes``: what it refuses before it measures anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog_cli.exits import ExitCode

Command = Callable[..., Any]


def test_without_a_corpus_it_says_where_it_looked(
    tidelog: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELOG_CORPORA", str(tmp_path))
    ended = tidelog("bench", "bytes", "--json")
    assert ended.code == ExitCode.DATA
    assert ended.error["code"] == "no_corpus"
    assert str(tmp_path) in ended.error["message"]


def test_a_corpus_that_is_too_short(tidelog: Command, tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl"
    path.write_text(json.dumps({"channel": "a", "author": "me", "ts": 1, "body": "hi"}) + "\n")
    ended = tidelog("bench", "bytes", "--corpus", path, "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.DATA, "corpus_short")


def test_help_tells_of_the_exit_code(tidelog: Command) -> None:
    ended = tidelog("bench", "bytes", "--help")
    assert ended.code == ExitCode.OK
    assert "with 7 where" in " ".join(ended.out.replace("│", " ").split())
