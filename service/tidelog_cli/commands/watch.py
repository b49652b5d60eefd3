"""``tidelog watch``."""

from __future__ import annotations

import queue
import signal
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Annotated, Final

import typer

from tidelog.device import Device
from tidelog.replica.ports import Record
from tidelog.wire.errors import Unavailable
from tidelog_cli import options
from tidelog_cli.costs import summary
from tidelog_cli.exits import ExitCode
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.lines import print_record, standing
from tidelog_cli.session import opened_device
from tidelog_cli.terminal import note

app = typer.Typer(add_completion=False)

_LINK_CHECK_SECONDS: Final = 0.5
"""How soon a lost link is told, where nothing arrives."""


@app.command()
@grouped
def watch(
    *,
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", metavar="CHANNEL", help="Only this channel; more than once. Default: all."),
    ] = None,
    timeout: options.Timeout = 30.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Print records as they arrive.

    First it catches up, and prints what that brings too; then it goes on until Ctrl-C. A lost link is taken
    up again by itself. With --json one object a line.
    """
    arrived: queue.SimpleQueue[Record] = queue.SimpleQueue()
    chosen = set(channel or ())
    signal.signal(signal.SIGTERM, _terminated)
    with opened_device(identity, live=True) as session:
        session.on_record(arrived.put)
        session.on_membership(lambda told: note(f"now {standing(told)}"))
        report = session.sync(channels=channel or None, timeout=timeout)
        note(f"{summary(report)}; watching")
        for record in _until_interrupted(session, arrived):
            if not chosen or record.channel in chosen:
                print_record(record, as_json=as_json)


def _until_interrupted(device: Device, arrived: queue.SimpleQueue[Record]) -> Iterator[Record]:
    """Records as they arrive; changes of the link become notes.

    Raises:
        Denied: the device was shut out; waiting would not help.
    """
    online = True
    while True:
        try:
            yield arrived.get(timeout=_LINK_CHECK_SECONDS)
        except queue.Empty:
            if device.connected != online:
                online = not online
                note("the link is back" if online else "the link is down; trying again")
            if not online:
                with suppress(Unavailable):
                    device.connect(timeout=0)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise typer.Exit(ExitCode.TERMINATED)
