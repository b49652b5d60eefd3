"""docs/cli.md and the commands say the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from tidelog_cli.catalogue import ENTRIES, Entry, load
from tidelog_cli.manual import markdown

FILE = Path(__file__).parents[3] / "docs" / "cli.md"


def commands(entry: Entry) -> Iterator[TyperCommand]:
    """The command of an entry, or those of its group."""
    command = load(entry)
    for one in command.commands.values() if isinstance(command, TyperGroup) else [command]:
        assert isinstance(one, TyperCommand)
        yield one


def test_the_page_is_what_the_commands_say() -> None:
    assert FILE.read_text() == markdown(), "run: python -m tidelog_cli.manual > docs/cli.md"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_everything_is_described_and_speaks_json(entry: Entry) -> None:
    for command in commands(entry):
        assert command.help
        options = [param for param in command.params if isinstance(param, TyperOption)]
        arguments = [param for param in command.params if isinstance(param, TyperArgument)]
        assert all(param.help for param in [*options, *arguments])
        assert all(param.metavar for param in [*options, *arguments] if not getattr(param, "is_flag", False))
        assert "--json" in {name for param in options for name in param.opts}


@pytest.mark.parametrize("command", ["send", "edit", "delete", "sync", "log", "watch", "room", "outbox"])
def test_device_commands_are_called_alike(command: str) -> None:
    entry = next(entry for entry in ENTRIES if entry.name == command)
    for one in commands(entry):
        given = {name for param in one.params for name in param.opts}
        assert {"--url", "--device", "--store", "--secret-file", "--as", "--profile-dir"} <= given
