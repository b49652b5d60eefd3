"""How far a large body is."""

from __future__ import annotations

import pytest

from tidelog_cli.bars import transfer_bar


def test_in_a_pipe_nothing_is_shown_and_time_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with transfer_bar("sending", 10**6) as bar:
        assert bar.moved() == 0
        bar.told(5, 10)
        assert bar.moved() > 0
    assert capsys.readouterr().err == ""


def test_on_a_terminal_it_shows_how_much_of_what(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with transfer_bar("sending", 10**6) as bar:
        bar.told(400_000, 1_000_000)
        bar._progress.refresh()
    assert "sending" in capsys.readouterr().err


def test_what_goes_at_once_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with transfer_bar("sending", 100) as bar:
        assert bar._progress is None
