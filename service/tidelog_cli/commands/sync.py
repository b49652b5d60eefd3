"""``tidelog sync``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Literal

import typer

from tidelog.device import Device
from tidelog.replica.steps import SyncReport
from tidelog_cli import options
from tidelog_cli.backlog import Backlog
from tidelog_cli.costs import summary
from tidelog_cli.exits import ExitCode
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.selection import Selection
from tidelog_cli.session import device_at_rest
from tidelog_cli.terminal import note, print_json, print_line

app = typer.Typer(add_completion=False)

_OUTBOX_POLL_SECONDS = 0.02


@app.command()
@grouped
def sync(
    *,
    selection: Selection,
    manifest: Annotated[
        bool,
        typer.Option(
            "--manifest",
            help="Do not say what this device has: hear what there is, then ask for what is missing.",
        ),
    ] = False,
    wanted: Annotated[
        bool, typer.Option("--wanted", help="Only top up what was asked for before, instead of everything.")
    ] = False,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            "--max-bytes",
            metavar="BYTES",
            help="What the whole may take, at least 256: MQTT bytes both ways, repetitions aside.",
        ),
    ] = None,
    order: Annotated[
        Literal["newest", "oldest", "channels"],
        typer.Option(
            "--order",
            metavar="newest|oldest|channels",
            help="Which records come first; with channels, one channel after the other as they are named.",
        ),
    ] = "newest",
    timeout: options.Timeout = 30.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Fetch what this device lacks.

    With a choice of records only those come; the others are still missing, and not asked for.

    First it sends what waits in the outbox. Then it says what the sync brought and cost: MQTT bytes on the
    socket, headers included; beside it what the same records would have cost as one PUBLISH each at QoS 1,
    and what everything that the device now holds would cost in that way (with --json `bytes_plain` and
    `bytes_full`). `bytes_repeated` says how much of the cost was requests sent again and answers that came
    twice or too late. Ends with 7 where something remains; messages that the service has refused do
    not count, see `tidelog outbox`.
    """
    with device_at_rest(identity, live=False) as session:
        before = Backlog.of(session.outbox())
        _empty_outbox(session, timeout)
        report = session.sync(
            **selection.chosen(),
            mode="manifest" if manifest else "delta",
            wanted=wanted,
            max_bytes=max_bytes,
            order=order,
            timeout=timeout,
        )
        after = Backlog.of(session.outbox())
    refused = len(after.refused) - len(before.refused)
    # What a restored service has lost goes back into the outbox, and may be more than what left it.
    sent = max(0, before.waiting - after.waiting - refused)
    _print_report(report, after, sent=sent, as_json=as_json)
    if not as_json:
        after.told(identity.profile)
    if after.waiting or not report.complete:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _empty_outbox(device: Device, timeout: float) -> None:
    """Wait for the receipts of what earlier commands left, so that the sync knows those records as held."""
    deadline = time.monotonic() + timeout
    if Backlog.of(device.outbox()).waiting:
        device.connect(timeout)
    while Backlog.of(device.outbox()).waiting and time.monotonic() < deadline:
        time.sleep(_OUTBOX_POLL_SECONDS)


def _print_report(report: SyncReport, left: Backlog, *, sent: int, as_json: bool) -> None:
    if as_json:
        outbox = {"sent": sent, "outbox": left.waiting, "refused": len(left.refused)}
        print_json(asdict(report) | {"seconds": round(report.seconds, 3)} | outbox)
        return
    print_line((f"sent {sent:,} from the outbox; " if sent else "") + summary(report))
    for name in report.gone:
        note(f"channel {name}: there is none, or this device's user is not a member of it")
