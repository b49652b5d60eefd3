"""What everything would take again, from sums alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidelog.replica.costs import bytes_full
from tidelog.replica.ports import Weight
from tidelog.replica.steps import SyncReport
from tidelog.wire.mqttsize import plain_bytes

TOPIC = "tl1/a1phone/re"
BODIES = st.lists(st.lists(st.integers(0, 32_768), max_size=8), max_size=4)


def report(new: list[int]) -> SyncReport:
    plain = plain_bytes(TOPIC, new)
    return SyncReport(
        records=len(new), rounds=1, bytes_up=30, bytes_down=90, complete=True, bytes_plain=plain
    )


def weights(channels: list[list[int]]) -> list[Weight]:
    return [Weight(records=len(bodies), body_bytes=sum(bodies)) for bodies in channels]


@given(BODIES)
def test_a_new_device_would_get_the_same_either_way(channels: list[list[int]]) -> None:
    new = [size for bodies in channels for size in bodies]
    told = bytes_full(report(new), device="a1phone", held=weights(channels))
    assert told == plain_bytes(TOPIC, new)


@given(BODIES, st.integers(0, 8))
def test_it_is_at_most_two_bytes_a_record_off(channels: list[list[int]], count: int) -> None:
    everything = [size for bodies in channels for size in bodies]
    new = everything[:count]
    told = bytes_full(report(new), device="a1phone", held=weights(channels))
    assert abs(told - plain_bytes(TOPIC, everything)) <= 2 * len(everything)
    assert told >= report(new).bytes_plain


def test_equal_bodies_are_exact() -> None:
    held = [Weight(records=10_000, body_bytes=700_000), Weight()]
    assert bytes_full(report([70] * 20), device="a1phone", held=held) == 10_000 * (2 + 2 + 14 + 2 + 70 + 4)
