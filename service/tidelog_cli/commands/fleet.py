"""``tidelog fleet``."""

from __future__ import annotations

import base64
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from tidelog.replica.ports import Record
from tidelog.wire.errors import Unavailable, UsageError
from tidelog.wire.url import BrokerUrl
from tidelog_cli import options
from tidelog_cli.deployment import opened_database
from tidelog_cli.exits import ExitCode
from tidelog_cli.terminal import note, print_json, print_line, printable, styled
from tidelog_fleet.crew import Crew
from tidelog_fleet.report import Outcome, as_object, faults_table, figures_table
from tidelog_fleet.run import Fleet, Scenario
from tidelog_fleet.screen import LiveScreen
from tidelog_fleet.texts import built_in, read_corpus
from tidelog_service import logs
from tidelog_service.config import load
from tidelog_service.runner import Service
from tidelog_service.store.database import Database
from tidelog_service.store.registry import Registry
from tidelog_service.store.transfer import export_records

app = typer.Typer(add_completion=False)

_SEEDS = 1_000_000
"""Seeds that are drawn are below this: easy to type again."""

_REACH_SECONDS = 10.0


@app.command()
def fleet(
    *,
    devices: Annotated[
        int, typer.Option("--devices", metavar="N", min=1, max=500, help="How many devices.")
    ] = 12,
    minutes: Annotated[
        float, typer.Option("--minutes", metavar="M", min=0.01, max=10_000, help="How long they are busy.")
    ] = 1.0,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="S",
            help="Decides users, channels and what each device does when. Default: drawn, and told.",
        ),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            "--corpus",
            metavar="FILE",
            help="What they write: the bodies of JSON lines, plain or gzip. Default: made-up sentences.",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="The broker of a service that runs already; --data names its data folder.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="The service's data folder. Default: one for this run."),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            metavar="SECONDS",
            min=1,
            max=86_400,
            help="How long the devices may take to come into step at the end.",
        ),
    ] = 60.0,
    as_json: options.Json = False,
) -> None:
    """Run a fleet of simulated devices against a real broker, and check every record at the end.

    Devices of several users write, lose their links, come back, wipe their stores. Then the links are
    healed, and each device's store is compared with the service's: nothing missing, nothing twice, nothing
    that its user may not read. Ends with 0 where that holds, with 7 where it does not; then the stores
    are kept and their folder is told.

    With --url its users, devices, channels and records stay in the data folder of that service.

    Without --url it starts a service of its own on a free port. Ctrl-C ends the writing early and still
    checks; a second one ends at once.
    """
    texts = built_in() if corpus is None else read_corpus(corpus)
    scenario = Scenario(
        devices=devices,
        seconds=minutes * 60,
        seed=secrets.randbelow(_SEEDS) if seed is None else seed,
        texts=texts,
        source="made-up sentences" if corpus is None else corpus.name,
        patience_s=patience,
    )
    if not as_json:
        note(f"seed {scenario.seed}: {devices} devices for {scenario.seconds:g} s")
    outcome = _ran(scenario, url=url, data=data)
    _print_outcome(outcome, as_json=as_json)
    if not outcome.clean:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _ran(scenario: Scenario, *, url: str | None, data: Path | None) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="tidelog-fleet-"))
    keep = False
    try:
        with (
            _ended_early() as stop,
            _deployed(url, data, folder) as deployment,
            LiveScreen(Console(stderr=True)) as screen,
        ):
            fleet = Fleet(scenario, deployment=deployment, folder=folder, screen=screen, stop=stop)
            outcome = fleet.run()
        keep = not outcome.clean
    finally:
        if keep:
            note(f"the stores are kept in {folder}")
        else:
            shutil.rmtree(folder)
    return outcome


@contextmanager
def _ended_early() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C; the second one interrupts."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    def terminated(_number: int, _frame: FrameType | None) -> None:
        raise typer.Exit(ExitCode.TERMINATED)

    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, terminated)
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def _deployed(url: str | None, data: Path | None, folder: Path) -> Iterator[ServiceDeployment]:
    """The service that runs at ``url``, or one of our own."""
    if url is None:
        place = data or folder / "data"
        with _serving(place) as own, opened_database(place, create=False) as database:
            yield ServiceDeployment(own, database)
        return
    if data is None:
        raise UsageError(
            "--url needs --data",
            hint="the fleet adds its users there and reads there what the service stored",
        )
    _check_reached(url)
    with opened_database(data, create=False) as database:
        yield ServiceDeployment(url, database)


def _check_reached(url: str) -> None:
    """Whether something listens there, before anything is written into the folder of a live service.

    Raises:
        Unavailable: code ``offline``: nothing does.
        UsageError: code ``url``.
    """
    broker = BrokerUrl.parse(url)
    try:
        socket.create_connection((broker.host, broker.port), timeout=_REACH_SECONDS).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise Unavailable(
            f"no connection to {broker}: {why}", code="offline", hint="is the broker's address right?"
        ) from error


@contextmanager
def _serving(data: Path) -> Iterator[str]:
    """A service of our own on a free port; yields where devices connect."""
    logs.configure(level="error", style="console")
    service = Service(load(overrides={"service.data": data, "broker.port": 0, "broker.url": ""}))
    try:
        service.start()
    except UsageError as error:
        if error.code == "in_use":
            error.hint = "--url names the broker of the service that runs on it"
        raise
    try:
        yield service.url
    finally:
        service.stop()


class ServiceDeployment:
    """`tidelog_fleet.ports.Deployment` by the service's own database, beside the service.

    Args:
        url: where devices connect.
        database: open; it stays the caller's to close.
    """

    def __init__(self, url: str, database: Database) -> None:
        """See the class."""
        self.url = url
        self._database = database

    def names(self) -> Iterator[str]:
        """See `tidelog_fleet.ports.Deployment`."""
        with closing(Registry(self._database)) as registry:
            yield from [user.name for user in registry.users()]
            yield from [device.device for device in registry.devices()]
            yield from [channel.name for channel in registry.channels()]

    def provision(self, crew: Crew) -> dict[str, str]:
        """See `tidelog_fleet.ports.Deployment`."""
        with closing(Registry(self._database)) as registry:
            for user in crew.users:
                registry.add_user(user)
            for room in crew.rooms:
                registry.add_channel(room.name, room.members)
            return {seat.device: registry.add_device(seat.user, seat.device) for seat in crew.seats}

    def stored(self, channel: str) -> list[Record]:
        """See `tidelog_fleet.ports.Deployment`: what `tidelog export` writes."""
        return [_record(line) for line in export_records(self._database, channel)]

    def skews(self) -> dict[str, int]:
        """See `tidelog_fleet.ports.Deployment`."""
        with closing(Registry(self._database)) as registry:
            return {one.device: one.skew for one in registry.devices() if one.skew is not None}


def _record(line: dict[str, Any]) -> Record:
    return Record(
        channel=line["channel"],
        seq=line["seq"],
        author=line["author"],
        time=line["ts"],
        sent=line.get("sent", line["ts"]),
        kind=line.get("kind", 0),
        body=line["body"].encode() if "body" in line else base64.b64decode(line["body64"]),
        content_type=line.get("content_type", ""),
    )


def _print_outcome(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print_json(as_object(outcome))
        return
    console = Console(highlight=False)
    console.print(figures_table(outcome))
    if outcome.faults:
        console.print(faults_table(outcome.faults))
    if outcome.early:
        note("ended early")
    print_line(styled(printable(outcome.verdict), "32" if outcome.clean else "1;31"))
    print_line(printable(outcome.account))
