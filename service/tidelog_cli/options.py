"""Options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

SERVICE_DATA: Final = "TIDELOG_SERVICE__DATA"
URL_DEFAULT: Final = "mqtt://127.0.0.1:1883"

_DEVICE_PANEL: Final = "The device"

Json = Annotated[
    bool, typer.Option("--json", help="Write JSON: results on standard output, errors on standard error.")
]

Data = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar=SERVICE_DATA, help="The service's data folder."),
]

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", envvar="TIDELOG_CONFIG", help="A TOML file; see `tidelog config example`."
    ),
]

Url = Annotated[
    str,
    typer.Option(
        "--url",
        metavar="URL",
        help=f"The broker: mqtt://, mqtts://, ws:// or wss://. Default: the profile's, else {URL_DEFAULT}.",
        rich_help_panel=_DEVICE_PANEL,
    ),
]

Device = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", help="The device's id.", rich_help_panel=_DEVICE_PANEL),
]

Store = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="FILE",
        help="The device's records and outbox; made where it does not exist.",
        rich_help_panel=_DEVICE_PANEL,
    ),
]

SecretFile = Annotated[
    Path | None,
    typer.Option(
        "--secret-file",
        metavar="FILE",
        help="A file with the device's secret; else it comes from the environment variable TIDELOG_SECRET.",
        rich_help_panel=_DEVICE_PANEL,
    ),
]

Profile = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="PROFILE",
        help="All of these from a profile that `tidelog device add --save` kept; options beside it win.",
        rich_help_panel=_DEVICE_PANEL,
    ),
]

ProfileFolder = Annotated[
    Path | None,
    typer.Option(
        "--profile-dir",
        metavar="DIR",
        envvar="TIDELOG_PROFILES",
        help="Where profiles are kept. Default: tidelog/profiles in the user's configuration folder.",
        rich_help_panel=_DEVICE_PANEL,
    ),
]

Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", min=0.1, max=86_400, help="How long to wait for an answer."),
]

_CHOICE_PANEL: Final = "Which records"

Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channel",
        metavar="CHANNEL",
        help="Only this channel, or those that a pattern like 'ship/+' or 'ship/#' matches; more than once. "
        "Default: all.",
        rich_help_panel=_CHOICE_PANEL,
    ),
]

Peers = Annotated[
    list[str] | None,
    typer.Option(
        "--peer",
        metavar="USER",
        help="Only the conversation with this user, beside --channel; more than once.",
        rich_help_panel=_CHOICE_PANEL,
    ),
]

Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Only what was stored at this time or later: 2026-03-01, 2026-03-01T08:30, Unix seconds, "
        "or 2h, 3d for so long ago.",
        rich_help_panel=_CHOICE_PANEL,
    ),
]

Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="Only what was stored before this time.",
        rich_help_panel=_CHOICE_PANEL,
    ),
]

Newest = Annotated[
    int | None,
    typer.Option(
        "--newest",
        metavar="N",
        help="Only the newest N of each channel.",
        rich_help_panel=_CHOICE_PANEL,
    ),
]

Authors = Annotated[
    list[str] | None,
    typer.Option(
        "--author",
        metavar="USER",
        help="Only what this user wrote; more than once.",
        rich_help_panel=_CHOICE_PANEL,
    ),
]

Kinds = Annotated[
    list[int] | None,
    typer.Option(
        "--kind",
        metavar="N",
        help="Only records of this kind, 0 for messages, and edits and deletes; more than once.",
        rich_help_panel=_CHOICE_PANEL,
    ),
]

MaxBody = Annotated[
    int | None,
    typer.Option(
        "--max-body",
        metavar="BYTES",
        help="Of larger bodies only the beginning; at least 1024. `tidelog body` brings the rest.",
        rich_help_panel=_CHOICE_PANEL,
    ),
]
