"""A service on the embedded broker with one log in its store, and devices whose sockets are counted."""

from __future__ import annotations

import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from tidelog.device import Device
from tidelog.replica.steps import SyncReport
from tidelog.wire.errors import TidelogError, Unavailable, UsageError
from tidelog_cli.bytes_bench.corpus import Row
from tidelog_cli.bytes_bench.scenarios import Case, Scenario
from tidelog_cli.deployment import opened_database
from tidelog_fleet.links import Link, Links
from tidelog_service.config import load
from tidelog_service.presses import Presses
from tidelog_service.runner import Service
from tidelog_service.store.registry import Registry
from tidelog_service.store.transfer import ImportLine, import_records

_USER: Final = "reader"
_DEVICES: Final = tuple(f"bench-{n:02}" for n in range(8))
"""Ids of eight characters, as in the goals: they are in every topic."""

_DATA: Final = "data"
_SYNC_SECONDS: Final = 300.0
_CONNECT_SECONDS: Final = 30.0
_READY_SECONDS: Final = 10.0
_QUIET_SECONDS: Final = 0.15
_POLL_SECONDS: Final = 0.01
_SETTLE_SECONDS: Final = 30.0
_WORKER: Final = "tidelog-worker"

_PID_SHIFT: Final = 3
_CPU_CLOCK: Final = 2
"""How Linux makes the id of a process' CPU clock, as clock_getcpuclockid(3) does."""


class Taken(NamedTuple):
    """What one sync took.

    Attributes:
        bytes_up: on the socket from the device, headers and acknowledgements included.
        bytes_down: the same, to the device.
        rounds: requests.
        cpu_ms: of the service's worker and its processes.
    """

    bytes_up: int
    bytes_down: int
    rounds: int
    cpu_ms: float


class _Seat(NamedTuple):
    device: Device
    link: Link


@contextmanager
def rigged(log: Sequence[Row], *, codec: str = "auto") -> Iterator[Rig]:
    """Store a log, start a service, and stop and remove everything at the end.

    Args:
        log: what the service has at first; channels are as in it.
        codec: what devices offer.
    """
    with tempfile.TemporaryDirectory(prefix="tidelog-bench-") as name, ExitStack() as at_end:
        data = Path(name, _DATA)
        secrets = _filled(data, log)
        workers = set(threading.enumerate())
        service = Service(load(overrides={"service.data": data, "broker.port": 0, "broker.url": ""}))
        service.start()
        at_end.callback(service.stop)
        [worker] = [each for each in threading.enumerate() if each.name == _WORKER and each not in workers]
        links = at_end.enter_context(Links(service.url))
        yield Rig(
            links,
            secrets,
            folder=Path(name),
            codec=codec,
            worker=worker,
            presses=started(service),
            at_end=at_end,
        )


def started(service: Service) -> Presses:
    """The processes that compress for a service, up and ready: what a start takes is not a sync's."""
    if service.presses is None:
        raise Unavailable("the service has not started", code="bench_service")
    service.presses.start()
    service.presses.wait_ready(_READY_SECONDS)
    return service.presses


def _filled(data: Path, log: Sequence[Row]) -> dict[str, str]:
    """Store the log for a user with devices; returns their secrets."""
    with opened_database(data, create=True) as database, closing(Registry(database)) as registry:
        registry.add_user(_USER)
        for channel in sorted({row.channel for row in log}):
            registry.add_channel(channel, [_USER])
        import_records(database, _lines(log))
        return {device: registry.add_device(_USER, device) for device in _DEVICES}


def _lines(log: Sequence[Row]) -> list[ImportLine]:
    return [
        ImportLine(number, row.channel, row.author, row.time, row.time, row.body, row.kind)
        for number, row in enumerate(log, start=1)
    ]


