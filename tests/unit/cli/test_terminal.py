"""What is written, on a terminal and in a pipe."""

from __future__ import annotations

import json
import sys
import time

import pytest

from tidelog_cli import terminal


def test_what_steers_a_terminal_is_made_visible() -> None:
    assert terminal.printable("a\x1b[31mb\x07\x9b\u202ec\td\n") == "a\\x1b[31mb\\x07\\x9b\\u202ec\td\n"


def test_text_of_all_scripts_stays_as_it_is() -> None:
    text = "naïve 日本語 \U0001f469\u200d\U0001f4bb"
    assert terminal.printable(text) == text


def test_columns_are_padded_and_plain_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"user": "alice", "of": ("a", "b"), "gone": False}, {"user": "bo", "of": (), "gone": True}]
    terminal.print_rows(["user", "of", "gone"], rows, as_json=False)
    assert capsys.readouterr().out == "user   of    gone\nalice  a, b  no\nbo           yes\n"


def test_json_has_every_field_in_one_array(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"user": "é", "head": 3}]
    terminal.print_rows(["user"], rows, as_json=True)
    assert json.loads(capsys.readouterr().out) == rows


def test_a_terminal_gets_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    terminal.print_rows(["user"], [{"user": "[bold]alice\x1b"}], as_json=False)
    out = capsys.readouterr().out
    assert "[bold]alice\\x1b" in out
    assert "─" in out


@pytest.mark.parametrize(
    ("variables", "shown"), [({}, "\x1b[1mx\x1b[0m"), ({"NO_COLOR": "1"}, "x"), ({"TERM": "dumb"}, "x")]
)
def test_colours_only_where_a_terminal_wants_them(
    variables: dict[str, str], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal.styled("x", "1") == "x"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert terminal.styled("x", "1") == shown


def test_times_are_local_with_their_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XXX-5:30")
    time.tzset()
    try:
        assert terminal.local_time(1_700_000_000_999) == "2023-11-15T03:43:20+05:30"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_one_and_many() -> None:
    assert [terminal.counted(n, "round") for n in (0, 1, 2_000)] == ["0 rounds", "1 round", "2,000 rounds"]
