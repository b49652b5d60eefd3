"""``tidelog device``: the terminals of users, and their secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidelog.wire.errors import UsageError
from tidelog_cli import options, profiles
from tidelog_cli.deployment import opened_registry
from tidelog_cli.terminal import local_time, note, print_json, print_line, print_rows
from tidelog_service.store.registry import Registry

app = typer.Typer(help="Add, list and revoke devices.", no_args_is_help=True, add_completion=False)

_ID = "1 to 23 of a-z, 0-9 and '-', unique in the deployment; 8 or fewer keep packets small."


@app.command()
def add(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose it is; added where it does not exist.")],
    device: Annotated[str, typer.Argument(metavar="DEVICE", help=_ID)],
    *,
    save: Annotated[
        bool, typer.Option("--save", help="Keep a profile on this computer, for `--as DEVICE`.")
    ] = False,
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="With --save: the broker that the device connects to.")
    ] = options.URL_DEFAULT,
    store: Annotated[
        str,
        typer.Option(
            "--store", metavar="FILE", help="With --save: the device's store. Default: beside the profile."
        ),
    ] = "",
    profile_dir: options.ProfileFolder = None,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Add a device and print its secret, this once.

    The data folder is made where it does not exist. A running service lets the device in within a second.
    """
    path = profiles.path_of(device, profile_dir) if save else None
    with opened_registry(data, create=True) as registry:
        secret = _add(registry, user, device)
    result = {"device": device, "user": user, "secret": secret}
    if path is not None:
        place = str(Path(store).absolute()) if store else str(profiles.free_store(device, profile_dir))
        profile = profiles.Profile(url=url, device=device, secret=secret, store=place)
        if profiles.keep(device, profile, profile_dir):
            note(f"a profile of that name was there before: it is now {path.name}.old")
        result["profile"] = str(path)
    _print_added(result, as_json=as_json)


def _add(registry: Registry, user: str, device: str) -> str:
    try:
        return registry.add_device(user, device)
    except UsageError as error:
        if error.code != "no_user":
            raise
    registry.add_user(user)
    note(f"added user {user}, who did not exist")
    return registry.add_device(user, device)


def _print_added(result: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    for key, value in result.items():
        print_line(f"{key:<9}{value}")
    note("the secret is not shown again")


@app.command("list")
def list_devices(
    user: Annotated[str | None, typer.Argument(metavar="USER", help="Only this user's.")] = None,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """List devices.

    `clock` is by how much a device's clock is ahead of the service's, below 0 behind, as its messages show.
    One that waited in an outbox counts as little as it can.
    """
    with opened_registry(data, create=False) as registry:
        rows = [
            {
                "device": device.device,
                "user": device.user,
                "revoked": device.revoked is not None,
                "created": device.created if as_json else local_time(device.created),
                **({"skew_ms": device.skew, "skew_measured": device.measured} if as_json else {}),
                **({} if as_json else {"clock": _clock(device.skew)}),
            }
            for device in registry.devices(user)
        ]
    print_rows(["device", "user", "revoked", "created", "clock"], rows, as_json=as_json)


def _clock(skew_ms: int | None) -> str:
    return "" if skew_ms is None else f"{skew_ms / 1000:+,.1f} s"


@app.command()
def revoke(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id.")],
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Shut a device out for good. A running service does so within a second."""
    with opened_registry(data, create=False) as registry:
        registry.revoke_device(device)
    if as_json:
        print_json({"device": device, "revoked": True})
    else:
        print_line(f"revoked device {device}")
