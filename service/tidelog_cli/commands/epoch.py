"""``tidelog epoch``: the incarnations of logs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.deployment import opened_database
from tidelog_cli.terminal import local_time, print_json, print_line, print_rows
from tidelog_service.store import epochs

app = typer.Typer(help="Show and renew the epochs of channels.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_epochs(data: options.Data = Path("data"), as_json: options.Json = False) -> None:
    """List the epochs of channels, and when each was last renewed: by hand, or as its log was set back."""
    with opened_database(data, create=False) as database:
        found = epochs.incarnations(database)
    rows = [asdict(one) for one in found]
    if not as_json:
        for row, one in zip(rows, found, strict=True):
            row["renewed"] = local_time(one.renewed) if one.renewed is not None else ""
    print_rows(["channel", "epoch", "head", "renewed"], rows, as_json=as_json)


@app.command()
def renew(
    channels: Annotated[
        list[str] | None, typer.Argument(metavar="[CHANNEL ...]", help="Channels that exist.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All channels, instead of some by name.")] = False,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Give channels new epochs, after a restore that the service cannot notice by itself.

    It notices one where the file `witness` in the data folder has stayed as it was. Where the whole folder
    was put back, say so with this, before the service starts. Devices then fetch these channels anew, keep
    what they hold of before, and send again what they wrote and the service does not know. A service may
    be running.
    """
    if bool(channels) == every:
        raise UsageError("name channels, or give --all", hint="tidelog epoch renew --help")
    with opened_database(data, create=False) as database:
        renewed = epochs.renew(database, epochs.keys_of(database, channels or ()))
    if as_json:
        print_json([asdict(one) for one in renewed])
        return
    for one in renewed:
        print_line(f"channel {one.channel} goes on after {one.head} in epoch {one.epoch}")
