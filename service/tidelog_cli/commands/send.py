"""``tidelog send``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.identity import MEMORY, Identity
from tidelog_cli.receipts import awaited, print_sent
from tidelog_cli.session import opened_device

app = typer.Typer(add_completion=False)


@app.command()
def send(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.")],
    text: Annotated[
        str,
        typer.Argument(metavar="TEXT|-", help="The message; - or nothing reads standard input as it is."),
    ] = "-",
    *,
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
    url: options.Url = "",
    device: options.Device = "",
    store: options.Store = "",
    secret_file: options.SecretFile = None,
    profile: options.Profile = "",
    profile_dir: options.ProfileFolder = None,
    as_json: options.Json = False,
) -> None:
    """Send a message and wait for its receipt.

    The receipt is the service's word that the message is on its disk. Until then it stays in the outbox on
    this device's disk: where the link is down, this ends with 3 and the next command that connects sends it.
    """
    identity = Identity(
        url=url,
        device=device,
        store=store,
        secret_file=secret_file,
        profile=profile,
        profile_folder=profile_dir,
    )
    body = sys.stdin.buffer.read() if text == "-" else text.encode(errors="surrogateescape")
    if no_wait and identity.local()[1] == MEMORY:
        raise UsageError(
            "an outbox in memory ends with this command", hint="--store FILE, or without --no-wait"
        )
    with opened_device(identity, live=False) as session:
        waiting = session.send(channel, body, kind=kind, content_type=content_type)
        receipt = None if no_wait else awaited(session, waiting, timeout, kept=identity.local()[1] != MEMORY)
    print_sent(channel, receipt, as_json=as_json)
