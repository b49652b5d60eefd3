"""``tidelog channel``: logs and who may read and write them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.deployment import opened_registry
from tidelog_cli.terminal import local_time, note, print_json, print_line, print_rows
from tidelog_service.store.models import Role

app = typer.Typer(help="Add and list channels and their members.", no_args_is_help=True, add_completion=False)

_Name = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.")]
_Users = Annotated[list[str], typer.Argument(metavar="USER", help="Users that exist.")]


@app.command()
def add(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME [USER]", help="The channel's name; further words are members too."),
    ] = None,
    member: Annotated[
        list[str] | None,
        typer.Option("--member", metavar="USER", help="A member, who may read and write; more than once."),
    ] = None,
    direct: Annotated[
        tuple[str, str] | None,
        typer.Option("--direct", metavar="A B", help="The conversation of two users, instead of a name."),
    ] = None,
    windowed: Annotated[
        bool,
        typer.Option(
            "--windowed",
            help="Members see what is written from joining to leaving, also afterwards; else everything, "
            "as long as they are members.",
        ),
    ] = False,
    read_receipts: Annotated[
        bool,
        typer.Option(
            "--read-receipts",
            help="Members hear how far others have read, and what has arrived on their devices; else only a "
            "user's own devices do.",
        ),
    ] = False,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Add a channel: `add NAME --member USER ...`, or `add --direct A B`."""
    words, members = names or [], member or []
    if bool(words) == bool(direct) or (direct and (members or windowed)):
        raise UsageError("a channel needs a name or --direct A B", hint="tidelog channel add --help")
    with opened_registry(data, create=True) as registry:
        if direct:
            name, members = registry.add_direct(*direct, receipts=read_receipts), list(direct)
        else:
            name, members = words[0], list(dict.fromkeys([*members, *words[1:]]))
            registry.add_channel(name, members, windowed=windowed, receipts=read_receipts)
    if as_json:
        print_json({"channel": name, "members": members})
    else:
        print_line(f"added channel {name}" + (f" with {', '.join(members)}" if members else ""))


@app.command()
def join(
    channel: _Name,
    users: _Users,
    role: Annotated[
        Literal["reader", "writer", "owner"],
        typer.Option(
            "--role", metavar="ROLE", help="reader, writer, or owner, who may delete what others wrote."
        ),
    ] = "writer",
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Make users members. One who is a member already stays as it is."""
    with opened_registry(data, create=False) as registry:
        change = partial(registry.join, role=Role[role.upper()])
        joined = [user for user in users if _changed(change, channel, user, "member_exists")]
    _print_changed(channel, joined, "joined", as_json=as_json)


@app.command()
def leave(
    channel: _Name, users: _Users, data: options.Data = Path("data"), as_json: options.Json = False
) -> None:
    """End memberships. What the users wrote stays."""
    with opened_registry(data, create=False) as registry:
        left = [user for user in users if _changed(registry.leave, channel, user, "no_member")]
    _print_changed(channel, left, "left", as_json=as_json)


def _changed(change: Callable[[str, str], None], channel: str, user: str, already: str) -> bool:
    """Change a membership; one that is so already is worth a note, no failure."""
    try:
        change(channel, user)
    except UsageError as error:
        if error.code != already:
            raise
        note(str(error))
        return False
    return True


def _print_changed(channel: str, users: list[str], verb: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"channel": channel, verb: users})
    elif users:
        print_line(f"{', '.join(users)} {verb} channel {channel}")


@app.command("list")
def list_channels(data: options.Data = Path("data"), as_json: options.Json = False) -> None:
    """List channels with their members and the number of the last record."""
    with opened_registry(data, create=False) as registry:
        rows = [
            {
                "channel": channel.name,
                "head": channel.head,
                "members": channel.members,
                "epoch": channel.epoch,
                "created": channel.created if as_json else local_time(channel.created),
            }
            for channel in registry.channels()
        ]
    print_rows(["channel", "head", "members", "created"], rows, as_json=as_json)
