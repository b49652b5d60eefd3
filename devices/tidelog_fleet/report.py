"""What a fleet came to: figures, faults, the verdict, and how they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate, groupby
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from tidelog.replica.ports import Record
from tidelog.wire.mqttsize import publish_bytes
from tidelog.wire.topics import reply_topic
from tidelog_fleet.checker import MEANINGS, Fault
from tidelog_fleet.clocks import ClockFigures
from tidelog_fleet.crew import Crew
from tidelog_fleet.ledger import Counts, Synced

FAULTS_SHOWN: Final = 5
"""Of each kind, in the table; ``--json`` has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCost:
    """What the syncs that ended well took on the sockets, in MQTT bytes, against sending everything again.

    Attributes:
        syncs: how many.
        records: new records that they brought; live pushes brought the others.
        bytes_up: from the devices.
        bytes_down: to the devices.
        full_resend_bytes: what the same syncs would have cost at the least without have-sets: every record
            that the device knew of at the end of the sync, each body as it is, in one PUBLISH of its own at
            QoS 0 on the device's reply topic, with no word on who wrote it or when.
    """

    syncs: int
    records: int
    bytes_up: int
    bytes_down: int
    full_resend_bytes: int

    @property
    def factor(self) -> float:
        """How many times less than the full resend."""
        return self.full_resend_bytes / max(1, self.bytes_up + self.bytes_down)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A fleet that has ended.

    Attributes:
        seed: what decided it.
        crew: who took part.
        texts: where the texts are from.
        seconds: how long the devices followed their plans.
        settling_s: how long healing and the last syncs took.
        early: whether somebody ended it early; all of the rest was done.
        counts: sums over the fleet.
        records: in the service's store at the end.
        compared: records that were compared, over all devices.
        cost: of the syncs.
        faults: all that is wrong; empty for a clean run.
        clocks: how wrong the devices' are, and what the service measured.
    """

    seed: int
    crew: Crew
    texts: str
    seconds: float
    settling_s: float
    early: bool
    counts: Counts
    records: int
    compared: int
    cost: SyncCost
    faults: tuple[Fault, ...]
    clocks: ClockFigures = field(default_factory=ClockFigures)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def verdict(self) -> str:
        """Whether it is clean, and what is wrong, in one line."""
        if self.clean:
            return "clean: nothing missing, nothing twice, nothing foreign"
        kinds = Counter(fault.kind for fault in self.faults)
        listed = ", ".join(f"{kind} {number:,}" for kind, number in kinds.most_common())
        return f"not clean: {listed}"

    @property
    def account(self) -> str:
        """What happened and what it cost, in one line."""
        counts, cost = self.counts, self.cost
        return (
            f"{counted(len(self.crew.seats), 'device')}, {counted(self.records, 'message')}, "
            f"{counted(counts.cuts, 'cut')}, {counted(counts.wipes, 'wipe')}; syncs "
            f"{sized(cost.bytes_up + cost.bytes_down)}, full resend {sized(cost.full_resend_bytes)}"
        )


def sync_cost(syncs: Sequence[Synced], logs: Mapping[str, Sequence[Record]]) -> SyncCost:
    """Sum up the syncs.

    Args:
        syncs: those that ended well.
        logs: the service's records by channel, for what a full resend would have had to send.
    """
    total = 0
    for seat, own in groupby(sorted(syncs, key=_device), key=_device):
        topic = reply_topic(seat)
        resend = {
            name: list(accumulate((_publish(topic, record) for record in log), initial=0))
            for name, log in logs.items()
        }
        total += sum(
            resend[name][min(head, len(logs[name]))]
            for sync in own
            for name, head in sync.heads.items()
            if name in resend
        )
    return SyncCost(
        syncs=len(syncs),
        records=sum(sync.report.records for sync in syncs),
        bytes_up=sum(sync.report.bytes_up for sync in syncs),
        bytes_down=sum(sync.report.bytes_down for sync in syncs),
        full_resend_bytes=total,
    )


def _device(sync: Synced) -> str:
    return sync.seat.device


def _publish(topic: str, record: Record) -> int:
    return publish_bytes(topic, len(record.body), qos=0)


def as_object(outcome: Outcome) -> dict[str, Any]:
    """All of it as one object for JSON."""
    crew = outcome.crew
    return {
        "clean": outcome.clean,
        "verdict": outcome.verdict,
        "account": outcome.account,
        "seed": outcome.seed,
        "devices": len(crew.seats),
        "users": len(crew.users),
        "channels": len(crew.rooms),
        "texts": outcome.texts,
        "seconds": round(outcome.seconds, 3),
        "settling_s": round(outcome.settling_s, 3),
        "early": outcome.early,
        "records": outcome.records,
        "compared": outcome.compared,
        "counts": asdict(outcome.counts),
        "syncs": asdict(outcome.cost) | {"factor": round(outcome.cost.factor, 2)},
        "clocks": asdict(outcome.clocks),
        "faults": [asdict(fault) for fault in outcome.faults],
    }


def figures_table(outcome: Outcome) -> Table:
    """The figures for people."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for name, value, remark in _rows(outcome):
        table.add_row(name, value, remark)
    return table


