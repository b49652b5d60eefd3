"""``tidelog room``: channels and who is in them, as a device may change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import typer

from tidelog.device import Device
from tidelog.replica.steps import Membership
from tidelog_cli import options
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.lines import standing
from tidelog_cli.session import opened_device
from tidelog_cli.terminal import print_json, print_line, printable

app = typer.Typer(
    help="Make channels, invite and leave, where the operator lets devices.",
    no_args_is_help=True,
    add_completion=False,
)

_Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.")]
_Users = Annotated[list[str], typer.Argument(metavar="USER", help="Users that exist.")]
_Role = Annotated[
    Literal["reader", "writer", "owner"],
    typer.Option("--role", metavar="ROLE", help="reader, writer, or owner, who also says who is a member."),
]


@app.command()
@grouped
def create(
    channel: _Channel,
    users: Annotated[
        list[str] | None, typer.Argument(metavar="[USER ...]", help="Who is in it from the beginning.")
    ] = None,
    *,
    role: _Role = "writer",
    windowed: Annotated[
        bool,
        typer.Option(
            "--windowed",
            help="Members see what is written from joining to leaving, also afterwards; else everything, "
            "as long as they are members.",
        ),
    ] = False,
    timeout: options.Timeout = 10.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Make a channel, which this device's user then owns.

    The same again does no harm. A name that is taken in any other way is refused, with `channel_exists`.
    """
    _ask(
        identity,
        lambda session: session.create_channel(
            channel, members=users or [], role=role, windowed=windowed, timeout=timeout
        ),
        as_json=as_json,
    )


@app.command()
@grouped
def direct(
    user: Annotated[str, typer.Argument(metavar="USER", help="The other user.")],
    *,
    timeout: options.Timeout = 10.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Print the name of the conversation with another user; it is made where it is not there."""
    _ask(identity, lambda session: session.direct(user, timeout=timeout), as_json=as_json)


@app.command()
@grouped
def invite(
    channel: _Channel,
    users: _Users,
    *,
    role: _Role = "writer",
    timeout: options.Timeout = 10.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Make users members of a channel that this device's user owns, or give members another role."""
    _ask(
        identity, lambda session: session.invite(channel, users, role=role, timeout=timeout), as_json=as_json
    )


@app.command()
@grouped
def remove(
    channel: _Channel,
    users: _Users,
    *,
    timeout: options.Timeout = 10.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """End memberships in a channel that this device's user owns. What the users wrote stays."""
    _ask(identity, lambda session: session.remove(channel, users, timeout=timeout), as_json=as_json)


@app.command()
@grouped
def leave(
    channel: _Channel,
    *,
    timeout: options.Timeout = 10.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Leave a channel. What one wrote stays; the last owner stays as long as others do."""
    _ask(identity, lambda session: session.leave(channel, timeout=timeout), as_json=as_json)


def _ask(identity: Identity, ask: Callable[[Device], Membership], *, as_json: bool) -> None:
    with opened_device(identity, live=False) as session:
        told = ask(session)
    if as_json:
        print_json({"channel": told.channel, "role": told.role})
    else:
        print_line(printable(standing(told)))
