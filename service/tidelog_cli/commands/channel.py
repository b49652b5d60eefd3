"""``tidelog channel``: logs and who may read and write them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.deployment import opened_database, opened_registry
from tidelog_cli.terminal import local_time, note, print_json, print_line, print_rows
from tidelog_service.engine.retention import DAY_MS
from tidelog_service.store import keeping
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.enrolment import unix_ms
from tidelog_service.store.keeping import KEEP_BYTES_MAX, KEEP_DAYS_MAX, KEEP_RECORDS_MAX
from tidelog_service.store.models import Role
from tidelog_service.store.registry import Registry

app = typer.Typer(
    help="Add and list channels, their members and what is kept of them.",
    no_args_is_help=True,
    add_completion=False,
)

_Name = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.")]
_Days = Annotated[
    int | None,
    typer.Option(
        "--keep-days",
        metavar="N",
        min=-1,
        max=KEEP_DAYS_MAX,
        help="Keep the last so many days; 0 without this bound, -1 as configured.",
    ),
]
_Records = Annotated[
    int | None,
    typer.Option(
        "--keep-records", metavar="N", min=-1, max=KEEP_RECORDS_MAX, help="Keep the newest so many records."
    ),
]
_Bytes = Annotated[
    int | None,
    typer.Option(
        "--keep-bytes",
        metavar="N",
        min=-1,
        max=KEEP_BYTES_MAX,
        help="Keep the newest so many bytes of bodies.",
    ),
]
_Users = Annotated[list[str], typer.Argument(metavar="USER", help="Users that exist.")]


@app.command()
def add(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME [USER]", help="The channel's name; further words are members too."),
    ] = None,
    member: Annotated[
        list[str] | None,
        typer.Option("--member", metavar="USER", help="A member, who may read and write; more than once."),
    ] = None,
    direct: Annotated[
        tuple[str, str] | None,
        typer.Option("--direct", metavar="A B", help="The conversation of two users, instead of a name."),
    ] = None,
    windowed: Annotated[
        bool,
        typer.Option(
            "--windowed",
            help="Members see what is written from joining to leaving, also afterwards; else everything, "
            "as long as they are members.",
        ),
    ] = False,
    read_receipts: Annotated[
        bool,
        typer.Option(
            "--read-receipts",
            help="Members hear how far others have read, and what has arrived on their devices; else only a "
            "user's own devices do.",
        ),
    ] = False,
    *,
    keep_days: _Days = None,
    keep_records: _Records = None,
    keep_bytes: _Bytes = None,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Add a channel: `add NAME --member USER ...`, or `add --direct A B`."""
    words, members = names or [], member or []
    if bool(words) == bool(direct) or (direct and (members or windowed)):
        raise UsageError("a channel needs a name or --direct A B", hint="tidelog channel add --help")
    bounds = _bounds(keep_days, keep_records, keep_bytes)
    with opened_database(data, create=True) as database, closing(Registry(database)) as registry:
        if direct:
            name, members = registry.add_direct(*direct, receipts=read_receipts), list(direct)
        else:
            name, members = words[0], list(dict.fromkeys([*members, *words[1:]]))
            registry.add_channel(name, members, windowed=windowed, receipts=read_receipts)
        if bounds:
            keeping.set_keeping(database, name, bounds)
    if as_json:
        print_json({"channel": name, "members": members})
    else:
        print_line(f"added channel {name}" + (f" with {', '.join(members)}" if members else ""))


