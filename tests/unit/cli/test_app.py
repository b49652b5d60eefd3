"""Errors, exit codes and help of the whole command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import pytest
import typer

from tidelog.wire.errors import Denied
from tidelog_cli import catalogue, options
from tidelog_cli.app import exit_codes
from tidelog_cli.catalogue import ENTRIES
from tidelog_cli.exits import ExitCode

Command = Callable[..., Any]


def failing_with(error: BaseException) -> Callable[[catalogue.Entry], Any]:
    """Stands in for a command that fails."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def fail(*, as_json: options.Json = False) -> None:
        del as_json
        raise error

    return lambda _entry: typer.main.get_command(app)


def test_help_names_every_command_and_every_exit_code(tidelog: Command) -> None:
    shown = tidelog("--help")
    assert shown.code == 0
    words = " ".join(shown.out.replace("│", " ").split())
    assert all(f"{entry.name} {entry.summary}" in words for entry in ENTRIES)
    assert all(f"{code.value:>3}  " in exit_codes() for code in ExitCode)
    assert all(line.strip() in shown.out for line in exit_codes().splitlines())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_help_fills_its_lines_and_shows_no_types(
    entry: catalogue.Entry, tidelog: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    shown = tidelog(entry.name, "--help")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "<bool>" not in shown.out
    assert "<str>" not in shown.out
    assert "list[str]" not in shown.out
    prose = lines[3 : next((n for n, line in enumerate(lines) if "─" in line), len(lines))]
    for line, following in pairwise(prose):
        word = following[1:].partition(" ")[0]
        if line.strip() and word and not line.startswith("   "):
            assert len(line.rstrip()) + 1 + len(word) >= 79, "it was broken before its line was full"


def test_without_a_command_the_help_is_shown(tidelog: Command) -> None:
    assert "Usage: tidelog" in tidelog().out


def test_a_group_without_a_command_shows_its_help_and_is_a_usage_error(tidelog: Command) -> None:
    shown = tidelog("user")
    assert shown.code == 2
    assert "Usage: tidelog user" in shown.out
    assert shown.err == ""


def test_version(tidelog: Command) -> None:
    assert tidelog("--version").out == f"tidelog {version('tidelog')}\n"


def test_an_unknown_command_is_a_usage_error_that_names_the_nearest(tidelog: Command) -> None:
    shown = tidelog("usr")
    assert shown.code == 2
    assert shown.err == (
        "tidelog: No such command 'usr'. Did you mean 'user'? [usage]\nhint: tidelog --help\n"
    )


def test_a_usage_error_names_the_help_of_the_command_that_was_misused(tidelog: Command) -> None:
    shown = tidelog("user", "add", "--json")
    assert shown.code == 2
    assert shown.error["code"] == "usage"
    assert shown.error["hint"] == "tidelog user add --help"


def test_an_error_is_told_with_code_and_hint_and_the_output_stays_empty(
    tidelog: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = Denied("not yours", code="denied", hint="ask")
    monkeypatch.setattr(catalogue, "load", failing_with(error))
    shown = tidelog("log")
    assert (shown.code, shown.out, shown.err) == (4, "", "tidelog: not yours [denied]\nhint: ask\n")
    shown = tidelog("log", "--json")
    assert (shown.code, shown.out) == (4, "")
    assert shown.error == {"code": "denied", "message": "not yours", "hint": "ask"}


def test_a_file_that_is_not_there_is_told_without_a_traceback(tidelog: Command) -> None:
    shown = tidelog("import", "/nowhere/at.all")
    assert shown.code == 6
    assert shown.err == "tidelog: /nowhere/at.all: No such file or directory [file]\n"


def test_ctrl_c_is_quiet(tidelog: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "load", failing_with(KeyboardInterrupt()))
    shown = tidelog("log")
    assert (shown.code, shown.out, shown.err) == (130, "", "")


def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    tidelog: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "load", failing_with(ModuleNotFoundError("no peewee", name="peewee")))
    shown = tidelog("log")
    assert shown.code == 1
    assert "needs peewee" in shown.err
    assert "pip install 'tidelog[service]'" in shown.err


def test_a_bug_is_not_hidden(tidelog: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "load", failing_with(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        tidelog("log")


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "tidelog_cli", "decode"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout
    writer.stdout.close()
    _, err = writer.communicate(b'{"type":"sync","live":true}\n' * 2_000)
    assert (writer.returncode, err) == (ExitCode.PIPE, b"")


def test_a_bare_install_names_the_extra() -> None:
    code = "import sys; sys.modules['typer'] = None; from tidelog_cli.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "tidelog: the command needs typer, which is not installed [missing_extra]\n"
        "hint: pip install 'tidelog[service]'\n"
    )


def test_help_loads_neither_the_service_nor_the_device_library() -> None:
    """What makes ``tidelog --help`` quick."""
    code = (
        "import sys; from tidelog_cli.app import run; run(['--help']);"
        "print([name for name in ('peewee', 'amqtt', 'pydantic', 'paho', 'cbor2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
