"""``tidelog config``: what is configured, and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.deployment import opened_registry
from tidelog_cli.example import described_keys, example_toml, plain
from tidelog_cli.terminal import note, print_json, print_line, print_rows
from tidelog_service.broker_files import BrokerFiles
from tidelog_service.config import declared, load, origins

app = typer.Typer(help="Show the configuration.", no_args_is_help=True, add_completion=False)


@app.command()
def show(config: options.Config = None, as_json: options.Json = False) -> None:
    """Show every key's value and where it comes from; secrets are masked.

    Also says what is wrong with the configuration, and which ingest rules meet.
    """
    settings, sources = load(config), origins(config)
    rows: list[dict[str, object]] = [
        {
            "key": f"{section}.{key}",
            "value": plain(getattr(getattr(settings, section), key)),
            "from": sources[f"{section}.{key}"],
        }
        for section, key, _ in declared()
    ]
    rows += [
        {
            "key": f"ingest rule {number}",
            "value": rule.model_dump(mode="json") if as_json else f"{rule.topic} -> {rule.channel}",
            "from": str(config),
        }
        for number, rule in enumerate(settings.ingest, start=1)
    ]
    print_rows(["key", "value", "from"], rows, as_json=as_json)
    for sentence in settings.rules.notes():
        note(sentence)


@app.command()
def example(
    as_json: Annotated[
        bool, typer.Option("--json", help="Write the keys with descriptions, bounds and defaults as JSON.")
    ] = False,
) -> None:
    """Print a commented file with every key at its default."""
    if as_json:
        print_rows([], described_keys(), as_json=True)
    else:
        print_line(example_toml().rstrip("\n"))


@app.command()
def mosquitto(
    config: options.Config = None, *, data: options.Data = Path("data"), as_json: options.Json = False
) -> None:
    """Write the files that Mosquitto needs into broker.mosquitto_folder.

    `tidelog serve` keeps them up to date from then on, as devices come and go.
    """
    settings = load(config)
    if not settings.broker.mosquitto_folder:
        raise UsageError(
            "broker.mosquitto_folder is not set",
            code="config",
            hint="set it in the configuration, or as TIDELOG_BROKER__MOSQUITTO_FOLDER",
        )
    with opened_registry(data, create=True) as registry:
        files = BrokerFiles(settings, registry)
        changed = files.keep()
    if as_json:
        print_json({"configuration": str(files.configuration), "changed": sorted(changed)})
    else:
        print_line(f"mosquitto -c {files.configuration}")
