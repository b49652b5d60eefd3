"""``tidelog dictionary``: what devices that hold nothing are to have beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from tidelog.codec.dictionaries import Dictionary, deflated
from tidelog.wire.limits import DICTIONARY_STOP, TRAINED_ID_MIN
from tidelog_cli import options
from tidelog_cli.deployment import opened_database
from tidelog_cli.terminal import counted, local_time, note, print_json, print_line, print_rows
from tidelog_service.store.dictionaries import DictionaryStore
from tidelog_service.store.sampling import sample
from tidelog_service.training.samples import Progress, Sample
from tidelog_service.training.trainer import LEAST_DEFAULT, SIZE_KIB_DEFAULT, SIZE_KIB_MAX, train
from tidelog_service.training.trial import Figure, parted, tried

app = typer.Typer(
    help="Train, list and drop dictionaries for new devices.", no_args_is_help=True, add_completion=False
)

_LEAST = (
    "Take only texts that so many users wrote, in so many channels. 1 takes whole records of anybody: for"
    " readings of devices, not for what people write."
)


@app.command("train")
def train_dictionary(
    *,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            metavar="PATTERN",
            help="Only channels that fit, * for anything; may be given again. Default: all.",
        ),
    ] = None,
    size_kib: Annotated[
        int,
        typer.Option("--size-kib", metavar="N", min=1, max=SIZE_KIB_MAX, help="The dictionary's size, KiB."),
    ] = SIZE_KIB_DEFAULT,
    least: Annotated[
        int, typer.Option("--least", metavar="K", min=1, max=1_000, help=_LEAST)
    ] = LEAST_DEFAULT,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Train a dictionary on the newest records, and make it the one that devices fetch.

    It is made of users' texts, and every device of the deployment may fetch and keep it, whatever channels
    its user may read: hence --least. The newest tenth of the records is kept out of the training; the table
    shows what the first page of a new device takes of those, in bytes: as it is, compressed without a
    dictionary, after the built-in one, after the trained one.

    A running service takes it up at its next request. The newest eight dictionaries are kept.
    """
    with opened_database(data, create=False) as database, _bar() as progress:
        samples, held_out = parted(sample(database, channel or (), progress=progress))
        made = train(samples, size_bytes=size_kib << 10, least=least, progress=progress)
        DictionaryStore(database).add(made)
    _print_trained(made, samples, tried(held_out, made), as_json=as_json)


def _print_trained(made: Dictionary, samples: list[Sample], figures: list[Figure], *, as_json: bool) -> None:
    result = {
        "dictionary": made.id,
        "bytes": len(made.data),
        "fetched_bytes": len(deflated(made)),
        "records": len(samples),
        "authors": len({one.author for one in samples}),
        "channels": len({one.channel for one in samples}),
    }
    if as_json:
        print_json(result | {"held_out": [asdict(figure) for figure in figures]})
        return
    print_line(
        f"dictionary {made.id}: {len(made.data):,} bytes, {result['fetched_bytes']:,} to fetch; trained on"
        f" {counted(len(samples), 'record')} of {counted(result['authors'], 'user')}"
        f" in {counted(result['channels'], 'channel')}"
    )
    _print_figures(figures)


def _print_figures(figures: list[Figure]) -> None:
    if not figures:
        note("too few records to try it on: ten are needed, and the newest tenth is kept out of the training")
        return
    columns = ["records", "codec", "plain", "without", "built-in", "trained"]
    rows = [asdict(figure) | {"built-in": figure.builtin} for figure in figures]
    print_rows(columns, rows, as_json=False)
    if any(figure.trained >= figure.builtin for figure in figures):
        note(
            "the built-in dictionary does as well for some of these pages: this one may not be worth fetching"
        )


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on standard error: one line for each stage."""
    console = Console(stderr=True)
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks = {stage: bar.add_task(stage, total=None) for stage in ("reading", "comparing", "choosing")}
    with bar:
        yield lambda stage, done, total: bar.update(tasks[stage], completed=done, total=total)


@app.command("list")
def list_dictionaries(data: options.Data = Path("data"), as_json: options.Json = False) -> None:
    """List trained dictionaries, the newest first."""
    with opened_database(data, create=False) as database:
        rows = [
            {
                "dictionary": info.id,
                "bytes": info.size,
                "active": info.active,
                "created": info.created if as_json else local_time(info.created),
            }
            for info in DictionaryStore(database).listed()
        ]
    print_rows(["dictionary", "bytes", "active", "created"], rows, as_json=as_json)


@app.command()
def drop(
    dictionary: Annotated[
        int,
        typer.Argument(
            metavar="ID", min=TRAINED_ID_MIN, max=DICTIONARY_STOP - 1, help="The dictionary's id."
        ),
    ],
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Delete a dictionary.

    A running service uses it no more from its next request on. Devices that fetched it have a copy until four
    others have taken its place. Where it was the active one, devices use the built-in dictionary until
    another is trained.
    """
    with opened_database(data, create=False) as database:
        DictionaryStore(database).drop(dictionary)
    if as_json:
        print_json({"dictionary": dictionary, "dropped": True})
    else:
        print_line(f"dropped dictionary {dictionary}")
