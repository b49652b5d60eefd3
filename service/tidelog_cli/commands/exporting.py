"""``tidelog export``."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tidelog_cli import options
from tidelog_cli.deployment import opened_database
from tidelog_cli.terminal import counted, note, print_json
from tidelog_service.store.transfer import export_records

Write = Callable[[bytes], object]

app = typer.Typer(add_completion=False)


@app.command()
def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to; .gz is packed, - is standard output.")
    ],
    *,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="CHANNEL", help="Only this channel. Default: all.")
    ] = None,
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Write records as JSON lines.

    They are sorted by channel and number; `tidelog import` reads them. Also while a service runs: each
    channel up to its last record at that moment. FILE is replaced when all is written.
    """
    count = 0
    with opened_database(data, create=False) as database, _opened(file) as write:
        for record in export_records(database, channel):
            write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            count += 1
    if as_json and str(file) != "-":
        print_json({"file": str(file), "records": count})
    else:
        note(f"exported {counted(count, 'record')}")


@contextmanager
def _opened(file: Path) -> Iterator[Write]:
    """Standard output, or a file that takes its name when it is whole."""
    if str(file) == "-":
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with _created(part, packed=file.suffix == ".gz") as write:
            yield write
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _created(path: Path, *, packed: bool) -> Iterator[Write]:
    path.touch(mode=0o600)  # it holds everybody's messages
    with path.open("wb") as raw:
        if not packed:
            yield raw.write
            return
        with gzip.GzipFile(fileobj=raw, mode="wb", filename="") as target:
            yield target.write
