"""``tidelog audit``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from tidelog_cli import options
from tidelog_cli.exits import ExitCode
from tidelog_cli.findings import finding, places
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.session import device_at_rest
from tidelog_cli.terminal import note, print_json, print_line

app = typer.Typer(add_completion=False)


@app.command()
@grouped
def audit(
    *,
    channel: options.Channels = None,
    peer: options.Peers = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair/--no-repair",
            help="Bring what is lacking, and anew what differs; or only tell.",
        ),
    ] = True,
    timeout: options.Timeout = 60.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Check that this device has everything, and the same as the service.

    Both sides add up what they have; where the sums agree that takes 55 bytes, headers included, however many
    channels there are. Where not, what is lacking is brought, what differs is narrowed down to single
    records, and these are brought anew: three times at most. Ends with 7 where something is lacking or
    differs even so.
    """
    with device_at_rest(identity, live=False) as session:
        report = session.audit(channels=channel or None, peers=peer or None, repair=repair, timeout=timeout)
    if as_json:
        print_json(asdict(report) | {"seconds": round(report.seconds, 3)})
    else:
        print_line(finding(report))
        for place in places(report):
            note(place)
        for name in report.gone:
            note(f"channel {name}: there is none, or this device's user is not a member of it")
    if not (report.complete and report.equal):
        raise typer.Exit(ExitCode.INCOMPLETE)
