"""What each device does and when: drawn from the seed, the same on every run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tidelog_fleet.crew import Crew, Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Write messages to a channel, whether there is a link or not."""

    channel: str
    bodies: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Lose the link; ``silent``: as in a tunnel, nobody is told, else connections are reset and refused."""

    silent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heal:
    """The link is there again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quit:
    """The program ends; what it wrote waits on its disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The program starts again on the same store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Bring everything that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TornSync:
    """A sync whose link is cut in the middle of an answer and comes back.

    Attributes:
        after_bytes: bytes to the device until the cut; a shorter answer goes through whole.
        outage_s: how long the cut lasts.
        silent: see `Cut`.
    """

    after_bytes: int
    outage_s: float
    silent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Drop local copies: the records between two shares (0 to 1) of the channel's log."""

    channel: str
    start: float
    stop: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wipe:
    """Lose the store, outbox included, and begin with a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trespass:
    """Ask for a channel that the user may not read; the service has to refuse."""

    channel: str


Action = Write | Cut | Heal | Quit | Start | Sync | TornSync | Forget | Wipe | Trespass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action and its time, seconds from the beginning of the plan."""

    at_s: float
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How busy and how unlucky a device is; times are ranges in seconds, drawn evenly.

    Attributes:
        weights: of each kind of episode, by its name in `EPISODES`.
        arrival_s: until a device first appears.
        pause_s: between episodes.
        outage_s: how long a cut lasts.
        absence_s: how long a program stays ended.
        burst_messages: messages written in one go.
        torn_bytes: bytes of an answer that get through before a cut.
    """

    weights: tuple[tuple[str, int], ...] = (
        ("talk", 48),
        ("tunnel", 16),
        ("sync", 10),
        ("restart", 7),
        ("torn", 5),
        ("forget", 5),
        ("idle", 4),
        ("wipe", 3),
        ("trespass", 2),
    )
    arrival_s: tuple[float, float] = (0.0, 2.0)
    pause_s: tuple[float, float] = (0.3, 3.0)
    outage_s: tuple[float, float] = (0.5, 6.0)
    absence_s: tuple[float, float] = (0.2, 4.0)
    burst_messages: tuple[int, int] = (1, 7)
    torn_bytes: tuple[int, int] = (10, 3_000)


DEFAULT_RHYTHM: Final = Rhythm()


def make_plan(
    crew: Crew,
    seat: Seat,
    texts: Iterator[bytes],
    source: random.Random,
    *,
    seconds: float,
    rhythm: Rhythm = DEFAULT_RHYTHM,
) -> Iterator[Step]:
    """A device's actions, ascending by time; the same arguments give the same plan.

    Args:
        crew: where its user may write, and may not read.
        seat: the device.
        texts: what it writes.
        source: the randomness, the device's own.
        seconds: actions come before this time. The plan may end with the link cut or the program ended.
        rhythm: how busy and how unlucky it is.
    """
    planner = _Planner(crew, seat, texts, source, rhythm)
    for step in planner.steps():
        if step.at_s >= seconds:
            return
        yield step


class _Planner:
    """The time of a plan as it is drawn, and its episodes."""

    def __init__(
        self, crew: Crew, seat: Seat, texts: Iterator[bytes], source: random.Random, rhythm: Rhythm
    ) -> None:
        self._own = crew.readable(seat.user)
        self._foreign = crew.foreign(seat.user)
        self._texts = texts
        self._source = source
        self._rhythm = rhythm
        self._now = source.uniform(*rhythm.arrival_s)

    def steps(self) -> Iterator[Step]:
        """Without end."""
        yield self._at(Start())
        yield self._at(Sync())
        names = [name for name, _ in self._rhythm.weights]
        weights = [weight for _, weight in self._rhythm.weights]
        while True:
            self._now += self._source.uniform(*self._rhythm.pause_s)
            yield from EPISODES[self._source.choices(names, weights)[0]](self)

    def _at(self, action: Action) -> Step:
        return Step(at_s=self._now, action=action)

    def _wait(self, bounds_s: tuple[float, float]) -> None:
        self._now += self._source.uniform(*bounds_s)

    def _write(self) -> Step:
        bodies = islice(self._texts, self._source.randint(*self._rhythm.burst_messages))
        return self._at(Write(channel=self._source.choice(self._own), bodies=tuple(bodies)))

    def _coin(self) -> bool:
        return self._source.random() < 0.5  # noqa: PLR2004 - either is as common

    def talk(self) -> Iterator[Step]:
        yield self._write()

    def tunnel(self) -> Iterator[Step]:
        yield self._at(Cut(silent=self._coin()))
        for _ in range(self._source.randint(0, 2)):
            self._wait((0.0, self._rhythm.outage_s[0]))
            yield self._write()
        self._wait(self._rhythm.outage_s)
        yield self._at(Heal())
        yield self._at(Sync())

    def sync(self) -> Iterator[Step]:
        yield self._at(Sync())

    def restart(self) -> Iterator[Step]:
        yield self._write()
        yield self._at(Quit())
        self._wait(self._rhythm.absence_s)
        yield self._at(Start())
        yield self._at(Sync())

    def torn(self) -> Iterator[Step]:
        yield from self.forget()
        yield self._at(
            TornSync(
                after_bytes=self._source.randint(*self._rhythm.torn_bytes),
                outage_s=self._source.uniform(*self._rhythm.outage_s),
                silent=self._coin(),
            )
        )

    def forget(self) -> Iterator[Step]:
        start, stop = sorted((self._source.random(), self._source.random()))
        yield self._at(Forget(channel=self._source.choice(self._own), start=start, stop=stop))

    def idle(self) -> Iterator[Step]:
        self._wait(self._rhythm.pause_s)
        yield from ()

    def wipe(self) -> Iterator[Step]:
        if self._coin():
            # Some of these are lost with the store, some are stored without a receipt: either is right.
            yield self._write()
        yield self._at(Wipe())
        yield self._at(Sync())

    def trespass(self) -> Iterator[Step]:
        if self._foreign:
            yield self._at(Trespass(channel=self._source.choice(self._foreign)))


EPISODES: Final[dict[str, Callable[[_Planner], Iterator[Step]]]] = {
    "talk": _Planner.talk,
    "tunnel": _Planner.tunnel,
    "sync": _Planner.sync,
    "restart": _Planner.restart,
    "torn": _Planner.torn,
    "forget": _Planner.forget,
    "idle": _Planner.idle,
    "wipe": _Planner.wipe,
    "trespass": _Planner.trespass,
}
"""Kinds of episodes by the names that `Rhythm.weights` gives them."""
