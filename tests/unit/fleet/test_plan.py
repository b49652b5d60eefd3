"""What devices do is drawn from the seed, in an order that makes sense."""

from __future__ import annotations

import random

import pytest

from tidelog_fleet.crew import make_crew
from tidelog_fleet.plan import (
    EPISODES,
    Cut,
    Forget,
    Heal,
    Quit,
    Rhythm,
    Start,
    Step,
    Sync,
    TornSync,
    Trespass,
    Wipe,
    Write,
    make_plan,
)
from tidelog_fleet.texts import built_in, dealt

CREW = make_crew(12, random.Random(1), tag="f1")


def planned(place: int = 0, *, seed: int = 1, seconds: float = 60.0) -> list[Step]:
    hands = dealt(built_in(), [seat.device for seat in CREW.seats], random.Random(seed))
    seat = CREW.seats[place]
    return list(make_plan(CREW, seat, hands[seat.device], random.Random(f"{seed}/{place}"), seconds=seconds))


def test_a_seed_always_draws_the_same_plan() -> None:
    assert planned() == planned()
    assert planned() != planned(seed=2)
    assert planned() != planned(1)


def test_a_longer_plan_begins_as_the_shorter_one() -> None:
    short, long = planned(seconds=20), planned(seconds=60)
    assert long[: len(short)] == short
    assert len(long) > len(short)


def test_steps_ascend_within_their_time() -> None:
    times = [step.at_s for step in planned()]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < 60


def test_a_long_plan_has_every_kind_of_action() -> None:
    kinds = {type(step.action) for step in planned(seconds=3_000)}
    assert kinds == {Write, Cut, Heal, Quit, Start, Sync, TornSync, Forget, Wipe, Trespass}


def test_rhythms_name_every_kind_of_episode() -> None:
    assert {name for name, _ in Rhythm().weights} == set(EPISODES)


@pytest.mark.parametrize("place", range(12))
def test_a_device_acts_where_it_may_and_asks_where_it_may_not(place: int) -> None:
    user = CREW.seats[place].user
    for step in planned(place, seconds=600):
        match step.action:
            case Write() | Forget():
                assert step.action.channel in CREW.readable(user)
            case Trespass():
                assert step.action.channel in CREW.foreign(user)


@pytest.mark.parametrize("place", range(12))
def test_outages_and_absences_end_before_anything_else_begins(place: int) -> None:
    """While the link is cut there is nothing but writing; while the program has ended, nothing at all."""
    state = Start
    for step in planned(place, seconds=600):
        kind = type(step.action)
        if state is Cut:
            assert kind in (Write, Heal)
        if state is Quit:
            assert kind is Start
        state = Cut if state is Cut and kind is Write else kind


def test_no_message_is_written_twice() -> None:
    bodies = [
        body
        for place in range(12)
        for step in planned(place, seconds=300)
        if isinstance(step.action, Write)
        for body in step.action.bodies
    ]
    assert len(set(bodies)) == len(bodies) > 1_000
