"""``tidelog preview``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from tidelog_cli import options
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.selection import Selection
from tidelog_cli.session import device_at_rest
from tidelog_cli.terminal import print_json, print_line

app = typer.Typer(add_completion=False)


@app.command()
@grouped
def preview(
    *,
    selection: Selection,
    timeout: options.Timeout = 30.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Say what a sync would bring and take.

    Options choose records as those of `tidelog sync`. The service is asked, which takes some 80 bytes, and
    nothing is fetched. The bytes are those of the whole sync on the link, headers included, within a tenth.
    """
    with device_at_rest(identity, live=False) as session:
        found = session.preview(
            **selection.chosen(),
            timeout=timeout,
        )
    if as_json:
        print_json(asdict(found))
        return
    some = "record" if found.records == 1 else "records"
    print_line(
        f"{found.records:,} {some} would come in about {found.bytes:,} bytes "
        f"(bodies of {found.body_bytes:,}, {found.rounds:,} request{'' if found.rounds == 1 else 's'})"
    )
