"""What the bench found: means over the windows of each scenario, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tidelog_cli.bytes_bench.rig import Taken
from tidelog_cli.bytes_bench.rivals import Rivals

ABSENT: Final = "not in this version"

_ENDLESS: Final = 1_000
"""Columns of a terminal in which every table fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One scenario in one window.

    Attributes:
        records: how many were missing.
        taken: what the sync took; ``None`` where this version cannot do it.
        bound: bytes that it has to take at least.
        limit: the goal, bytes in both directions.
        rivals: what others take for the same records, bytes.
    """

    records: int
    taken: Taken | None
    bound: float
    limit: float
    rivals: Rivals


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One scenario: means over windows. Attributes in bytes where they have no unit.

    Attributes:
        corpus: its name.
        key: the scenario's short name.
        title: what is missing, in words.
        windows: how many were measured.
        records: how many were missing.
        bytes_up: MQTT bytes on the socket from the device; ``None`` where this version cannot do it, as the
            three that follow.
        bytes_down: the same, to the device.
        rounds: requests.
        cpu_ms: of the service.
        bound: what it has to take at least.
        limit: the goal, for both directions.
        rivals: what others take.
    """

    corpus: str
    key: str
    title: str
    windows: int
    records: float
    bytes_up: float | None
    bytes_down: float | None
    rounds: float | None
    cpu_ms: float | None
    bound: float
    limit: float
    rivals: Rivals

    @property
    def total(self) -> float | None:
        """Bytes in both directions."""
        if self.bytes_up is None or self.bytes_down is None:
            return None
        return self.bytes_up + self.bytes_down

    @property
    def met(self) -> bool:
        """Whether the goal is met; what cannot be done does not meet it."""
        return self.total is not None and self.total <= self.limit

    @property
    def verdict(self) -> str:
        """In a word or three."""
        return ABSENT if self.total is None else "met" if self.met else "missed"


def summed(corpus: str, key: str, title: str, samples: Sequence[Sample]) -> Outcome:
    """The means of a scenario's samples, of which there is at least one."""
    taken = [sample.taken for sample in samples if sample.taken is not None]
    rivals = [sample.rivals for sample in samples]
    return Outcome(
        corpus=corpus,
        key=key,
        title=title,
        windows=len(samples),
        records=fmean(sample.records for sample in samples),
        bytes_up=_mean(each.bytes_up for each in taken),
        bytes_down=_mean(each.bytes_down for each in taken),
        rounds=_mean(each.rounds for each in taken),
        cpu_ms=_mean(each.cpu_ms for each in taken),
        bound=fmean(sample.bound for sample in samples),
        limit=fmean(sample.limit for sample in samples),
        rivals=Rivals(
            raw=fmean(each.raw for each in rivals),
            publishes=fmean(each.publishes for each in rivals),
            deflate=fmean(each.deflate for each in rivals),
            zstd=_mean(each.zstd for each in rivals if each.zstd is not None),
        ),
    )


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return fmean(known) if known else None


def as_object(outcome: Outcome) -> dict[str, Any]:
    """For JSON: the attributes, ``total``, ``met`` and ``verdict``."""
    return asdict(outcome) | {"total": outcome.total, "met": outcome.met, "verdict": outcome.verdict}


_Columns = tuple[tuple[str, Callable[[Outcome], str]], ...]
_VERDICT: Final = "goal"

_WHAT: Final[_Columns] = (("", lambda each: each.key), ("missing", lambda each: each.title))
_TAKEN: Final[_Columns] = (
    ("up", lambda each: shown(each.bytes_up)),
    ("down", lambda each: shown(each.bytes_down)),
    ("both", lambda each: shown(each.total)),
    ("target", lambda each: shown(each.limit)),
    (_VERDICT, lambda each: each.verdict),
    ("bound", lambda each: shown(each.bound, digits=1)),
    ("rounds", lambda each: shown(each.rounds, digits=1)),
    ("CPU ms", lambda each: shown(each.cpu_ms, digits=1)),
)
_BESIDE: Final[_Columns] = (
    ("bodies", lambda each: shown(each.rivals.raw)),
    ("PUBLISH", lambda each: shown(each.rivals.publishes)),
    ("deflate", lambda each: shown(each.rivals.deflate)),
    ("zstd", lambda each: shown(each.rivals.zstd)),
)

CAPTION: Final = (
    "MQTT bytes on the socket, headers and acknowledgements included; means. Beside them, for the same "
    "records: the bodies alone; one PUBLISH a record at QoS 1; all bodies in one deflate -9 or zstd -19."
)


def shown(value: float | None, *, digits: int = 0) -> str:
    """A figure for people; a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def tables(corpus: str, outcomes: Sequence[Outcome], *, width: int | None) -> list[Table]:
    """One corpus' outcomes for a terminal.

    Args:
        corpus: its name, the title.
        outcomes: its scenarios.
        width: columns of the terminal; ``None`` where there is no end to them.

    Returns:
        one table, or two where one would not fit: what was taken, and what others take.
    """
    whole = _table(corpus, outcomes, _WHAT + _TAKEN + _BESIDE)
    endless = Console(width=_ENDLESS)
    if width is None or Measurement.get(endless, endless.options, whole).maximum <= width:
        return [whole]
    return [_table(corpus, outcomes, _WHAT + _TAKEN), _table("", outcomes, _WHAT[:1] + _BESIDE)]


def _table(title: str, outcomes: Sequence[Outcome], columns: _Columns) -> Table:
    made = Table(box=SIMPLE_HEAD, pad_edge=False, title=title or None, title_justify="left")
    for column in columns:
        made.add_column(column[0], justify="left" if column in _WHAT else "right")
    for outcome in outcomes:
        style = "green" if outcome.met else "yellow" if outcome.total is None else "bold red"
        cells = ((heading, cell(outcome)) for heading, cell in columns)
        made.add_row(*(Text(cell, style if heading == _VERDICT else "") for heading, cell in cells))
    return made


def markdown(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The same table for a page, a line each."""
    columns = _WHAT + _TAKEN + _BESIDE
    yield "| " + " | ".join(heading for heading, _ in columns) + " |"
    yield "|---|---|" + "---:|" * (len(columns) - len(_WHAT))
    for outcome in outcomes:
        yield "| " + " | ".join(cell(outcome) for _, cell in columns) + " |"
