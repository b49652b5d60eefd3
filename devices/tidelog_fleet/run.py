"""A fleet from beginning to end: provisioning, writing, healing, syncing, checking."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tidelog.wire.errors import TidelogError
from tidelog_fleet import clocks
from tidelog_fleet.checker import Checker, Fault, FaultKind
from tidelog_fleet.clocks import ClockFigures
from tidelog_fleet.crew import Crew, free_tag, make_crew
from tidelog_fleet.ledger import Counts, Ledger
from tidelog_fleet.links import Links
from tidelog_fleet.plan import DEFAULT_RHYTHM, Rhythm, Step, make_plan
from tidelog_fleet.ports import Deployment, Screen
from tidelog_fleet.report import Outcome, sync_cost
from tidelog_fleet.screen import Silence
from tidelog_fleet.terminal import Terminal
from tidelog_fleet.texts import dealt

_LOOK_S: Final = 0.2
"""How often progress is shown and the end of a phase looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a fleet is to be; the same one is the same fleet, but for what two threads do first.

    Attributes:
        devices: how many, at least 1.
        seconds: how long they follow their plans.
        seed: decides users, channels, members, texts and plans.
        patience_s: how long they may take to come into step at the end.
        texts: what they write, each once.
        source: where the texts are from, for people.
        rhythm: how busy and how unlucky they are.
    """

    devices: int
    seconds: float
    seed: int
    texts: Sequence[str]
    source: str
    patience_s: float = 60.0
    rhythm: Rhythm = DEFAULT_RHYTHM


class Fleet:
    """One run of a scenario; `run` it once.

    Args:
        scenario: what it is to be.
        deployment: the service that it acts on and is checked against.
        folder: where the devices' stores go; it exists.
        screen: where progress is shown.
        stop: set it (from a signal's handler) to end the writing early; healing and checking still follow.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        deployment: Deployment,
        folder: Path,
        screen: Screen | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """See the class."""
        self._scenario = scenario
        self._deployment = deployment
        self._folder = folder
        self._screen = screen or Silence()
        self._stop = stop or threading.Event()
        self._ledger = Ledger()
        self._terminals: tuple[Terminal, ...] = ()
        self._faults: list[Fault] = []

    def run(self) -> Outcome:
        """All phases.

        Raises:
            TidelogError: the deployment failed, or its URL is none that a link can carry.
        """
        with ExitStack() as closing:
            links = closing.enter_context(Links(self._deployment.url))
            pool = closing.enter_context(ThreadPoolExecutor(self._scenario.devices, "fleet"))
            crew = self._provision(links)
            closing.callback(self._close)
            seconds = self._write(crew, pool)
            began = time.monotonic()
            self._settle(pool)
            settling_s = time.monotonic() - began
            return self._compare(crew, seconds=seconds, settling_s=settling_s)

    # The phases

    def _provision(self, links: Links) -> Crew:
        self._screen.phase("provisioning", total=1)
        crew = make_crew(self._scenario.devices, self._source("crew"), tag=free_tag(self._deployment.names()))
        secrets = self._deployment.provision(crew)
        self._terminals = tuple(
            Terminal(
                seat,
                secret=secrets[seat.device],
                link=links.add(),
                folder=self._folder,
                ledger=self._ledger,
                skew_ms=clocks.drawn(self._source(f"clock {place}")),
            )
            for place, seat in enumerate(crew.seats)
        )
        self._screen.show(1, self.counts())
        return crew

    def _write(self, crew: Crew, pool: ThreadPoolExecutor) -> float:
        """The devices follow their plans; how long they did, seconds."""
        plans = self._plans(crew)
        started = time.monotonic()
        self._screen.phase("writing", total=self._scenario.seconds, unit="s")
        acting = [
            pool.submit(
                terminal.act,
                plans[terminal.seat.device],
                started=started,
                until=started + self._scenario.seconds,
                stop=self._stop,
            )
            for terminal in self._terminals
        ]

        def passed_s() -> float:
            return min(time.monotonic() - started, self._scenario.seconds)

        self._watch(
            acting, passed_s, enough=lambda: self._stop.is_set() or passed_s() >= self._scenario.seconds
        )
        for terminal in self._terminals:
            terminal.link.heal()  # so that a sync that is under way can end
        self._watch(acting, passed_s)
        return passed_s()

    def _plans(self, crew: Crew) -> Mapping[str, Iterable[Step]]:
        hands = dealt(self._scenario.texts, [seat.device for seat in crew.seats], self._source("texts"))
        return {
            seat.device: make_plan(
                crew,
                seat,
                hands[seat.device],
                self._source(f"plan {place}"),
                seconds=self._scenario.seconds,
                rhythm=self._scenario.rhythm,
            )
            for place, seat in enumerate(crew.seats)
        }

    def _source(self, name: str) -> random.Random:
        """A source of randomness that no other one's use changes."""
        return random.Random(f"{self._scenario.seed}/{name}")  # noqa: S311 - a simulation

    def _settle(self, pool: ThreadPoolExecutor) -> None:
        """Everybody comes back and delivers; only then everybody fetches, so that nothing is on its way."""
        deadline = time.monotonic() + self._scenario.patience_s

        def left_s() -> float:
            return deadline - time.monotonic()

        self._everybody(pool, "healing", lambda terminal: _brought_back(terminal, left_s))
        self._everybody(pool, "syncing", lambda terminal: terminal.complete(left_s))

    def _everybody(self, pool: ThreadPoolExecutor, name: str, work: Callable[[Terminal], str]) -> None:
        self._screen.phase(name, total=len(self._terminals), unit="devices")
        working = [pool.submit(self._finish, terminal, work) for terminal in self._terminals]
        self._watch(working, lambda: sum(each.done() for each in working))

    def _finish(self, terminal: Terminal, work: Callable[[Terminal], str]) -> None:
        try:
            why = work(terminal)
        except TidelogError as error:
            why = f"{error} [{error.code}]"
        if why:
            fault = Fault(kind=FaultKind.UNFINISHED, text=why, device=terminal.seat.device)
            self._faults.append(fault)

    def _watch(
        self,
        working: Sequence[Future[None]],
        done: Callable[[], float],
        *,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Show progress until the work is done, or until it is enough."""
        while wait_for(working, _LOOK_S).not_done:
            self._screen.show(done(), self.counts())
            if enough():
                return
        self._screen.show(done(), self.counts())
        for each in working:
            each.result()  # a fault of our own

    def _compare(self, crew: Crew, *, seconds: float, settling_s: float) -> Outcome:
        self._screen.phase("checking", total=1 + len(self._terminals), unit="stores")
        logs = {room.name: tuple(self._deployment.stored(room.name)) for room in crew.rooms}
        compared = self._check(Checker(crew, logs))
        return Outcome(
            seed=self._scenario.seed,
            crew=crew,
            texts=self._scenario.source,
            seconds=seconds,
            settling_s=settling_s,
            early=self._stop.is_set(),
            counts=self.counts(),
            records=sum(map(len, logs.values())),
            compared=compared,
            cost=sync_cost(self._ledger.syncs, logs),
            faults=tuple(self._faults),
            clocks=self._clocks(),
        )

    def _clocks(self) -> ClockFigures:
        true = {terminal.seat.device: terminal.skew_ms for terminal in self._terminals}
        return clocks.compared(true, self._deployment.skews())

    def _check(self, checker: Checker) -> int:
        """Gather what is wrong; how many records of devices were looked at."""
        self._faults += checker.service(self._ledger.messages)
        compared = 0
        for place, terminal in enumerate(self._terminals, start=1):
            self._screen.show(place, self.counts())
            shelves = tuple(terminal.shelves())
            compared += sum(len(shelf.records) for shelf in shelves)
            self._faults += checker.device(terminal.seat, shelves)
        self._faults += (
            Fault(kind=FaultKind.COMPLAINT, text=complaint.text, device=complaint.seat.device)
            for complaint in self._ledger.complaints
        )
        return compared

    def counts(self) -> Counts:
        """Sums over the fleet so far."""
        links = [terminal.link for terminal in self._terminals]
        return replace(
            self._ledger.counts(),
            online=sum(terminal.online for terminal in self._terminals),
            cuts=sum(link.cuts for link in links),
            bytes_up=sum(link.bytes_up for link in links),
            bytes_down=sum(link.bytes_down for link in links),
        )

    def _close(self) -> None:
        """End every device; at once, for each may take a moment to say goodbye."""
        self._stop.set()
        threads = [threading.Thread(target=terminal.close) for terminal in self._terminals]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _brought_back(terminal: Terminal, left_s: Callable[[], float]) -> str:
    terminal.come_back()
    return terminal.deliver(left_s)
