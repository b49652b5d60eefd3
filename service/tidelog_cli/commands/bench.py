"""``tidelog bench``: what Tidelog takes, measured on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tidelog_cli import options
from tidelog_cli.bytes_bench.corpus import found_corpora, read_corpus
from tidelog_cli.bytes_bench.outcome import CAPTION, Outcome, as_object, markdown, tables
from tidelog_cli.bytes_bench.picture import svg
from tidelog_cli.bytes_bench.run import Advance, Plan, measured
from tidelog_cli.exits import ExitCode
from tidelog_cli.terminal import note, print_json, print_line
from tidelog_service import logs

app = typer.Typer(help="Measure what a sync takes.", no_args_is_help=True, add_completion=False)

_PIPE_COLUMNS = 250
"""Room for the table in a pipe, where rich would take the width for 80."""


@app.callback()
def _bench() -> None:
    """Measure what a sync takes."""


@app.command(name="bytes")
def measure_bytes(
    *,
    corpus: Annotated[
        list[Path] | None,
        typer.Option(
            "--corpus",
            metavar="FILE",
            help="Records to measure with: JSON lines, plain or gzip; may be given several times. Default: "
            "all files of the folder in the environment variable TIDELOG_CORPORA, else of ../shared/corpora.",
        ),
    ] = None,
    windows: Annotated[
        int,
        typer.Option("--windows", metavar="N", min=1, max=100, help="How many logs each mean is over."),
    ] = 9,
    records: Annotated[
        int,
        typer.Option("--records", metavar="N", min=200, max=1_000_000, help="How long each log is."),
    ] = 10_000,
    codec: Annotated[
        str, typer.Option("--codec", metavar="NAME", help="What devices offer: auto, or one codec.")
    ] = "auto",
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Draw the outcome too, as SVG.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the tables too, as Markdown.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Count the bytes of syncs on the socket, beside what they have to take at least.

    Runs the service on its embedded broker with logs cut from each corpus, and lets devices sync through
    links that count: MQTT bytes up and down with all headers, requests, the service's CPU time. The
    connection and the device's status are not counted.

    The bound is what is missing under PPMd order 6, 64 MiB, after all that the device holds, plus the
    entropy of authors, times and kinds, plus what tells which records these are where that is not implied.
    Beside it, for the same records: bodies as they are, one PUBLISH a record at QoS 1, and all bodies in one
    deflate -9 or zstd -19 (where that is installed).

    Ends with 0 where every target is met, with 7 where one is missed or cannot be measured in this version.
    """
    logs.configure(level="error", style="console")
    plan = Plan(windows=windows, records=records, codec=codec)
    corpora = [read_corpus(path) for path in found_corpora(corpus or [])]
    with _bar(plan.steps * len(corpora)) as advance:
        outcomes = [outcome for each in corpora for outcome in measured(each, plan, advance)]
    if picture is not None:
        picture.write_text(svg(outcomes), "utf8")
    if page is not None:
        page.write_text(_page(outcomes), "utf8")
    _print_outcomes(outcomes, plan, as_json=as_json)
    if not all(outcome.met for outcome in outcomes):
        raise typer.Exit(ExitCode.INCOMPLETE)


@contextmanager
def _bar(steps: int) -> Iterator[Advance]:
    """A progress bar on standard error."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=steps)
        yield lambda done: bar.update(task, advance=1, description=done)


def _by_corpus(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    return [(name, list(own)) for name, own in groupby(outcomes, lambda outcome: outcome.corpus)]


def _page(outcomes: Sequence[Outcome]) -> str:
    parts = [f"### {name}\n\n" + "\n".join(markdown(own)) + "\n" for name, own in _by_corpus(outcomes)]
    return "\n".join([*parts, CAPTION + "\n"])


def _print_outcomes(outcomes: Sequence[Outcome], plan: Plan, *, as_json: bool) -> None:
    if as_json:
        met = all(outcome.met for outcome in outcomes)
        print_json({**asdict(plan), "met": met, "outcomes": [as_object(outcome) for outcome in outcomes]})
        return
    console = Console(highlight=False)
    width = console.width if console.is_terminal else None
    if width is None:
        console.width = _PIPE_COLUMNS
    for name, own in _by_corpus(outcomes):
        console.print(*tables(name, own, width=width), sep="")
    note(CAPTION)
    missed = [f"{outcome.corpus} {outcome.key}" for outcome in outcomes if not outcome.met]
    print_line(f"not met: {', '.join(missed)}" if missed else "every target is met")
