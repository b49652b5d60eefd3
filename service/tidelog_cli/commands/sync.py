"""``tidelog sync``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Literal

import typer

from tidelog.device import Device
from tidelog.replica.steps import SyncReport
from tidelog_cli import options
from tidelog_cli.exits import ExitCode
from tidelog_cli.identity import Identity
from tidelog_cli.session import opened_device
from tidelog_cli.terminal import counted, note, print_json, print_line

app = typer.Typer(add_completion=False)

_OUTBOX_POLL_SECONDS = 0.02


@app.command()
def sync(
    *,
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", metavar="CHANNEL", help="Only this channel; more than once. Default: all."),
    ] = None,
    wanted: Annotated[
        bool, typer.Option("--wanted", help="Only top up what was asked for before, instead of everything.")
    ] = False,
    max_bytes: Annotated[
        int | None, typer.Option("--max-bytes", metavar="BYTES", help="Not in this version.", hidden=True)
    ] = None,
    newest: Annotated[
        int | None, typer.Option("--newest", metavar="N", help="Not in this version.", hidden=True)
    ] = None,
    order: Annotated[
        Literal["newest", "oldest"],
        typer.Option("--order", metavar="newest|oldest", help="Which records come first, page by page."),
    ] = "newest",
    timeout: options.Timeout = 30.0,
    url: options.Url = "",
    device: options.Device = "",
    store: options.Store = "",
    secret_file: options.SecretFile = None,
    profile: options.Profile = "",
    profile_dir: options.ProfileFolder = None,
    as_json: options.Json = False,
) -> None:
    """Fetch what this device lacks.

    First it sends what waits in the outbox. Then it says what the sync brought and cost: MQTT bytes on the
    socket, headers included. Ends with 7 where something remains.
    """
    identity = Identity(
        url=url,
        device=device,
        store=store,
        secret_file=secret_file,
        profile=profile,
        profile_folder=profile_dir,
    )
    with opened_device(identity, live=False) as session:
        _empty_outbox(session, timeout)
        report = session.sync(
            channels=channel or None,
            wanted=wanted,
            max_bytes=max_bytes,
            newest=newest,
            order=order,
            timeout=timeout,
        )
        waiting = len(session.outbox())
    _print_report(report, waiting, as_json=as_json)
    if waiting or not report.complete:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _empty_outbox(device: Device, timeout: float) -> None:
    """Wait for the receipts of what earlier commands left, so that the sync knows those records as held."""
    deadline = time.monotonic() + timeout
    if _unsent(device):
        device.connect(timeout)
    while _unsent(device) and time.monotonic() < deadline:
        time.sleep(_OUTBOX_POLL_SECONDS)


def _unsent(device: Device) -> bool:
    return any(not entry.rejected for entry in device.outbox())


def _print_report(report: SyncReport, waiting: int, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report) | {"outbox": waiting})
        return
    print_line(summary(report))
    for name in report.gone:
        note(f"channel {name}: there is none, or this device's user is not a member of it")
    if waiting:
        note(f"{counted(waiting, 'message')} without a receipt in the outbox")


def summary(report: SyncReport) -> str:
    """A report in one line."""
    state = "up to date" if report.complete else "more remains"
    total = report.bytes_up + report.bytes_down
    return (
        f"{state}: {counted(report.records, 'new record')} in {counted(report.rounds, 'round')}, "
        f"{total:,} bytes ({report.bytes_up:,} up, {report.bytes_down:,} down), {report.seconds:.2f} s"
    )
