"""The commands: their order, panel and summary, and the module that each is loaded from when it is used.

Loading is put off so that ``tidelog --help`` and each command import no more than they use.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

SERVICE: Final = "The service and its data"
DEVICE: Final = "As a device"
TOOLS: Final = "Tools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One command of the catalogue.

    Attributes:
        name: the word after ``tidelog``.
        summary: one line for ``tidelog --help``.
        panel: the heading under which it stands there.
        module: the module under `tidelog_cli.commands` whose ``app`` it is.
    """

    name: str
    summary: str
    panel: str
    module: str


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(name="serve", summary="Run the service.", panel=SERVICE, module="serve"),
    Entry(name="user", summary="Add and list users.", panel=SERVICE, module="user"),
    Entry(name="device", summary="Add, list and revoke devices.", panel=SERVICE, module="device"),
    Entry(
        name="channel",
        summary="Add and list channels, their members and what is kept of them.",
        panel=SERVICE,
        module="channel",
    ),
    Entry(
        name="ingest",
        summary="Show ingest rules, what they took, and try them.",
        panel=SERVICE,
        module="ingest",
    ),
    Entry(name="why", summary="Say what a device has and lacks, and why.", panel=SERVICE, module="why"),
    Entry(name="epoch", summary="Show and renew the epochs of channels.", panel=SERVICE, module="epoch"),
    Entry(name="traffic", summary="Show what each device took on its link.", panel=SERVICE, module="traffic"),
    Entry(
        name="dictionary",
        summary="Train, list and drop dictionaries for new devices.",
        panel=SERVICE,
        module="dictionary",
    ),
    Entry(name="import", summary="Store records from JSON lines.", panel=SERVICE, module="importing"),
    Entry(name="export", summary="Write records as JSON lines.", panel=SERVICE, module="exporting"),
    Entry(name="send", summary="Send a message and wait for its receipt.", panel=DEVICE, module="send"),
    Entry(name="edit", summary="Replace the text of a message.", panel=DEVICE, module="edit"),
    Entry(name="delete", summary="Delete messages everywhere.", panel=DEVICE, module="delete"),
    Entry(name="mark", summary="Say how far one has read, and show it.", panel=DEVICE, module="mark"),
    Entry(name="sync", summary="Fetch what this device lacks.", panel=DEVICE, module="sync"),
    Entry(
        name="preview",
        summary="Say what a sync would bring and take.",
        panel=DEVICE,
        module="preview",
    ),
    Entry(
        name="audit",
        summary="Check that this device has everything, and the same as the service.",
        panel=DEVICE,
        module="audit",
    ),
    Entry(name="log", summary="Print the records that this device holds.", panel=DEVICE, module="log"),
    Entry(name="body", summary="Bring a large body whole.", panel=DEVICE, module="body"),
    Entry(name="watch", summary="Print records as they arrive.", panel=DEVICE, module="watch"),
    Entry(
        name="room",
        summary="Make channels, invite and leave, where the operator lets devices.",
        panel=DEVICE,
        module="room",
    ),
    Entry(name="outbox", summary="See to messages that were refused.", panel=DEVICE, module="outbox"),
    Entry(name="decode", summary="Show what packed frames say.", panel=TOOLS, module="decode"),
    Entry(
        name="fleet",
        summary="Run a fleet of simulated devices against a real broker, and check every record at the end.",
        panel=TOOLS,
        module="fleet",
    ),
    Entry(name="bench", summary="Measure what a sync takes.", panel=TOOLS, module="bench"),
    Entry(name="config", summary="Show the configuration.", panel=TOOLS, module="configuration"),
)


class Deferred(TyperCommand):
    """A stand-in that knows its summary, and becomes the real command when that is parsed."""

    def __init__(self, entry: Entry) -> None:
        """Args: entry: what it stands for."""
        super().__init__(entry.name, help=entry.summary, rich_help_panel=entry.panel)
        self._entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - typer's context class is private
        """Parse with the real command; its context names that command, so it is what typer invokes."""
        return load(self._entry).make_context(info_name, args, parent=parent, **extra)


def load(entry: Entry) -> TyperCommand | TyperGroup:
    """Import a command's module and build the command."""
    app: typer.Typer = import_module(f"tidelog_cli.commands.{entry.module}").app
    command = get_command(app)
    if not isinstance(command, (TyperCommand, TyperGroup)):
        raise TypeError(f"{entry.module}.app is no command")
    command.name = entry.name
    for one in _family(command):
        one.help = flowing(inspect.cleandoc(one.help or ""))
        _hide_types(one)
    return command


def _family(command: TyperCommand | TyperGroup) -> Iterator[TyperCommand | TyperGroup]:
    """A command, and the commands in it where it is a group."""
    yield command
    for inner in command.commands.values() if isinstance(command, TyperGroup) else ():
        if isinstance(inner, (TyperCommand, TyperGroup)):
            yield from _family(inner)


def flowing(text: str) -> str:
    """Help that fills lines of any width: the lines of a paragraph are joined, indented ones stay.

    typer's rich mode keeps line ends, and docstrings are as wide as the source.
    """
    return re.sub(r"(?<=[^\n])\n(?=[^\s])", " ", text)


def _hide_types(command: TyperCommand | TyperGroup) -> None:
    """Leave ``<bool>`` and ``<list[str]>`` out of the help: an option's word says what it takes."""
    for param in command.get_params(typer.Context(command)):  # with --help, which typer adds there
        if isinstance(param, TyperArgument):
            vars(param)["display_type_rich"] = _no_type  # typer has no setting for it
        elif isinstance(param, TyperOption) and param.is_flag:
            param.metavar = ""


def _no_type(ctx: object) -> None:
    """Takes the place of a method that typer calls with this keyword."""
    del ctx


def deferred() -> Iterator[Deferred]:
    """A stand-in for each entry, in order."""
    return map(Deferred, ENTRIES)
