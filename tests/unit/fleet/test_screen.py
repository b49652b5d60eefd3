"""Progress shows on a terminal, and nothing in a pipe."""

from __future__ import annotations

import io

from rich.console import Console

from tidelog_fleet.ledger import Counts
from tidelog_fleet.screen import LiveScreen


def shown(*, terminal: bool) -> str:
    page = io.StringIO()
    console = Console(file=page, force_terminal=terminal, width=100, legacy_windows=False)
    with LiveScreen(console) as screen:
        screen.phase("writing", total=60, unit="s")
        screen.show(30, Counts(written=1_234, online=5, bytes_up=2_500))
        screen.phase("healing", total=5, unit="devices")
        screen.show(1, Counts(written=1_240))
    return page.getvalue()


def test_a_terminal_shows_phases_and_counts() -> None:
    text = shown(terminal=True)
    assert "30/60 s" in text
    assert "1/5 devices" in text
    assert "written 1,240" in text


def test_a_pipe_shows_nothing() -> None:
    assert shown(terminal=False) == ""
