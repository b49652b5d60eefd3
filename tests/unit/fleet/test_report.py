"""Figures and verdict, computed by hand beside."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from tidelog.replica.ports import Record
from tidelog.replica.steps import SyncReport
from tidelog.wire.mqttsize import publish_bytes
from tidelog_fleet.checker import Fault, FaultKind
from tidelog_fleet.crew import Crew, Room, Seat
from tidelog_fleet.ledger import Counts, Synced
from tidelog_fleet.report import Outcome, as_object, faults_table, figures_table, sized, sync_cost

SEATS = (Seat(device="a1", user="a"), Seat(device="b1phone", user="b"))
CREW = Crew(users=("a", "b"), seats=SEATS, rooms=(Room(name="room", members=("a", "b")),))
LOG = [
    Record(channel="room", seq=seq, author="a", time=0, sent=0, kind=0, body=b"x" * size)
    for seq, size in enumerate((10, 20, 300), start=1)
]


def synced(seat: Seat, head: int, records: int, up: int, down: int) -> Synced:
    report = SyncReport(records=records, rounds=1, bytes_up=up, bytes_down=down, complete=True)
    return Synced(seat=seat, report=report, heads={"room": head})


def ended(*faults: Fault) -> Outcome:
    cost = sync_cost([synced(SEATS[0], 3, 3, 20, 380)], {"room": LOG})
    return Outcome(
        seed=7, crew=CREW, texts="made-up sentences", seconds=60, settling_s=1.25, early=False,
        counts=Counts(written=3, cuts=1), records=3, compared=6, cost=cost, faults=faults,
    )  # fmt: skip


def test_a_full_resend_is_every_record_known_at_each_sync() -> None:
    """A short topic and a long one; two syncs of one device, the first when there were two records."""
    a, b = SEATS
    syncs = [synced(a, 2, 2, 20, 60), synced(b, 3, 1, 20, 330), synced(a, 3, 1, 10, 320)]
    cost = sync_cost(syncs, {"room": LOG})

    def resent(device: str, *sizes: int) -> int:
        return sum(publish_bytes(f"tl1/{device}/re", size, qos=0) for size in sizes)

    by_hand = resent("a1", 10, 20) + resent("b1phone", 10, 20, 300) + resent("a1", 10, 20, 300)
    assert cost.full_resend_bytes == by_hand
    assert (cost.syncs, cost.records, cost.bytes_up, cost.bytes_down) == (3, 4, 50, 710)
    assert cost.factor == by_hand / 760


def test_a_sync_of_a_log_that_is_gone_costs_nothing_more() -> None:
    """A head beyond the log is a fault of its own; the figures do not fail over it."""
    assert sync_cost([synced(SEATS[0], 9, 0, 1, 1)], {"room": LOG[:1]}).full_resend_bytes == publish_bytes(
        "tl1/a1/re", 10, qos=0
    )


def test_verdict_and_account_are_lines_that_fit_80_columns() -> None:
    outcome = ended()
    assert outcome.clean
    assert outcome.verdict == "clean: nothing missing, nothing twice, nothing foreign"
    resent = outcome.cost.full_resend_bytes
    assert outcome.account == (f"2 devices, 3 messages, 1 cut, 0 wipes; syncs 400 B, full resend {resent} B")
    assert max(len(outcome.verdict), len(outcome.account)) <= 80


def test_the_remark_on_missing_receipts_stands_only_where_some_are_missing() -> None:
    def page(counts: Counts) -> str:
        text = io.StringIO()
        Console(file=text, width=80).print(figures_table(replace(ended(), counts=counts)))
        return text.getvalue()

    assert "the others" in page(Counts(written=3, receipts=2)).partition("receipts")[2].splitlines()[0]
    assert "the others" not in page(Counts(written=3, receipts=3)).partition("receipts")[2].splitlines()[0]


def test_the_verdict_counts_faults_by_kind() -> None:
    missing = Fault(kind=FaultKind.MISSING, text="room 3 is not held", device="b1phone")
    outcome = ended(missing, missing, Fault(kind=FaultKind.HOLE, text="room"))
    assert not outcome.clean
    assert outcome.verdict == "not clean: missing 2, hole 1"


def test_json_has_all_of_it() -> None:
    fault = Fault(kind=FaultKind.MISSING, text="room 3 is not held", device="b1phone", channel="room", seq=3)
    told = json.loads(json.dumps(as_object(ended(fault))))
    assert told["clean"] is False
    assert told["faults"] == [
        {"kind": "missing", "text": "room 3 is not held", "device": "b1phone", "channel": "room", "seq": 3}
    ]
    assert told["counts"]["written"] == 3
    assert told["syncs"]["bytes_down"] == 380
    assert told["clocks"]["measured"] == 0


def test_tables_fit_a_terminal_of_80_columns() -> None:
    fault = Fault(kind=FaultKind.MISSING, text="room 3 [not markup] is not held", device="b1phone")
    page = io.StringIO()
    console = Console(file=page, width=80)
    console.print(figures_table(ended(fault)))
    console.print(faults_table([fault] * 7))
    text = page.getvalue()
    assert "messages written" in text
    assert "a record that a device may read and does not hold: 7" in text
    assert text.count("[not markup]") == 5
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (12_345_678, "12.3 MB"), (5e9, "5.0 GB")],
)
def test_sizes_for_people(size: float, text: str) -> None:
    assert sized(size) == text
