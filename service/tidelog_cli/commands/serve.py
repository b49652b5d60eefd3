"""``tidelog serve``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from tidelog.wire.errors import TidelogError
from tidelog_cli import demo, options
from tidelog_cli.exits import ExitCode
from tidelog_cli.terminal import note, print_json, print_line
from tidelog_service import logs
from tidelog_service.config import Settings, Source
from tidelog_service.runner import Service

app = typer.Typer(add_completion=False)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Stopped(BaseException):
    """A signal asked for the end; no ``except Exception`` on the way may take it for an error."""


@app.command()
def serve(
    config: options.Config = None,
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="The data folder; made where it does not exist."),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Where the embedded broker listens.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", help="Its port; 0 takes a free one.")
    ] = None,
    broker: Annotated[
        str | None, typer.Option("--broker", metavar="URL", help="Use a broker that runs elsewhere.")
    ] = None,
    demo_users: Annotated[
        bool,
        typer.Option("--demo-users", help="On an empty data folder add two users, three devices, a channel."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Run the service.

    Prints one line when it is ready; its log goes to standard error. Ctrl-C and SIGTERM end it: it serves
    what it has received and ends with 0. What is not given here comes from the environment, the
    configuration file and the defaults, see `tidelog config`.

    The file's ingest rules are taken up within a second when it changes, and on SIGHUP (which ends it where
    it runs in a terminal); what else is new there takes effect at the next start.
    """
    given = {"service.data": data, "broker.host": host, "broker.port": port, "broker.url": broker}
    source = Source(
        config=config, overrides={name: value for name, value in given.items() if value is not None}
    )
    settings = source.load()
    logs.configure(level=settings.log.level, style=settings.log.format)
    with _until_stopped(settings.service.data):
        service = Service(settings, source)
        try:
            service.start()
            _reread_when_asked(service)
            _announce(settings, service.url, with_demo=demo_users, as_json=as_json)
            service.wait()
            if isinstance(service.fault, TidelogError):
                raise service.fault
            if service.fault is not None:
                raise typer.Exit(ExitCode.UNEXPECTED)
        finally:
            service.stop()


@contextmanager
def _until_stopped(data: Path) -> Iterator[None]:
    """Ends the block at the first SIGINT or SIGTERM; a second one meets the system's own handlers."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number, before in replaced.items():
            signal.signal(number, before)
        raise _Stopped

    replaced = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    except _Stopped:
        note(f"tidelog: stopped; everything received is in {data}")


def _reread_when_asked(service: Service) -> None:
    """On SIGHUP, as daemons do. In a terminal that would mean that the terminal is gone, and it ends."""
    if not (sys.stdin and sys.stdin.isatty()):
        signal.signal(signal.SIGHUP, lambda _number, _frame: service.reread())


def _announce(settings: Settings, url: str, *, with_demo: bool, as_json: bool) -> None:
    data = settings.service.data
    people = demo.provisioned(data, url) if with_demo else ()
    if as_json:
        print_json(
            {"ready": True, "url": url, "data": str(data)}
            | ({"devices": demo.told(people)} if people else {})
        )
        return
    print_line(f"tidelog: ready on {url} (data: {data})")
    for line in demo.commands(data, url, people) if people else ():
        print_line(line)
