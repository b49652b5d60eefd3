"""Random requests about members: the database does as plain dictionaries do; asking twice does no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given, settings
from hypothesis import strategies as st

from simulated.rolls import PlainRolls
from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import Code, ProtocolError
from tidelog_service.engine.enrolling import Enrolled, Enroller
from tidelog_service.engine.ports import Terminal
from tidelog_service.engine.rolls import Policy, Rolls
from tidelog_service.store.database import open_database
from tidelog_service.store.models import Channel
from tidelog_service.store.registry import Registry
from tidelog_service.store.rolls import RollStore

USERS = ("ann", "bob", "cem", "dan")
CHANNELS = ("boat", "clubs/sailing", "dm/ann/bob")
POLICY = Policy(create="anybody", direct=True, channels_max=2, members_max=3)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Enrol]:
    """Who asks, and what."""
    action = draw(st.sampled_from(Action))
    low, high = {Action.DIRECT: (1, 1), Action.CREATE: (0, 3), Action.LEAVE: (0, 0)}.get(action, (1, 3))
    named = st.sampled_from((*USERS, "nobody"))
    frame = Enrol(
        rid=5,
        action=action,
        channel="" if action is Action.DIRECT else draw(st.sampled_from(CHANNELS)),
        users=tuple(draw(st.lists(named, min_size=low, max_size=high, unique=True))),
        role=draw(st.sampled_from(Role)) if action in (Action.CREATE, Action.INVITE) else Role.WRITER,
        windowed=action is Action.CREATE and draw(st.booleans()),
    )
    return draw(st.sampled_from(USERS)), frame


WRITES = st.tuples(st.sampled_from(CHANNELS), st.integers(1, 9))
STEPS = st.lists(st.one_of(requests(), requests(), requests(), WRITES), max_size=25)


@contextmanager
def both() -> Iterator[tuple[PlainRolls, RollStore]]:
    """Dictionaries and a database with the same users."""
    devices = {user: (f"{user}-1", f"{user}-2") for user in USERS}
    with open_database(":memory:") as database:
        registry = Registry(database, now_ms=lambda: 1_000)
        for user in USERS:
            registry.add_user(user)
            for device in devices[user]:
                registry.add_device(user, device, secret="x")
        registry.close()
        keys = {user: key for key, user in enumerate(USERS, 1)}
        yield PlainRolls(keys, devices), RollStore(database, epochs=lambda: 7)


def serve(rolls: Rolls, user: str, frame: Enrol) -> Enrolled | Code:
    terminal = Terminal(device=f"{user}-1", user_id=USERS.index(user) + 1, user=user)
    try:
        return Enroller(rolls, POLICY).serve(frame, terminal, 2_000)
    except ProtocolError as error:
        return error.wire_code


def write(plain: PlainRolls, stored: RollStore, channel: str, head: int) -> None:
    """As if records had come, where there is such a channel."""
    with plain.transaction():
        if plain.room(channel, 1) is None:
            return
    plain.write(channel, head)
    with stored.transaction():
        stored._database.write(Channel.update(head=head).where(Channel.name == channel))


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_both_stores_come_to_the_same_and_asking_again_changes_nothing(
    steps: list[tuple[str, Enrol] | tuple[str, int]],
) -> None:
    heads: dict[str, int] = {}
    with both() as (plain, stored):
        for who, what in steps:
            if not isinstance(what, Enrol):
                heads[who] = heads.get(who, 0) + what
                write(plain, stored, who, heads[who])
                continue
            done = serve(plain, who, what)
            assert serve(stored, who, what) == done
            for rolls in (plain, stored):
                again = serve(rolls, who, what)
                if isinstance(done, Enrolled) and not _gave_itself_away(who, what, done.roster):
                    assert again == Enrolled(done.roster, {})


def _gave_itself_away(who: str, frame: Enrol, roster: Roster) -> bool:
    """An owner may have removed, or demoted, the one who asks: asking again is then not theirs any more."""
    return (
        frame.action in (Action.INVITE, Action.REMOVE)
        and who in frame.users
        and roster.role is not Role.OWNER
    )
