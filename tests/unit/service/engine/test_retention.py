"""Which floors rise, how far, and in which steps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tidelog.wire.errors import Unavailable
from tidelog_service.engine.retention import DAY_MS, SLACK, Archive, Policy, Retention, Stock

EVERY_MS = 1_000


@dataclass
class Logs(Archive):
    """Logs in memory: a record a day, 10 bytes each, and two at most are deleted at a time."""

    policies: dict[int, Policy]
    heads: dict[int, int]
    floors: dict[int, int] = field(default_factory=dict)
    swept: dict[int, int] = field(default_factory=dict)
    steps: list[tuple[str, int]] = field(default_factory=list)
    fails: bool = False

    def stocks(self, above: int, count: int) -> list[Stock]:
        if self.fails:
            raise Unavailable("the disk failed", code="store_failed")
        return [self.stock(log_id) for log_id in sorted(self.heads) if log_id > above][:count]

    def stock(self, log_id: int) -> Stock:
        floor, swept, head = self.floors.get(log_id, 1), self.swept.get(log_id, 1), self.heads[log_id]
        return Stock(log_id, floor, head, swept, 10 * (head + 1 - swept), self.policies[log_id])

    def first_since(self, log_id: int, start: int, stop: int, time_ms: int) -> int:  # noqa: ARG002 - all are alike
        return min(max(start, -(-time_ms // DAY_MS)), stop)

    def shed(self, log_id: int, start: int, stop: int, body_bytes: int) -> int:  # noqa: ARG002 - all are alike
        return min(start + -(-body_bytes // 10), stop)

    def raise_floor(self, log_id: int, floor: int) -> None:
        self.steps.append(("floor", floor))
        self.floors[log_id] = floor

    def sweep(self, log_id: int) -> None:
        end = min(self.swept.get(log_id, 1) + 2, self.floors[log_id])
        self.steps.append(("swept", end))
        self.swept[log_id] = end


def kept(policy: Policy, *, head: int = 100, today: int = 100) -> int:
    """The floor once everything is done."""
    logs = Logs({1: policy}, {1: head})
    run(logs, now_ms=today * DAY_MS)
    assert logs.swept.get(1, 1) == logs.floors.get(1, 1)
    return logs.floors.get(1, 1)


def run(logs: Logs, *, now_ms: int = 0) -> Retention:
    retention = Retention(logs, every_ms=EVERY_MS, trouble=lambda error: pytest.fail(str(error)))
    while retention.due_ms <= now_ms:
        retention.turn(now_ms)
    return retention


@pytest.mark.parametrize(
    ("policy", "floor"),
    [
        (Policy(), 1),
        (Policy(records=10), 91),
        (Policy(records=100), 1),
        (Policy(days=30), 70),
        (Policy(days=1_000), 1),
        (Policy(body_bytes=250), 76),
        (Policy(body_bytes=1), 101),
        (Policy(days=30, records=10, body_bytes=250), 91),
        (Policy(days=5, records=10, body_bytes=250), 95),
        (Policy(days=30, records=50, body_bytes=250), 76),
    ],
)
def test_the_strictest_bound_decides(policy: Policy, floor: int) -> None:
    assert kept(policy) == floor


def test_a_log_that_nobody_writes_to_is_emptied_by_age() -> None:
    assert kept(Policy(days=5), today=1_000) == 101


def test_a_little_too_much_is_left_until_it_is_worth_telling() -> None:
    assert kept(Policy(records=90), head=90 + 90 // SLACK) == 1
    assert kept(Policy(records=90), head=91 + 90 // SLACK) == 7
    assert kept(Policy(body_bytes=900), head=90 + 90 // SLACK) == 1
    assert kept(Policy(body_bytes=900), head=91 + 90 // SLACK) == 7


def test_the_floor_rises_before_anything_is_deleted_and_then_a_little_goes_at_a_time() -> None:
    logs = Logs({1: Policy(records=5)}, {1: 10})
    run(logs)
    assert logs.steps == [("floor", 6), ("swept", 3), ("swept", 5), ("swept", 6)]


def test_each_turn_does_one_step() -> None:
    logs = Logs({1: Policy(records=5), 2: Policy(records=5)}, {1: 10, 2: 10})
    retention = Retention(logs, every_ms=EVERY_MS, trouble=lambda error: pytest.fail(str(error)))
    for steps in range(1, 9):
        retention.turn(5)
        assert len(logs.steps) == steps
        assert retention.due_ms == 5
    for _ in range(2):
        retention.turn(5)  # finds that there is no more
    assert (len(logs.steps), retention.due_ms) == (8, 5 + EVERY_MS)


def test_a_round_begins_after_a_while_or_when_it_is_asked_for_or_the_clock_steps_back() -> None:
    logs = Logs({1: Policy()}, {1: 10})
    retention = run(logs, now_ms=10**6)
    logs.policies[1] = replace(logs.policies[1], records=5)
    retention.turn(10**6 + EVERY_MS - 1)
    assert logs.steps == []
    retention.hurry()
    assert retention.due_ms == 0
    retention.turn(10**6 + 1)
    assert logs.steps == [("floor", 6)]
    logs.heads[1] = 20
    retention = run(logs, now_ms=10**6)
    logs.heads[1] = 30
    retention.turn(10**5)
    assert logs.steps[-1] == ("floor", 26)


def test_a_store_that_fails_is_told_and_tried_again_later() -> None:
    troubles: list[Exception] = []
    logs = Logs({1: Policy(records=5)}, {1: 10}, fails=True)
    retention = Retention(logs, every_ms=EVERY_MS, trouble=troubles.append)
    retention.turn(7)
    assert (len(troubles), retention.due_ms) == (1, 7 + EVERY_MS)
    logs.fails = False
    retention.turn(7 + EVERY_MS)
    assert logs.steps == [("floor", 6)]