def _rows(outcome: Outcome) -> Iterable[tuple[str, str, str]]:
    counts, cost, crew = outcome.counts, outcome.cost, outcome.crew
    direct = sum(len(room.members) == 2 for room in crew.rooms)  # noqa: PLR2004 - a pair
    yield "devices", f"{len(crew.seats):,}", f"of {counted(len(crew.users), 'user')}; seed {outcome.seed}"
    yield "channels", f"{len(crew.rooms):,}", f"{direct:,} between two users"
    yield "time", f"{outcome.seconds:,.0f} s", f"and {outcome.settling_s:,.1f} s to come into step"
    yield "messages written", f"{counts.written:,}", f"{outcome.records:,} stored; {outcome.texts}"
    others = "the others: restarted or wiped before" if counts.receipts < counts.written else ""
    yield "receipts", f"{counts.receipts:,}", others
    yield "records delivered", f"{counts.delivered:,}", f"{cost.records:,} by syncs, the others live"
    yield "links cut", f"{counts.cuts:,}", "by resets and in silence"
    yield "restarts", f"{counts.restarts:,}", f"and {counts.revived:,} to reconnect sooner"
    yield "stores wiped", f"{counts.wipes:,}", f"and {counts.forgotten:,} local copies dropped"
    yield "foreign requests", f"{counts.refusals:,}", "refused"
    yield "syncs", f"{cost.syncs:,}", f"and {counts.failed_syncs:,} that a link ended"
    yield "  MQTT bytes up", f"{cost.bytes_up:,}", "of these syncs"
    yield "  MQTT bytes down", f"{cost.bytes_down:,}", ""
    yield "  full resend", f"{cost.full_resend_bytes:,}", f"{cost.factor:,.1f} times as much"
    yield "socket bytes up", f"{counts.bytes_up:,}", "of everything"
    yield "socket bytes down", f"{counts.bytes_down:,}", ""
    clocks = outcome.clocks
    found = f"found to {clocks.error_ms_median:,} ms, at worst {clocks.error_ms_max:,}"
    yield "clocks", f"{clocks.measured:,}", f"off by up to {clocks.skew_ms_max // 1000:,} s; {found}"
    yield "records compared", f"{outcome.compared:,}", counted(len(outcome.faults), "fault")


def faults_table(faults: Sequence[Fault]) -> Table:
    """The first faults of each kind for people, with what the kind means."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("fault", style="bold red")
    table.add_column("where")
    table.add_column("what")
    for kind, meaning in MEANINGS.items():
        found = [fault for fault in faults if fault.kind is kind]
        if found:
            table.add_row(kind, "", Text(f"{meaning}: {len(found):,}", style="bold"))
        for fault in found[:FAULTS_SHOWN]:
            table.add_row("", fault.device or "service", Text(fault.text))
    return table


def counted(number: int, noun: str) -> str:
    """``1 device``, ``2 devices``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sized(size: float) -> str:
    """``734 B``, ``5.1 kB``, ``12.0 MB``: units of a thousand."""
    for unit in ("B", "kB", "MB"):
        if size < 1_000:  # noqa: PLR2004 - the next unit
            return f"{size:,.0f} B" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1_000
    return f"{size:,.1f} GB"
