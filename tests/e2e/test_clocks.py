"""Devices whose clocks are hours off and jump, through real brokers."""

from __future__ import annotations

import time

from stacks import Stack, eventually, held

HOUR = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def skews(stack: Stack) -> dict[str, int]:
    return {one.device: one.skew for one in stack.registry.devices() if one.skew is not None}


def test_order_is_the_services_and_the_skew_is_measured(stack: Stack) -> None:
    stack.start()
    ahead, behind = 5 * HOUR, -300 * HOUR
    with (
        stack.device("aphone", clock=lambda: now_ms() + ahead) as phone,
        stack.device("bphone", clock=lambda: now_ms() + behind) as other,
    ):
        for n in range(3):
            phone.send("room1", f"from ahead {n}").result(timeout=10)
            other.send("room1", f"from behind {n}").result(timeout=10)
        other.sync()
        eventually(lambda: len(held(other, "room1")) == 6)
        records = list(other.records("room1"))
        assert [record.text.split()[1] for record in records] == ["ahead", "behind"] * 3
        times = [record.time for record in records]
        assert times == sorted(times)
        assert abs(times[0] - now_ms()) < 60_000
        for record in records:
            said = record.time + (ahead if record.author == "alice" else behind)
            assert abs(record.sent - said) < 30_000, "kept as it was told"
        found = skews(stack)
        assert found.keys() == {"aphone", "bphone"}
        assert abs(found["aphone"] - ahead) < 30_000
        assert abs(found["bphone"] - behind) < 30_000
        ahead = -ahead
        phone.send("room1", "put back").result(timeout=10)
        eventually(lambda: abs(skews(stack)["aphone"] - ahead) < 30_000)
    stack.stop()
    stack.start()
    with stack.device("atablet") as tablet:
        assert tablet.sync().records == 7
        assert [one.text for one in tablet.records("room1")][-1] == "put back"
    assert abs(skews(stack)["aphone"] - ahead) < 30_000


def test_what_waited_in_the_outbox_is_no_skew(stack: Stack) -> None:
    stack.start()
    waited = 48 * HOUR
    with stack.device("aphone", clock=lambda: now_ms() - waited) as phone:
        phone.send("room1", "written two days ago").result(timeout=10)
    waited = 0
    with stack.device("aphone") as phone:
        phone.send("room1", "written now").result(timeout=10)
        eventually(lambda: abs(skews(stack)["aphone"]) < 30_000)
