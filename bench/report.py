"""What a benchmark found: figures of one run beside each other, as a table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A figure that was measured, as a ratio to another of the same run.

    Attributes:
        name: what was measured.
        value: in ``unit``, a median.
        reference: what it is held against, in ``unit``, a median of the same rounds.
        unit: of both.
        ratio: of the two: more is better where there is a ``least``, worse where there is a ``most``.
        least: the goal's lower bound on the ratio, if it has one.
        most: the goal's upper bound on the ratio, if it has one.
    """

    name: str
    value: float
    reference: float
    unit: str
    ratio: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the goal is met; true where there is none."""
        low = self.least is None or self.ratio >= self.least
        return low and (self.most is None or self.ratio <= self.most)

    @property
    def goal(self) -> str:
        """The goal in words, and whether it is met."""
        if self.least is None and self.most is None:
            return ""
        bound = f"at least {self.least}" if self.least is not None else f"at most {self.most}"
        return f"{bound}: {'met' if self.met else 'MISSED'}"


def show(title: str, results: Sequence[Result]) -> None:
    """Print results under a title."""
    print(f"\n{title}\n")
    print(f"{'':44} {'measured':>12} {'reference':>12} {'unit':8} {'ratio':>6}  goal")
    for each in results:
        figures = f"{each.value:12,.0f} {each.reference:12,.0f} {each.unit:8} {each.ratio:6.2f}"
        print(f"{each.name:44} {figures}  {each.goal}")


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(rounds: int, *works: Callable[[], object]) -> list[float]:
    """The median seconds of each piece of work, measured by turns so that all see the same machine.

    Args:
        rounds: how often each is done; the first is not counted.
        works: what to measure.
    """
    seen = [[seconds(work) for work in works] for _ in range(rounds + 1)]
    return [statistics.median(column) for column in zip(*seen[1:], strict=True)]
