"""``tidelog preview``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from tidelog_cli import options
from tidelog_cli.identity import Identity
from tidelog_cli.moments import moment
from tidelog_cli.session import device_at_rest
from tidelog_cli.terminal import print_json, print_line

app = typer.Typer(add_completion=False)


@app.command()
def preview(
    *,
    channel: options.Channels = None,
    peer: options.Peers = None,
    since: options.Since = None,
    until: options.Until = None,
    newest: options.Newest = None,
    author: options.Authors = None,
    kind: options.Kinds = None,
    max_body: options.MaxBody = None,
    timeout: options.Timeout = 30.0,
    url: options.Url = "",
    device: options.Device = "",
    store: options.Store = "",
    secret_file: options.SecretFile = None,
    profile: options.Profile = "",
    profile_dir: options.ProfileFolder = None,
    as_json: options.Json = False,
) -> None:
    """Say what a sync would bring and take.

    Options choose records as those of `tidelog sync`. The service is asked, which takes some 80 bytes, and
    nothing is fetched. The bytes are those of the whole sync on the link, headers included, within a tenth.
    """
    identity = Identity(
        url=url,
        device=device,
        store=store,
        secret_file=secret_file,
        profile=profile,
        profile_folder=profile_dir,
    )
    with device_at_rest(identity, live=False) as session:
        found = session.preview(
            channels=channel or None,
            peers=peer or None,
            since=moment(since),
            until=moment(until),
            newest=newest,
            authors=author or None,
            kinds=kind or None,
            max_body=max_body,
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
