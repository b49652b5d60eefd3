"""``tidelog outbox``: messages without a receipt, and the way out for those that were refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated, Final

import typer

from tidelog.device import Device
from tidelog.replica.ports import OutboxEntry
from tidelog.replica.revisions import shown_entry
from tidelog.store.sqlite import SqliteStore
from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.lines import body_json
from tidelog_cli.session import opened_device
from tidelog_cli.terminal import local_time, note, print_json, print_line, print_rows

app = typer.Typer(help="See to messages that were refused.", no_args_is_help=True, add_completion=False)

_SHOWN_CHARACTERS: Final = 40
_OUTBOX: Final = "an outbox in memory"

_Number = Annotated[
    int, typer.Argument(metavar="N", min=1, help="The message's number, as `tidelog outbox list` shows it.")
]


@app.command("list")
@grouped
def list_outbox(
    *,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """List the messages that have no receipt.

    Without traffic. What has a code under `refused` is not sent again by itself; the others wait for a link.
    """
    who, place = identity.kept(_OUTBOX)
    with closing(SqliteStore(place, device=who, read_only=True)) as opened:
        entries = list(map(shown_entry, opened.load().outbox))
    rows = [_told(entry) if as_json else _row(entry) for entry in entries]
    if rows or as_json:
        print_rows(["n", "channel", "written", "refused", "message"], rows, as_json=as_json)
    else:
        note("the outbox is empty")


@app.command()
@grouped
def discard(
    number: _Number,
    *,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Forget a message that was refused. Needs no link."""
    identity.kept(_OUTBOX)
    with opened_device(identity, live=False) as session:
        _checked_refused(session, number)
        session.discard(number)
    if as_json:
        print_json({"n": number, "discarded": True})
    else:
        print_line(f"discarded message {number}")


@app.command()
@grouped
def resubmit(
    number: _Number,
    *,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Put a message that was refused into the outbox again, under a new number.

    For when the reason is gone: the channel exists now, or the user has become a member. Needs no link; the
    next command that connects sends it.
    """
    identity.kept(_OUTBOX)
    with opened_device(identity, live=False) as session:
        _checked_refused(session, number)
        session.resubmit(number)
    if as_json:
        print_json({"n": number, "resubmitted": True})
    else:
        print_line(f"message {number} is to be sent again; the next `tidelog sync` sends it")


def _checked_refused(device: Device, number: int) -> None:
    entries: Sequence[OutboxEntry] = device.outbox()
    found = next((entry for entry in entries if entry.n == number), None)
    if found is None:
        raise UsageError(
            f"there is no message {number} in the outbox",
            code="no_message",
            hint="`tidelog outbox list` shows those there are",
        )
    if not found.rejected:
        raise UsageError(
            f"message {number} was not refused: it waits to be sent",
            code="not_refused",
            hint="the next `tidelog sync` sends it",
        )


def _row(entry: OutboxEntry) -> dict[str, object]:
    text = " ".join(entry.body.decode(errors="replace").split())
    short = text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
    return {
        "n": entry.n,
        "channel": entry.channel,
        "written": local_time(entry.sent),
        "refused": entry.rejected,
        "message": short,
    }


def _told(entry: OutboxEntry) -> dict[str, object]:
    return {
        "n": entry.n,
        "channel": entry.channel,
        "kind": entry.kind,
        "sent": entry.sent,
        "content_type": entry.content_type,
        "refused": entry.rejected,
        **({"left_out": entry.left_out} if entry.left_out else {}),
        **body_json(entry.body),
    }
