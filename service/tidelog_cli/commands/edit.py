"""``tidelog edit``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tidelog_cli import options
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.receipts import awaited, print_sent
from tidelog_cli.session import opened_device

app = typer.Typer(add_completion=False)


@app.command()
@grouped
def edit(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.")],
    seq: Annotated[
        int, typer.Argument(metavar="SEQ", min=1, help="The record's number, as `tidelog log` shows it.")
    ],
    text: Annotated[
        str,
        typer.Argument(metavar="TEXT|-", help="All of the new text; - or nothing reads standard input."),
    ] = "-",
    *,
    timeout: options.Timeout = 10.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Replace the text of a message.

    It must be one's own, and in this device's store. Others get the new text in place of the old one; the
    record then has the number of the edit.
    """
    body = sys.stdin.buffer.read() if text == "-" else text.encode(errors="surrogateescape")
    with opened_device(identity, live=False) as session:
        receipt = awaited(session, session.edit(channel, seq, body), timeout, kept=True)
    print_sent(channel, receipt, as_json=as_json)