@app.command()
def join(
    channel: _Name,
    users: _Users,
    role: Annotated[
        Literal["reader", "writer", "owner"],
        typer.Option(
            "--role", metavar="ROLE", help="reader, writer, or owner, who may delete what others wrote."
        ),
    ] = "writer",
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Make users members. One who is a member already stays as it is."""
    with opened_registry(data, create=False) as registry:
        change = partial(registry.join, role=Role[role.upper()])
        joined = [user for user in users if _changed(change, channel, user, "member_exists")]
    _print_changed(channel, joined, "joined", as_json=as_json)


@app.command()
def leave(
    channel: _Name, users: _Users, data: options.Data = Path("data"), as_json: options.Json = False
) -> None:
    """End memberships. What the users wrote stays."""
    with opened_registry(data, create=False) as registry:
        left = [user for user in users if _changed(registry.leave, channel, user, "no_member")]
    _print_changed(channel, left, "left", as_json=as_json)


def _changed(change: Callable[[str, str], None], channel: str, user: str, already: str) -> bool:
    """Change a membership; one that is so already is worth a note, no failure."""
    try:
        change(channel, user)
    except UsageError as error:
        if error.code != already:
            raise
        note(str(error))
        return False
    return True


def _print_changed(channel: str, users: list[str], verb: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"channel": channel, verb: users})
    elif users:
        print_line(f"{', '.join(users)} {verb} channel {channel}")


@app.command("set")
def set_channel(
    channel: _Name,
    *,
    keep_days: _Days = None,
    keep_records: _Records = None,
    keep_bytes: _Bytes = None,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Say how much of a channel is kept; without an option, show it.

    What is beyond any of the bounds is deleted by the service, now and then and a little at a time. Head and
    numbers stay; devices keep what they hold.
    """
    with opened_database(data, create=False) as database:
        kept = keeping.set_keeping(database, channel, _bounds(keep_days, keep_records, keep_bytes))
    if as_json:
        print_json({"channel": channel, **asdict(kept)})
        return
    said = [f"{value} {what}" for what, value in _kept(kept) if value]
    unsaid = [what for what, value in _kept(kept) if value is None]
    print_line(f"of channel {channel} the service keeps {', '.join(said) or 'everything'}")
    if unsaid:
        note(f"{', '.join(unsaid)}: as configured, see [retention]")


@app.command()
def trim(
    channel: _Name,
    *,
    before: Annotated[
        int, typer.Option("--before", metavar="SEQ", min=0, help="Keep this record and those after it.")
    ] = 0,
    older_than: Annotated[
        float,
        typer.Option("--older-than", metavar="DAYS", min=0, help="Keep what is no older; may be a fraction."),
    ] = 0.0,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Delete the oldest records of a channel, for good.

    A service that runs does so within a second. Devices are told, and keep what they hold.
    """
    if bool(before) == bool(older_than):
        raise UsageError("one of --before and --older-than is needed", hint="tidelog channel trim --help")
    since_ms = unix_ms() - round(older_than * DAY_MS) if older_than else 0
    with opened_database(data, create=False) as database:
        floor = keeping.trim(database, channel, before=before, older_than_ms=max(since_ms, 0))
        try:
            with DataFolder(data).lock("tidelog channel trim"):
                keeping.sweep(database, channel)
        except UsageError as error:
            if error.code != "in_use":
                raise
    if as_json:
        print_json({"channel": channel, "floor": floor})
    else:
        print_line(f"channel {channel} begins at {floor}")


def _bounds(days: int | None, records: int | None, size: int | None) -> dict[str, int | None]:
    """What was said, as the store takes it."""
    said = {"keep_days": days, "keep_records": records, "keep_bytes": size}
    return {name: None if value < 0 else value for name, value in said.items() if value is not None}


def _kept(kept: keeping.Keeping) -> list[tuple[str, int | None]]:
    return [
        ("days", kept.keep_days),
        ("records", kept.keep_records),
        ("bytes", kept.keep_bytes),
    ]


@app.command("list")
def list_channels(data: options.Data = Path("data"), as_json: options.Json = False) -> None:
    """List channels with their members and the numbers of the first and the last record."""
    with opened_database(data, create=False) as database, closing(Registry(database)) as registry:
        kept = keeping.keepings(database)
        rows = [
            {
                "channel": channel.name,
                "floor": kept[channel.name].floor,
                "head": channel.head,
                "members": channel.members,
                "epoch": channel.epoch,
                "created": channel.created if as_json else local_time(channel.created),
                **asdict(kept[channel.name]),
            }
            for channel in registry.channels()
        ]
    print_rows(["channel", "floor", "head", "members", "created"], rows, as_json=as_json)
