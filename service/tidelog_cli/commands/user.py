"""``tidelog user``: people whose devices these are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidelog_cli import options
from tidelog_cli.deployment import opened_registry
from tidelog_cli.terminal import local_time, print_json, print_line, print_rows

app = typer.Typer(help="Add and list users.", no_args_is_help=True, add_completion=False)


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="At most 64 bytes, without '/', '+' and '#'.")],
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Add a user. The data folder is made where it does not exist."""
    with opened_registry(data, create=True) as registry:
        registry.add_user(name)
    if as_json:
        print_json({"user": name})
    else:
        print_line(f"added user {name}")


@app.command("list")
def list_users(data: options.Data = Path("data"), as_json: options.Json = False) -> None:
    """List users with their devices and channels."""
    with opened_registry(data, create=False) as registry:
        rows = [
            {
                "user": user.name,
                "devices": user.devices,
                "channels": user.channels,
                "created": user.created if as_json else local_time(user.created),
            }
            for user in registry.users()
        ]
    print_rows(["user", "devices", "channels", "created"], rows, as_json=as_json)
