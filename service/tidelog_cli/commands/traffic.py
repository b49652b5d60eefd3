"""``tidelog traffic``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.deployment import opened_database
from tidelog_cli.terminal import counted, note, print_json, print_rows
from tidelog_cli.traffic import TOTAL, Kinds, aligned, as_object, as_rows, together
from tidelog_service.engine.accounts import DAY_MS
from tidelog_service.engine.bookkeeping import DAYS_KEPT
from tidelog_service.store.database import Database
from tidelog_service.store.registry import Registry
from tidelog_service.store.traffic import TrafficBook

app = typer.Typer(add_completion=False)


@app.command()
def traffic(
    *,
    device: Annotated[
        str, typer.Option("--device", metavar="DEVICE", help="Only this device. Default: all.")
    ] = "",
    days: Annotated[
        int,
        typer.Option(
            "--days",
            metavar="N",
            min=1,
            max=DAYS_KEPT,
            help=f"The last N days, today included; days begin at midnight UTC, {DAYS_KEPT} are kept.",
        ),
    ] = 30,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Show what each device took on its link.

    MQTT bytes, headers and acknowledgements included, altogether and for each kind of packet. `plain` is what
    the records in answers and pushes would have taken as one PUBLISH each at QoS 1, with nothing but their
    bodies; `saved` is how much less requests, answers and pushes took than that.

    Connections and pings are not in it; what was published for a device that was just gone is. Works beside a
    running service, which writes its accounts down every ten seconds and when it ends.
    """
    first_day = time.time_ns() // 1_000_000 // DAY_MS - days + 1
    with opened_database(data, create=False) as database:
        if device:
            _expect(database, device)
        devices = TrafficBook(database).sums(first_day, device=device)
    since = datetime.fromtimestamp(first_day * DAY_MS // 1000, UTC).date().isoformat()
    if as_json:
        told = [{"device": name} | as_object(kinds) for name, kinds in devices.items()]
        print_json({"since": since, "devices": told, "total": as_object(together(devices.values()))})
    elif devices:
        _print_table(devices)
    else:
        note(f"no traffic in the last {counted(days, 'day')}")


def _expect(database: Database, device: str) -> None:
    with closing(Registry(database)) as registry:
        if device not in {known.device for known in registry.devices()}:
            raise UsageError(
                f"there is no device {device!r}",
                code="no_device",
                hint="`tidelog device list` shows those there are",
            )


def _print_table(devices: Mapping[str, Kinds]) -> None:
    rows = [row for name, kinds in devices.items() for row in as_rows(name, kinds)]
    if len(devices) > 1:
        rows += as_rows(TOTAL, together(devices.values()))
    table = aligned(rows)
    print_rows(list(table[0]), table, as_json=False)
