"""``tidelog why``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tidelog.wire.ranges import EMPTY
from tidelog_cli import options
from tidelog_cli.deployment import opened_database
from tidelog_cli.terminal import counted, note, print_json, print_line, print_rows, printable
from tidelog_cli.why import View, as_object, as_row, is_alive, presence, sentences, weightiest
from tidelog_service.engine.insight import Insight, insight
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.heartbeat import Heartbeat
from tidelog_service.store.inspection import DeviceFacts, Inspection

app = typer.Typer(add_completion=False)


@app.command()
def why(
    *,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="Which device.")],
    channel: Annotated[
        str, typer.Option("--channel", metavar="CHANNEL", help="Only this channel, member or not.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=4_096, help="At most so many channels.")
    ] = 50,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Say what a device has and lacks, and why.

    The service knows what a device has from its last request: live pushes and receipts since then are not in
    it. `sent` came with that request or went out in its answer, and the next one confirms it;
    `wrote` is of its own. `lacks` is what a sync would bring now, `unasked` what it does not ask for, `gone`
    what is no more for anybody, `shut` what its user may not read. Channels with the largest difference come
    first. Works beside a running service.
    """
    alive_ms, now_ms = Heartbeat(DataFolder(data).alive).last_ms if data.is_dir() else None, _now_ms()
    with opened_database(data, create=False) as database:
        inspection = Inspection(database)
        facts = inspection.device(device)
        found = _insights(inspection, facts, channel)
        views = [_view(inspection, facts, one) for one in found[:limit]]
    if as_json:
        about = {
            "device": facts.device,
            "user": facts.user,
            "revoked": facts.revoked,
            "presence": facts.presence.name.lower() if facts.presence is not None else None,
            "seen": facts.seen or None,
            "service_running": is_alive(alive_ms, now_ms),
        }
        print_json(
            about | {"channels": list(map(as_object, views)), "more_channels": len(found) - len(views)}
        )
        return
    told = presence(facts, alive_ms=alive_ms, now_ms=now_ms)
    print_line(printable(f"{facts.device} of {facts.user}: {told}"))
    _print_channels(views, found)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _insights(inspection: Inspection, facts: DeviceFacts, channel: str) -> list[Insight]:
    claims, revoked = inspection.claims(facts.device), facts.revoked is not None
    if channel:
        memberships = [inspection.membership(facts.user_id, channel)]
    else:
        memberships = inspection.memberships(facts.user_id)
    written = inspection.written(facts.device)
    insights = (
        insight(one, claims, written=written.get(one.channel_id, EMPTY), revoked=revoked)
        for one in memberships
    )
    return sorted(insights, key=weightiest)


def _view(inspection: Inspection, facts: DeviceFacts, one: Insight) -> View:
    key = one.membership.channel_id
    return View(
        insight=one,
        revoked=facts.revoked is not None,
        lacks=inspection.weigh(key, one.lacks),
        unasked=inspection.weigh(key, one.unasked),
    )


def _print_channels(views: list[View], found: list[Insight]) -> None:
    if not views:
        note("its user is in no channel")
        return
    rows = [as_row(view) for view in views]
    print_rows(list(rows[0]), rows, as_json=False)
    for view in views:
        print_line(printable(f"{view.insight.membership.channel}: {'; '.join(sentences(view))}"))
    more = found[len(views) :]
    if more:
        lacking = sum(bool(one.lacks) for one in more)
        note(f"{counted(len(more), 'channel')} more, {lacking:,} of them lacking something: see --limit")
