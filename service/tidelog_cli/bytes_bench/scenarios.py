"""The scenarios: what a device holds and what it lacks, and what a sync may take of the bound.

S1 to S5 are of one channel; S2 and S6 also of all channels of a corpus.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tidelog.wire.ranges import RangeSet
from tidelog_cli.bytes_bench.corpus import Row
from tidelog_cli.bytes_bench.entropy import choose_bits

_HOLES: Final = 200
_SEED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a device holds of a log, and what it is to get.

    Attributes:
        log: all records that there are, in order.
        held: records in the device's store.
        missing: records that a sync brings.
        have_set_bits: what telling the service which these are takes at least; 0 where it is implied.
    """

    log: tuple[Row, ...]
    held: tuple[Row, ...]
    missing: tuple[Row, ...]
    have_set_bits: float = 0.0

    @property
    def channels(self) -> int:
        """How many channels the log has."""
        return len({row.channel for row in self.log})

    @property
    def lacks(self) -> dict[str, RangeSet]:
        """The seqs that are missing, by channel."""
        seqs: defaultdict[str, list[int]] = defaultdict(list)
        for row in self.missing:
            seqs[row.channel].append(row.seq)
        return {channel: RangeSet.of(numbers) for channel, numbers in seqs.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a sync may take, MQTT bytes in both directions: ``factor`` x bound + ``plus`` + per channel."""

    factor: float
    plus: int
    per_channel: int = 0

    def limit_bytes(self, bound: float, channels: int) -> float:
        """The most bytes, given the bound and the number of channels."""
        return self.factor * bound + self.plus + self.per_channel * channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One line of the bench.

    Attributes:
        key: its short name, as in the goals.
        title: what is missing, in words.
        goal: what it may take.
        cut: from a log to a case, the second argument being the number of the window.
        every_channel: whether the log has the corpus' channels, not one.
        new: whether the device is new: it has no store.
        newest: ask for so many of the newest; ``None`` for all.
        later: whether what is missing was stored after the device had synced; else the device has dropped it.
    """

    key: str
    title: str
    goal: Goal
    cut: Callable[[Sequence[Row], int], Case]
    every_channel: bool = False
    new: bool = False
    newest: int | None = None
    later: bool = False


def _newest(count: int) -> Callable[[Sequence[Row], int], Case]:
    """The newest of each channel are missing, told by channel, then seq."""

    def cut(log: Sequence[Row], _window: int) -> Case:
        heads = Counter(row.channel for row in log)
        missing = [row for row in log if row.seq > heads[row.channel] - count]
        held = tuple(row for row in log if row.seq <= heads[row.channel] - count)
        return Case(log=tuple(log), held=held, missing=tuple(sorted(missing, key=_by_channel)))

    return cut


def _by_channel(row: Row) -> tuple[str, int]:
    return row.channel, row.seq


def _nothing(log: Sequence[Row], _window: int) -> Case:
    return Case(log=tuple(log), held=tuple(log), missing=())


def _everything(log: Sequence[Row], _window: int) -> Case:
    return Case(log=tuple(log), held=(), missing=tuple(log))


def _end(count: int) -> Callable[[Sequence[Row], int], Case]:
    """A new device wants only the newest."""
    return lambda log, _window: Case(log=tuple(log), held=(), missing=tuple(log[-count:]))


def _holes(log: Sequence[Row], window: int) -> Case:
    gone = set(random.Random(_SEED + window).sample(range(len(log)), min(_HOLES, len(log))))  # noqa: S311 - which are missing is no secret
    return Case(
        log=tuple(log),
        held=tuple(row for at, row in enumerate(log) if at not in gone),
        missing=tuple(row for at, row in enumerate(log) if at in gone),
        have_set_bits=choose_bits(len(log), len(gone)),
    )


_DELTA: Final = Goal(factor=1.20, plus=80)
_CHECK: Final = Goal(factor=0.0, plus=64)

SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario(key="S1/1", title="the newest record", goal=_DELTA, cut=_newest(1), later=True),
    Scenario(key="S1/5", title="the newest 5", goal=_DELTA, cut=_newest(5), later=True),
    Scenario(key="S1/20", title="the newest 20", goal=_DELTA, cut=_newest(20), later=True),
    Scenario(key="S1/100", title="the newest 100", goal=_DELTA, cut=_newest(100), later=True),
    Scenario(key="S2", title="nothing", goal=_CHECK, cut=_nothing),
    Scenario(key="S2/all", title="nothing, all channels", goal=_CHECK, cut=_nothing, every_channel=True),
    Scenario(key="S3", title=f"{_HOLES} random holes", goal=_DELTA, cut=_holes),
    Scenario(key="S4", title="a new device, all", goal=Goal(factor=1.10, plus=80), cut=_everything, new=True),
    Scenario(key="S5", title="a new device, newest 100", goal=_DELTA, cut=_end(100), new=True, newest=100),
    Scenario(
        key="S6",
        title="the newest 2 of all channels",
        goal=Goal(factor=1.30, plus=80, per_channel=2),
        cut=_newest(2),
        every_channel=True,
        later=True,
    ),
)
"""All of them, in the order of the table."""


def grown(chosen: Sequence[Scenario], log: Sequence[Row], window: int) -> tuple[list[Case], tuple[Row, ...]]:
    """Cut a log for scenarios that are measured one after the other, while it grows.

    Args:
        chosen: in the order of measuring.
        log: all that there is in the end.
        window: its number.

    Returns:
        a case for each scenario, and what is stored before the first: all but what comes later.
    """
    cases: list[Case] = []
    stored = tuple(log)
    for scenario in reversed(chosen):
        case = scenario.cut(stored, window)
        cases.append(case)
        stored = case.held if scenario.later else stored
    return cases[::-1], stored


GROWTH: Final = (
    sum(int(each.key.partition("/")[2]) for each in SCENARIOS if each.later and not each.every_channel) - 1
)
"""How many records a log of one channel grows by from the first scenario to the last."""
