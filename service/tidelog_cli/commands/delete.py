"""``tidelog delete``."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.grouping import grouped
from tidelog_cli.identity import Identity
from tidelog_cli.receipts import awaited, print_sent
from tidelog_cli.session import opened_device

app = typer.Typer(add_completion=False)

_SEQS: Final = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,15}))?")


@app.command()
@grouped
def delete(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.")],
    seqs: Annotated[
        list[str],
        typer.Argument(metavar="SEQ|FIRST-LAST ...", help="Numbers, as `tidelog log` shows them."),
    ],
    *,
    timeout: options.Timeout = 10.0,
    identity: Identity,
    as_json: options.Json = False,
) -> None:
    """Delete messages everywhere.

    They must be one's own: where one is another user's, none is deleted. Devices that have not got them yet
    never will.
    """
    ranges = [_range(given) for given in seqs]
    with opened_device(identity, live=False) as session:
        receipt = awaited(session, session.delete(channel, ranges), timeout, kept=True)
    print_sent(channel, receipt, as_json=as_json)


def _range(given: str) -> tuple[int, int]:
    """``7`` or ``7-9``, the last one included, as a half-open range."""
    found = _SEQS.fullmatch(given)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last:
        raise UsageError(f"not a number or FIRST-LAST: {given!r}")
    return first, last + 1
