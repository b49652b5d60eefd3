"""``tidelog body``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tidelog.device import Device
from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.bars import transfer_bar
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.lines import body_json
from tidelog_cli.session import device_at_rest
from tidelog_cli.terminal import print_json, print_line

app = typer.Typer(add_completion=False)


@app.command()
@grouped
def body(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.")],
    seq: Annotated[
        int, typer.Argument(metavar="SEQ", min=1, help="The record's number, as `tidelog log` shows it.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it there; default: standard output."),
    ] = None,
    timeout: options.Timeout = 30.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Bring a large body whole.

    A body of more than 32 KiB does not come with a sync, only its beginning does. What was brought stays in
    this device's store: where it is cut off, the next call goes on from there, and once it is whole it needs
    no link. --timeout says how long nothing may come.
    """
    identity.kept()
    with device_at_rest(identity, live=False) as session:
        if output is None:
            _print(channel, seq, _fetched(session, channel, seq, timeout), as_json=as_json)
        else:
            size = _saved(session, channel, seq, output, timeout)
            told: dict[str, Any] = {"channel": channel, "seq": seq, "size": size, "path": str(output)}
            print_json(told) if as_json else print_line(f"{output}: {size:,} bytes")


def _fetched(device: Device, channel: str, seq: int, timeout: float) -> bytes:
    with transfer_bar("fetching", sys.maxsize) as bar:
        return device.fetch_body(channel, seq, progress=bar.told, timeout=timeout)


def _saved(device: Device, channel: str, seq: int, output: Path, timeout: float) -> int:
    try:
        with transfer_bar("fetching", sys.maxsize) as bar:
            return device.save_body(channel, seq, output, progress=bar.told, timeout=timeout)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}", code="file") from error


def _print(channel: str, seq: int, whole: bytes, *, as_json: bool) -> None:
    if as_json:
        print_json({"channel": channel, "seq": seq, "size": len(whole), **body_json(whole)})
        return
    if sys.stdout.isatty() and "body64" in body_json(whole):
        raise UsageError("the body is no text: a terminal would not show it", hint="-o FILE, or a pipe")
    sys.stdout.buffer.write(whole)
    sys.stdout.buffer.flush()
