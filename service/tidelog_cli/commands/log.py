"""``tidelog log``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Annotated, Final

import typer

from tidelog.earlier import stranded_of
from tidelog.replica.ports import Holding, Record, Store
from tidelog.replica.revisions import shown
from tidelog.store.sqlite import SqliteStore
from tidelog.wire.errors import UsageError
from tidelog.wire.frames import KIND_DELETE
from tidelog.wire.topics import checked_channel
from tidelog_cli import options
from tidelog_cli.backlog import Backlog
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.lines import print_record

app = typer.Typer(add_completion=False)

_PAGE_RECORDS: Final = 1_000


@app.command()
@grouped
def log(
    channel: Annotated[
        str | None,
        typer.Argument(metavar="CHANNEL", help="Only this channel. Default: all, one after another."),
    ] = None,
    *,
    tail: Annotated[
        int | None, typer.Option("--tail", metavar="N", min=1, help="Only the newest N of each channel.")
    ] = None,
    stranded: Annotated[
        bool,
        typer.Option(
            "--stranded",
            help="What is left of before the service was set back, and which it may not have any more.",
        ),
    ] = False,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Print the records that this device holds.

    In the order of the log, without traffic, also while `tidelog watch` or another program uses the store.
    With --json one object a line.
    """
    if stranded and tail is not None:
        raise UsageError("--tail is not for --stranded records", hint="tidelog log --help")
    who, place = identity.kept()
    with closing(SqliteStore(place, device=who, read_only=True)) as opened:
        holdings = _chosen(opened, channel)
        width = max((len(holding.channel) for holding in holdings), default=0)
        for holding in holdings:
            if stranded:
                found: Iterable[Record] = stranded_of(opened, holding.channel)
            else:
                found = _all(opened, holding) if tail is None else _newest(opened, holding, tail)
            for record in map(shown, found):
                if record.kind != KIND_DELETE:
                    print_record(record, as_json=as_json, channel_width=width)
        Backlog.of(opened.load().outbox).told(identity.profile)


def _chosen(store: Store, channel: str | None) -> list[Holding]:
    holdings = list(store.load().holdings)
    if channel is None:
        return holdings
    found = [holding for holding in holdings if holding.channel == checked_channel(channel)]
    if not found:
        known = ", ".join(holding.channel for holding in holdings) or "none"
        raise UsageError(
            f"this device knows no channel {channel!r} (it knows: {known})",
            code="no_channel",
            hint="`tidelog sync` brings the channels of its user",
        )
    return found


def _all(store: Store, holding: Holding) -> Iterator[Record]:
    start, stop = 1, holding.head + 1
    while start < stop:
        page = store.records(holding.channel, holding.epoch, start=start, stop=stop, limit=_PAGE_RECORDS)
        yield from page
        start = page[-1].seq + 1 if len(page) == _PAGE_RECORDS else stop


def _newest(store: Store, holding: Holding, count: int) -> list[Record]:
    """The last ``count`` records: a window below the head, widened while holes make it too small."""
    width, stop = count, holding.head + 1
    while True:
        start = max(1, stop - width)
        found = store.records(holding.channel, holding.epoch, start=start, stop=stop, limit=width)
        if len(found) >= count or start == 1:
            return found[-count:]
        width *= 4
