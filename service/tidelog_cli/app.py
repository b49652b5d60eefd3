"""The root of the command, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from typing import Annotated, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from tidelog.wire.errors import TidelogError
from tidelog_cli.catalogue import deferred
from tidelog_cli.exits import MEANINGS, ExitCode, exit_for
from tidelog_cli.terminal import print_error

SUMMARY: Final = "Message logs kept in step over links that are slow, costly and often gone."
ERRORS: Final = (
    "Errors go to standard error as `tidelog: MESSAGE [CODE]` and a hint; with --json as one line"
    ' {"error": {"code", "message", "hint"}}. Standard output holds results only.'
)
_EXTRAS: Final = {"tidelog_fleet": "fleet"}

_app = typer.Typer(add_completion=True, rich_markup_mode="rich")


def exit_codes() -> str:
    """The table of exit codes for ``--help``, a line each."""
    return "\n".join(f"{code.value:>3}  {MEANINGS[code]}" for code in ExitCode)


@_app.callback(
    help=f"{SUMMARY}\n\n{ERRORS}",
    epilog=f"Exit codes:\n\n{exit_codes()}",
    invoke_without_command=True,
)
def _tidelog(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"tidelog {installed_version('tidelog')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


def root() -> TyperGroup:
    """The whole command; subcommands are loaded when they are used."""
    group = get_command(_app)
    if not isinstance(group, TyperGroup):
        raise TypeError("the root has a callback, so typer makes it a group")
    for command in deferred():
        group.add_command(command)
    return group


def run(arguments: Sequence[str]) -> int:
    """Run the command.

    Args:
        arguments: what stands after ``tidelog``.

    Returns:
        a code of `tidelog_cli.exits`; the error that led to it has been printed.
    """
    as_json = "--json" in arguments
    try:
        return _invoked(arguments)
    except BrokenPipeError:
        return _pipe_gone()
    except TidelogError as error:
        print_error(str(error), code=error.code, hint=error.hint, as_json=as_json)
        return exit_for(error)
    except typer.TyperException as error:
        return _misused(error, as_json=as_json)
    except ModuleNotFoundError as error:
        return _missing(error, as_json=as_json)
    except OSError as error:
        return _file_failed(error, as_json=as_json)


def _invoked(arguments: Sequence[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale without UTF-8 is no reason to fail
    try:
        code = root().main(list(arguments), prog_name="tidelog", standalone_mode=False)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except SystemExit as end:
        # typer itself ends with 1 where it meets EPIPE, and in no other case that is not an exception here
        if end.code != 1:
            raise
        return _pipe_gone()
    return code if isinstance(code, int) else ExitCode.OK


def _pipe_gone() -> int:
    """Point standard output at nothing, so that the interpreter's last flush stays quiet.

    From the note on SIGPIPE in the documentation of Python's `signal`.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.PIPE


def _misused(error: typer.TyperException, *, as_json: bool) -> int:
    message = error.format_message()
    if message:  # it is empty for a group without a command: typer has printed its help
        hint = f"{getattr(getattr(error, 'ctx', None), 'command_path', 'tidelog')} --help"
        print_error(message, code="usage", hint=hint, as_json=as_json)
    return ExitCode.USAGE


def _missing(error: ModuleNotFoundError, *, as_json: bool) -> int:
    name = (error.name or "").partition(".")[0]
    if name in ("", "tidelog", "tidelog_cli", "tidelog_service"):
        raise error
    hint = f"pip install 'tidelog[{_EXTRAS.get(name, 'service')}]'"
    message = f"this command needs {name}, which is not installed"
    print_error(message, code="missing_extra", hint=hint, as_json=as_json)
    return ExitCode.UNEXPECTED


def _file_failed(error: OSError, *, as_json: bool) -> int:
    if error.filename is None:
        raise error
    print_error(f"{error.filename}: {error.strerror}", code="file", hint="", as_json=as_json)
    return ExitCode.DATA
