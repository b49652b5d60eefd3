"""``tidelog send``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.bars import transfer_bar
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import MEMORY, Identity
from tidelog_cli.receipts import awaited, print_sent
from tidelog_cli.session import opened_device

app = typer.Typer(add_completion=False)


@app.command()
@grouped
def send(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.")],
    text: Annotated[
        str,
        typer.Argument(metavar="TEXT|-", help="The message; - or nothing reads standard input as it is."),
    ] = "-",
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", metavar="PATH", help="Send what is in a file, up to what the service takes (16 MiB)."
        ),
    ] = None,
    kind: Annotated[
        int, typer.Option("--kind", metavar="N", help="0 for a message; 16 to 255 are the application's.")
    ] = 0,
    content_type: Annotated[
        str | None, typer.Option("--content-type", metavar="TYPE", help="A media type.")
    ] = None,
    timeout: options.Timeout = 10.0,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait", help="Leave it in the outbox; the next `sync`, `send` or `watch` sends it."
        ),
    ] = False,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Send a message and wait for its receipt.

    The receipt is the service's word that the message is on its disk. Until then it stays in the outbox on
    this device's disk: where the link is down, this ends with 3 and the next command that connects sends it.
    A body of more than 32 KiB goes in pieces, and from where it was cut off; --timeout is then for each.
    """
    body = _body(text, file)
    if no_wait and identity.local()[1] == MEMORY:
        raise UsageError(
            "an outbox in memory ends with this command", hint="--store FILE, or without --no-wait"
        )
    kept = identity.local()[1] != MEMORY
    with opened_device(identity, live=False) as session, transfer_bar("sending", len(body)) as bar:
        waiting = session.send(channel, body, kind=kind, content_type=content_type, progress=bar.told)
        receipt = None if no_wait else awaited(session, waiting, timeout, kept=kept, moved=bar.moved)
    print_sent(channel, receipt, as_json=as_json)


def _body(text: str, file: Path | None) -> bytes:
    if file is None:
        return sys.stdin.buffer.read() if text == "-" else text.encode(errors="surrogateescape")
    if text != "-":
        raise UsageError("a text and a file cannot go as one message", hint="give one of the two")
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", code="file") from error
