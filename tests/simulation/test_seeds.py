"""Seeded simulations of the whole system; a failure names its seed and the line that runs it again.

``TIDELOG_SEEDS`` is a count, or ``START:STOP``, for the soak (`make soak`).
"""

from __future__ import annotations

import os

import pytest

from simulated.checker import check
from simulated.world import World
from tidelog.wire import payload as wire
from tidelog.wire.frames import Messages
from tidelog.wire.parcels import Parcel
from tidelog_service.engine.packets import Packet

_SEEDS = range(26)
_SOAK_SEEDS = "2000"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test its seeds; the soak has none unless it is asked for."""
    if "soak_seed" in metafunc.fixturenames:
        marks = metafunc.config.getoption("markexpr")
        asked = "soak" in marks and "not soak" not in marks
        metafunc.parametrize("soak_seed", _soak_seeds() if asked or "TIDELOG_SEEDS" in os.environ else ())


def _soak_seeds() -> range:
    start, _, stop = os.environ.get("TIDELOG_SEEDS", _SOAK_SEEDS).rpartition(":")
    return range(int(start or 0), int(stop))


@pytest.mark.parametrize("seed", _SEEDS)
def test_everything_arrives_exactly_once(seed: int) -> None:
    """After storms, crashes and lost disks each device holds exactly what its user may read."""
    simulate(seed)


def test_parcels_are_under_way_in_the_storm() -> None:
    """With and without records to build on, and refused for them."""
    worlds = [simulate(seed) for seed in range(5, 9)]
    packets = [packet for world in worlds for packet in world.server.packets]
    frames = [wire.decode(packet.payload)[0] for packet in packets if _is_batch(packet)]
    parcels = [frame for frame in frames if isinstance(frame, Parcel)]
    assert len([parcel for parcel in parcels if parcel.basis]) > 10
    assert len([parcel for parcel in parcels if not parcel.basis]) > 10
    assert any(isinstance(frame, Messages) for frame in frames)
    assert any(world.tally["context"] for world in worlds)


def test_logs_are_trimmed_and_services_set_back_in_the_storm() -> None:
    """Else the seeds would prove nothing of either."""
    world = simulate(38)
    assert world.tally["trim"]
    assert world.tally["restored"]


def _is_batch(packet: Packet) -> bool:
    return packet.topic.endswith("/msg")


@pytest.mark.soak
def test_everything_arrives_exactly_once_for_long(soak_seed: int) -> None:
    """The same for as many seeds as one has patience for."""
    simulate(soak_seed)


def simulate(seed: int) -> World:
    """Run one seed."""
    again = f"TIDELOG_SEEDS={seed}:{seed + 1} pytest -s -m soak tests/simulation"
    try:
        world = World(seed)
        try:
            world.run()
            check(world)
        finally:
            world.close()
    except Exception as error:
        error.add_note(f"seed {seed}; run it again: {again}")
        raise
    ledger = world.ledger
    print(  # noqa: T201 - figures for whoever runs it with -s
        f"seed {seed}: {len(ledger.messages)} messages, {ledger.bytes_bodies} bytes of missing bodies came "
        f"in {ledger.bytes_pages} bytes of pages and pushes, {dict(sorted(world.tally.items()))}"
    )
    return world
