"""``tidelog import``."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from tidelog.wire.errors import UsageError
from tidelog_cli import options
from tidelog_cli.terminal import counted, print_json, print_line
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.transfer import ImportReport, import_records, read_lines

app = typer.Typer(add_completion=False)

_NAMES_SHOWN_MAX: Final = 8

_GZIP_MAGIC: Final = b"\x1f\x8b"
"""RFC 1952, section 2.3.1."""


@app.command(name="import")
def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON lines, plain or gzip; - reads standard input.")
    ],
    data: options.Data = Path("data"),
    as_json: options.Json = False,
) -> None:
    """Store records from JSON lines.

    A line is {"channel": ..., "author": ..., "ts": Unix milliseconds, "body": text} (or "body64"). Records
    go to the end of their channels. Users and channels are added where they do not exist, with the authors
    seen as the new channels' members. All lines are stored or, where one is wrong, none. While a service
    runs on the data folder this refuses: stop it first.
    """
    with _opened(file) as (source, size):
        folder = DataFolder(data)
        with folder.lock("tidelog import"), open_database(folder.database) as database, _bar(size) as bar:
            task = bar.add_task("importing", total=size, records=0)

            def advance(records: int) -> None:
                bar.update(task, completed=source.tell() if size else None, records=records)

            report = import_records(database, read_lines(_lines(source)), progress=advance)
    _print_imported(report, as_json=as_json)


@contextmanager
def _opened(file: Path) -> Iterator[tuple[io.BufferedReader, int | None]]:
    """The file and its size; standard input has none."""
    if str(file) == "-":
        yield cast("io.BufferedReader", sys.stdin.buffer), None
        return
    with file.open("rb") as source:
        yield source, file.stat().st_size


def _lines(source: io.BufferedReader) -> Iterator[bytes]:
    """The lines of the source, unpacked where it is gzip by its first two bytes."""
    if source.peek(2)[:2] != _GZIP_MAGIC:
        yield from source
        return
    try:
        with gzip.GzipFile(fileobj=source) as unpacked:
            yield from unpacked
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"the gzip file is damaged: {error}", code="import_file") from error


def _bar(size: int | None) -> Progress:
    """A progress bar on standard error, by the bytes of the file that were read."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *([TaskProgressColumn()] if size else []),
        TextColumn("{task.fields[records]:,} records"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _print_imported(report: ImportReport, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report))
        return
    print_line(
        f"imported {counted(report.records, 'record')}; added {_named('user', report.users)}"
        f" and {_named('channel', report.channels)}"
    )


def _named(noun: str, names: tuple[str, ...]) -> str:
    some = f" ({', '.join(names)})" if 0 < len(names) <= _NAMES_SHOWN_MAX else ""
    return counted(len(names), noun) + some
