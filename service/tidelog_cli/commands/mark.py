"""``tidelog mark``."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated, Any, Final

import typer

from tidelog.channels import Channel, channels_of, marks_of
from tidelog.device import Device
from tidelog.replica.ports import Mark, Store
from tidelog.store.sqlite import SqliteStore
from tidelog_cli import options
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.receipts import awaited
from tidelog_cli.session import opened_device
from tidelog_cli.terminal import print_json, print_line, print_rows

app = typer.Typer(add_completion=False)

_KEPT: Final = "the mark is kept; the next connection sends it"


@app.command()
@grouped
def mark(
    channel: Annotated[
        str | None,
        typer.Argument(metavar="CHANNEL", help="The channel's name. Without one: show all, without traffic."),
    ] = None,
    seq: Annotated[
        int | None,
        typer.Argument(metavar="SEQ", min=1, help="The last record that was read. Default: the newest one."),
    ] = None,
    *,
    timeout: options.Timeout = 10.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Say how far one has read, and show it.

    One's other devices hear of it, and the other members where the channel was added with --read-receipts. A
    mark only rises. Unread are messages above it that others wrote and that this device holds; - where it is
    not known yet whose device this is.
    """
    if channel is None:
        _show(identity, as_json=as_json)
        return
    with opened_device(identity, live=False) as session:
        waiting = session.mark_read(channel, seq or _newest(session, channel))
        kept = awaited(session, waiting, timeout, kept=True, what="word of the service", where=_KEPT)
    if as_json:
        print_json({"channel": channel, "read": kept.read, "delivered": kept.delivered})
    else:
        print_line(f"{channel}: read up to {kept.read}")


def _newest(device: Device, channel: str) -> int:
    """The head as the device knows it; of an unknown or empty channel a number that says so in its place."""
    return max((one.head for one in device.channels() if one.name == channel), default=0) or 1


def _show(identity: Identity, *, as_json: bool) -> None:
    who, place = identity.kept()
    with closing(SqliteStore(place, device=who, read_only=True)) as opened:
        rows = [_row(opened, one, as_json=as_json) for one in channels_of(opened)]
    print_rows(["channel", "head", "read", "unread", "others"], rows, as_json=as_json)


def _row(store: Store, channel: Channel, *, as_json: bool) -> dict[str, Any]:
    others = marks_of(store, channel.name)
    unread = "-" if channel.unread is None and not as_json else channel.unread
    return {
        "channel": channel.name,
        "head": channel.head,
        "read": channel.read,
        "delivered": channel.delivered,
        "unread": unread,
        "others": _told(others) if as_json else ", ".join(f"{one.user} {one.read}" for one in others),
    }


def _told(marks: list[Mark]) -> dict[str, dict[str, int]]:
    return {one.user: {"read": one.read, "delivered": one.delivered} for one in marks}
