"""docs/cli.md, generated from the commands themselves: ``python -m tidelog_cli.manual > docs/cli.md``."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from typing import Final

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from tidelog_cli.app import ERRORS, SUMMARY
from tidelog_cli.catalogue import ENTRIES, load
from tidelog_cli.exits import MEANINGS

_ANY_NUMBER: Final = -1
"""An argument's ``nargs`` where it takes as many words as there are."""

_INTRODUCTION: Final = f"""\
# The command `tidelog`

<!-- Generated: python -m tidelog_cli.manual > docs/cli.md -->

{SUMMARY} `tidelog COMMAND --help` says the same as this page.

{ERRORS}

## Exit codes

| code | meaning |
|---|---|
"""


def markdown() -> str:
    """The whole page."""
    return _INTRODUCTION + "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield from (f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items())
    panel = ""
    for entry in ENTRIES:
        if entry.panel != panel:
            panel = entry.panel
            yield from ("", f"## {panel}")
        yield from _command(load(entry), f"tidelog {entry.name}")


def _command(command: TyperCommand | TyperGroup, path: str) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            if isinstance(inner, (TyperCommand, TyperGroup)):
                yield from _command(inner, f"{path} {name}")
        return
    arguments = [param for param in command.params if isinstance(param, TyperArgument)]
    choices = [param for param in command.params if isinstance(param, TyperOption) and not param.hidden]
    usage = " ".join([path, *map(_place, arguments), "[OPTIONS]"])
    yield from ("", f"### `{path}`", "", f"    {usage}", "")
    yield inspect.cleandoc(command.help or "")
    yield ""
    yield from ("| | |", "|---|---|")
    yield from (f"| `{_cell(_place(param))}` | {_cell(param.help or '')} |" for param in arguments)
    yield from (_option(param) for param in choices)


def _place(param: TyperArgument) -> str:
    name = f"{param.metavar}..." if param.nargs == _ANY_NUMBER else str(param.metavar)
    return name if param.required else f"[{name}]"


def _option(param: TyperOption) -> str:
    value = "" if param.is_flag else f" {param.metavar}"
    default = f" Default: `{param.default}`." if param.default not in (None, False, "") else ""
    variable = f" Environment: `{param.envvar}`." if param.envvar else ""
    return f"| `{_cell('/'.join(param.opts) + value)}` | {_cell((param.help or '') + default + variable)} |"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
