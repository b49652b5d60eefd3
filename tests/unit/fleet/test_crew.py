"""Who takes part is drawn from the seed, and makes sense at every size."""

from __future__ import annotations

import random

import pytest

from tidelog.wire.topics import is_channel, is_device, is_user
from tidelog_fleet.crew import Crew, free_tag, make_crew


def drawn(devices: int, seed: int = 1, tag: str = "f1") -> Crew:
    return make_crew(devices, random.Random(seed), tag=tag)


def test_a_seed_always_draws_the_same_crew() -> None:
    assert drawn(20) == drawn(20)
    assert drawn(20) != drawn(20, seed=2)


def test_the_tag_changes_names_only() -> None:
    """The second fleet on a deployment is the same fleet under other names."""
    first, second = drawn(20), drawn(20, tag="f2")
    assert [seat.device.replace("f1", "f2", 1) for seat in first.seats] == [
        seat.device for seat in second.seats
    ]
    assert [len(room.members) for room in first.rooms] == [len(room.members) for room in second.rooms]


@pytest.mark.parametrize("devices", [1, 2, 3, 5, 12, 50, 300])
def test_everybody_has_a_device_and_a_channel(devices: int) -> None:
    for seed in range(20):
        crew = drawn(devices, seed)
        assert len({seat.device for seat in crew.seats}) == len(crew.seats) == devices
        assert {seat.user for seat in crew.seats} == set(crew.users)
        assert all(crew.readable(user) for user in crew.users)
        assert devices == 1 or len(crew.users) > 1


def test_every_name_is_one_that_the_service_takes() -> None:
    crew = drawn(300, tag="f12")
    assert all(is_device(seat.device) and is_user(seat.user) for seat in crew.seats)
    assert all(is_channel(room.name) for room in crew.rooms)
    assert len({room.name for room in crew.rooms}) == len(crew.rooms)


def test_what_is_not_readable_is_foreign() -> None:
    crew = drawn(30)
    every = {room.name for room in crew.rooms}
    for user in crew.users:
        readable, foreign = set(crew.readable(user)), set(crew.foreign(user))
        assert readable | foreign == every
        assert not readable & foreign
        assert foreign, "with many users there is always a channel of others"


def test_a_free_tag_begins_no_name_that_exists() -> None:
    assert free_tag([]) == "f1"
    assert free_tag(["alice", "f1u1", "f2g1"]) == "f3"
