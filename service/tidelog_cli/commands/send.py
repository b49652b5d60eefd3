"""``tidelog send``."""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future
from dataclasses import asdict
from typing import Annotated, Final

import typer

from tidelog.device import Device
from tidelog.replica.steps import Receipt
from tidelog.wire.errors import Denied, Unavailable, UsageError
from tidelog_cli import options
from tidelog_cli.identity import MEMORY, Identity
from tidelog_cli.session import opened_device
from tidelog_cli.terminal import local_time, print_json, print_line

app = typer.Typer(add_completion=False)

_KEPT: Final = "the message is in the outbox; the next `tidelog sync` sends it"


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
        receipt = None if no_wait else _receipt(session, waiting, timeout, kept=identity.local()[1] != MEMORY)
    _print_sent(channel, receipt, as_json=as_json)


def _receipt(device: Device, waiting: Future[Receipt], timeout: float, *, kept: bool) -> Receipt:
    deadline = time.monotonic() + timeout
    try:
        device.connect(timeout)
    except (Unavailable, Denied) as error:
        error.hint = _with_kept(error.hint, kept=kept)
        raise
    try:
        return waiting.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        raise Unavailable(
            f"no receipt within {timeout:g} s",
            code="timeout",
            hint=_with_kept("is the service running beside the broker?", kept=kept),
        ) from None


def _with_kept(hint: str, *, kept: bool) -> str:
    """A hint that ends with where the message is; one in memory ends with the command."""
    if not kept:
        return hint
    return f"{hint} ({_KEPT})" if hint else _KEPT


def _print_sent(channel: str, receipt: Receipt | None, *, as_json: bool) -> None:
    if receipt is None and as_json:
        print_json({"channel": channel, "seq": None, "time": None})
    elif receipt is None:
        print_line(f"{channel}: in the outbox")
    elif as_json:
        print_json(asdict(receipt))
    else:
        print_line(f"{receipt.channel}: stored as {receipt.seq} at {local_time(receipt.time)}")