class Rig:
    """Measures scenarios; made by `rigged`.

    The device that holds records is one and the same for all of them: it has everything before each. What is
    missing then is stored after it has synced, as while it was away, or is what it drops. New devices are
    new, with stores and ids of their own.
    """

    def __init__(
        self,
        links: Links,
        secrets: dict[str, str],
        *,
        folder: Path,
        codec: str,
        worker: threading.Thread,
        presses: Presses,
        at_end: ExitStack,
    ) -> None:
        """See the class."""
        self._folder = folder
        self._presses = presses
        self._links = links
        self._secrets = secrets
        self._codec = codec
        self._worker = worker
        self._at_end = at_end
        self._ids = count()
        self._old: _Seat | None = None

    def measure(self, scenario: Scenario, case: Case) -> Taken | None:
        """Let a device sync what the case says is missing.

        Returns:
            what that took; ``None`` where this version's devices cannot ask for it.

        Raises:
            TidelogError: the sync failed, brought something else (``bench_records``), or its report and the
                socket disagree (``bench_bytes``).
        """
        if not scenario.new:
            return self._measured(self._holding(scenario, case), scenario, len(case.missing))
        seat = self._new_seat()
        with closing(seat.device):
            return self._measured(seat, scenario, len(case.missing))

    def _holding(self, scenario: Scenario, case: Case) -> _Seat:
        if self._old is None:
            self._old = self._filled_seat()
            self._at_end.callback(self._old.device.close)
        # It has a token for just what it holds, as after any sync that was completed.
        self._old.device.sync(timeout=_SYNC_SECONDS)
        if scenario.later:
            # The service looks where its logs stand at each request: it need not be stopped for this.
            with opened_database(self._folder / _DATA, create=False) as database:
                import_records(database, _lines(case.missing))
        else:
            for channel, seqs in case.lacks.items():
                self._old.device.drop(channel, seqs.runs)
        return self._old

    def _filled_seat(self) -> _Seat:
        """A device that has everything; brought there without compression, which would take a minute."""
        name = _DEVICES[next(self._ids)]
        store = self._folder / f"{name}.db"
        filled = self._seat(name, store, codec="none")
        with closing(filled.device):
            filled.device.sync(timeout=_SYNC_SECONDS)
        return self._seat(name, store, codec=self._codec)

    def _new_seat(self) -> _Seat:
        return self._seat(_DEVICES[next(self._ids)], ":memory:", codec=self._codec)

    def _seat(self, name: str, store: str | Path, *, codec: str) -> _Seat:
        link = self._links.add()
        device = Device(
            link.url, device=name, secret=self._secrets[name], store=store, codec=codec, live=False
        )
        device.connect(timeout=_CONNECT_SECONDS)
        return _Seat(device, link)

    def _measured(self, seat: _Seat, scenario: Scenario, records: int) -> Taken | None:
        # The connection and the device's status are not the sync's.
        settle(seat.link)
        up, down, cpu = seat.link.bytes_up, seat.link.bytes_down, self._cpu_seconds()
        try:
            report = seat.device.sync(newest=scenario.newest, timeout=_SYNC_SECONDS)
        except UsageError as error:
            if error.code == "unsupported":
                return None
            raise
        settle(seat.link)
        taken = Taken(
            seat.link.bytes_up - up,
            seat.link.bytes_down - down,
            report.rounds,
            (self._cpu_seconds() - cpu) * 1000,
        )
        _check(report, taken, scenario, records)
        return taken

    def _cpu_seconds(self) -> float:
        """Of the worker's thread, and of the processes that compress for it, those that ended included."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        running = sum(_process_seconds(pid) for pid in self._presses.pids)
        return _thread_seconds(self._worker) + running + ended.ru_utime + ended.ru_stime


def settle(link: Link) -> None:
    """Wait until nothing has passed for a while: what was on its way has arrived.

    Raises:
        Unavailable: it does not come to rest.
    """
    deadline = time.monotonic() + _SETTLE_SECONDS
    last, since = (link.bytes_up, link.bytes_down), time.monotonic()
    while time.monotonic() - since < _QUIET_SECONDS:
        time.sleep(_POLL_SECONDS)
        now = (link.bytes_up, link.bytes_down)
        if now != last:
            last, since = now, time.monotonic()
        if since > deadline:
            raise Unavailable(f"the link is still busy after {_SETTLE_SECONDS:g} s", code="timeout")


def _check(report: SyncReport, taken: Taken, scenario: Scenario, records: int) -> None:
    if report.records != records or not report.complete:
        raise TidelogError(
            f"{scenario.key}: the sync brought {report.records} records, not {records}", code="bench_records"
        )
    if (report.bytes_up, report.bytes_down) != (taken.bytes_up, taken.bytes_down):
        raise TidelogError(
            f"{scenario.key}: the report says {report.bytes_up} bytes up and {report.bytes_down} down, "
            f"the socket {taken.bytes_up} and {taken.bytes_down}",
            code="bench_bytes",
        )


def _process_seconds(pid: int | None) -> float:
    if pid is None or sys.platform != "linux":
        return 0.0
    try:
        return time.clock_gettime((~pid << _PID_SHIFT) | _CPU_CLOCK)
    except OSError:
        return 0.0  # it has just ended: its time is among those that did


def _thread_seconds(thread: threading.Thread) -> float:
    if sys.platform == "darwin" or thread.ident is None:
        return time.process_time()  # without clocks of other threads: that of all of them
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
