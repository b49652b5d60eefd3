"""Channels and members as devices change them: who may, how often, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simulated.rolls import PlainRolls
from tidelog.wire.enrolling import Action, Enrol, Role, Roster
from tidelog.wire.errors import Code, ProtocolError, Unavailable
from tidelog_service.engine.enrolling import Enrolled, Enroller, NoRolls
from tidelog_service.engine.ports import Terminal
from tidelog_service.engine.rolls import ANYBODY, Policy, Rolls
from tidelog_service.store.database import open_database
from tidelog_service.store.models import Channel
from tidelog_service.store.registry import Registry
from tidelog_service.store.rolls import RollStore

USERS = ("ann", "bob", "cem", "dan")
OPEN = Policy(create=ANYBODY, direct=True, channels_max=3, members_max=3)


class Hall:
    """Rolls, users with two devices each, and requests as short as can be."""

    def __init__(self, rolls: Rolls, policy: Policy = OPEN) -> None:
        self.rolls = rolls
        self.policy = policy

    def ask(self, user: str, action: Action, channel: str = "", *users: str, **more: object) -> Enrolled:
        frame = Enrol(rid=5, action=action, channel=channel, users=users)
        frame = replace(frame, **more)  # type: ignore[arg-type]
        terminal = Terminal(device=f"{user}-1", user_id=USERS.index(user) + 1, user=user)
        return Enroller(self.rolls, self.policy).serve(frame, terminal, 2_000)

    def refused(self, user: str, action: Action, channel: str = "", *users: str, **more: object) -> Code:
        with pytest.raises(ProtocolError) as caught:
            self.ask(user, action, channel, *users, **more)
        return caught.value.wire_code

    def roles(self, channel: str) -> dict[str, Role]:
        with self.rolls.transaction():
            room = self.rolls.room(channel, 1)
            found = {} if room is None else self.rolls.roles(room.id, range(1, 5))
        return {USERS[user - 1]: role for user, role in found.items()}


@pytest.fixture(params=["plain", "database"])
def hall(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hall]:
    if request.param == "plain":
        keys = {user: key for key, user in enumerate(USERS, 1)}
        yield Hall(PlainRolls(keys, {user: (f"{user}-1", f"{user}-2") for user in USERS}))
        return
    with open_database(tmp_path / "tidelog.db") as database:
        registry = Registry(database, now_ms=lambda: 1_000)
        for user in USERS:
            registry.add_user(user)
            for number in (1, 2):
                registry.add_device(user, f"{user}-{number}", secret="x")
        registry.add_device("bob", "bob-lost", secret="x")
        registry.revoke_device("bob-lost")
        registry.close()
        yield Hall(RollStore(database))


def news(done: Enrolled) -> dict[str, Role | None]:
    assert all(roster.rid == 0 for roster in done.news.values())
    return {device: roster.role for device, roster in done.news.items()}


def test_who_makes_a_channel_owns_it(hall: Hall) -> None:
    done = hall.ask("ann", Action.CREATE, "boat", "bob", "ann", role=Role.READER)
    assert (done.roster.rid, done.roster.channel, done.roster.role) == (5, "boat", Role.OWNER)
    assert done.roster.epoch > 0
    assert hall.roles("boat") == {"ann": Role.OWNER, "bob": Role.READER}
    assert news(done) == {"ann-2": Role.OWNER, "bob-1": Role.READER, "bob-2": Role.READER}


def test_what_is_asked_twice_is_done_once(hall: Hall) -> None:
    """The answer was lost; the order of names is no other request."""
    first = hall.ask("ann", Action.CREATE, "boat", "bob", "cem", windowed=True)
    again = hall.ask("ann", Action.CREATE, "boat", "cem", "bob", windowed=True)
    assert (again.roster, again.news) == (first.roster, {})
    for words in ((Action.INVITE, "boat", "bob"), (Action.REMOVE, "boat", "dan")):
        assert hall.ask("ann", *words).news == {}
    hall.ask("ann", Action.REMOVE, "boat", "bob")
    assert hall.ask("ann", Action.REMOVE, "boat", "bob").news == {}
    assert hall.ask("ann", Action.CREATE, "boat", "bob", "cem", windowed=True).news == {}
    assert hall.roles("boat") == {"ann": Role.OWNER, "cem": Role.WRITER}, "nobody comes back by it"


@pytest.mark.parametrize(
    ("user", "users", "more"),
    [
        ("ann", ("bob",), {"windowed": True}),
        ("ann", ("bob",), {"role": Role.READER}),
        ("ann", ("bob", "cem"), {}),
        ("ann", (), {}),
        ("bob", ("bob",), {}),
        ("dan", ("bob",), {}),
    ],
)
def test_a_name_that_is_taken_is_told_as_such(
    hall: Hall, user: str, users: tuple[str, ...], more: dict[str, object]
) -> None:
    hall.ask("ann", Action.CREATE, "boat", "bob")
    assert hall.refused(user, Action.CREATE, "boat", *users, **more) is Code.CONFLICT
    assert hall.roles("boat") == {"ann": Role.OWNER, "bob": Role.WRITER}


def test_who_has_left_finds_the_name_taken(hall: Hall) -> None:
    hall.ask("ann", Action.CREATE, "boat")
    hall.ask("ann", Action.LEAVE, "boat")
    assert hall.refused("ann", Action.CREATE, "boat") is Code.CONFLICT


def test_a_conversation_has_no_owner_and_one_name(hall: Hall) -> None:
    done = hall.ask("bob", Action.DIRECT, "", "ann")
    assert (done.roster.channel, done.roster.role) == ("dm/ann/bob", Role.WRITER)
    assert hall.roles("dm/ann/bob") == {"ann": Role.WRITER, "bob": Role.WRITER}
    assert set(done.news) == {"ann-1", "ann-2", "bob-2"}
    assert hall.ask("ann", Action.DIRECT, "", "bob").news == {}
    assert hall.refused("ann", Action.INVITE, "dm/ann/bob", "cem") is Code.DENIED


def test_who_has_left_a_conversation_comes_back_alone(hall: Hall) -> None:
    hall.ask("ann", Action.DIRECT, "", "bob")
    for user in ("ann", "bob"):
        hall.ask(user, Action.LEAVE, "dm/ann/bob")
    assert hall.roles("dm/ann/bob") == {}
    assert news(hall.ask("ann", Action.DIRECT, "", "bob")) == {"ann-2": Role.WRITER}
    assert hall.roles("dm/ann/bob") == {"ann": Role.WRITER}


def test_a_conversation_needs_another_user_who_exists(hall: Hall) -> None:
    assert hall.refused("ann", Action.DIRECT, "", "ann") is Code.DENIED
    assert hall.refused("ann", Action.DIRECT, "", "nobody") is Code.NO_USER
    assert hall.refused("ann", Action.DIRECT, "", "x" * 64) is Code.LIMIT


def test_an_owner_invites_removes_and_gives_roles(hall: Hall) -> None:
    hall.ask("ann", Action.CREATE, "boat")
    assert news(hall.ask("ann", Action.INVITE, "boat", "bob")) == {
        "bob-1": Role.WRITER,
        "bob-2": Role.WRITER,
    }
    assert news(hall.ask("ann", Action.INVITE, "boat", "bob", role=Role.OWNER)) == {
        "bob-1": Role.OWNER,
        "bob-2": Role.OWNER,
    }
    done = hall.ask("bob", Action.REMOVE, "boat", "ann")
    assert news(done) == {"ann-1": None, "ann-2": None}
    assert done.news["ann-1"] == Roster(rid=0, channel="boat")
    assert hall.roles("boat") == {"bob": Role.OWNER}


@pytest.mark.parametrize(
    ("user", "code"),
    [("bob", Code.DENIED), ("cem", Code.DENIED), ("dan", Code.NO_CHANNEL)],
    ids=["writer", "reader", "stranger"],
)
@pytest.mark.parametrize("action", [Action.INVITE, Action.REMOVE])
@pytest.mark.parametrize("named", ["dan", "bob", "nobody"])
def test_others_do_not_and_learn_nothing_of_users(
    hall: Hall, user: str, code: Code, action: Action, named: str
) -> None:
    hall.ask("ann", Action.CREATE, "boat", "bob")
    hall.ask("ann", Action.INVITE, "boat", "cem", role=Role.READER)
    before = hall.roles("boat")
    assert hall.refused(user, action, "boat", named) is code
    assert hall.roles("boat") == before


@pytest.mark.parametrize("windowed", [False, True])
def test_a_former_member_is_a_stranger_to_it(hall: Hall, *, windowed: bool) -> None:
    hall.ask("ann", Action.CREATE, "boat", "bob", windowed=windowed)
    hall.ask("ann", Action.INVITE, "boat", "bob", role=Role.OWNER)
    hall.ask("ann", Action.REMOVE, "boat", "bob")
    assert hall.refused("bob", Action.INVITE, "boat", "bob") is Code.NO_CHANNEL
    assert hall.refused("bob", Action.REMOVE, "boat", "ann") is Code.NO_CHANNEL
    assert hall.refused("bob", Action.INVITE, "nowhere", "bob") is Code.NO_CHANNEL


def test_to_leave_what_is_not_there_tells_nothing(hall: Hall) -> None:
    hall.ask("ann", Action.CREATE, "boat")
    there, not_there = (hall.ask("dan", Action.LEAVE, name) for name in ("boat", "tree"))
    assert there == (Roster(rid=5, channel="boat"), {})
    assert not_there == (Roster(rid=5, channel="tree"), {})


def test_who_leaves_a_channel_with_windows_may_read_what_was_written(hall: Hall) -> None:
    hall.ask("ann", Action.CREATE, "boat", "bob", windowed=True)
    assert hall.ask("bob", Action.LEAVE, "boat").roster == Roster(rid=5, channel="boat"), "nothing was"
    epoch = hall.ask("ann", Action.INVITE, "boat", "bob").roster.epoch
    _write(hall, "boat", 3)
    done = hall.ask("bob", Action.LEAVE, "boat")
    assert done.roster == Roster(rid=5, channel="boat", epoch=epoch)
    assert news(done) == {"bob-2": None}
    assert hall.ask("bob", Action.LEAVE, "boat").roster == done.roster


def test_another_role_keeps_the_window(hall: Hall) -> None:
    hall.ask("ann", Action.CREATE, "boat", "bob", windowed=True)
    _write(hall, "boat", 3)
    hall.ask("ann", Action.INVITE, "boat", "bob", role=Role.READER)
    assert hall.ask("bob", Action.LEAVE, "boat").roster.epoch > 0


def _write(hall: Hall, channel: str, head: int) -> None:
    if isinstance(hall.rolls, PlainRolls):
        hall.rolls.write(channel, head)
        return
    assert isinstance(hall.rolls, RollStore)
    with hall.rolls.transaction():
        hall.rolls._database.write(Channel.update(head=head).where(Channel.name == channel))


def test_the_last_owner_stays_while_others_do(hall: Hall) -> None:
    hall.ask("ann", Action.CREATE, "boat", "bob")
    assert hall.refused("ann", Action.LEAVE, "boat") is Code.DENIED
    assert hall.refused("ann", Action.REMOVE, "boat", "ann") is Code.DENIED
    assert hall.refused("ann", Action.INVITE, "boat", "ann", role=Role.READER) is Code.DENIED
    assert hall.roles("boat") == {"ann": Role.OWNER, "bob": Role.WRITER}
    hall.ask("ann", Action.REMOVE, "boat", "bob")
    assert hall.ask("ann", Action.LEAVE, "boat").roster.role is None


def test_nobody_is_kept_who_cannot_make_another_an_owner(hall: Hall) -> None:
    hall.ask("ann", Action.CREATE, "boat", "bob")
    hall.policy = replace(OPEN, invite=False)
    assert hall.ask("ann", Action.LEAVE, "boat").roster.role is None


def test_one_of_two_owners_may_leave_or_step_down(hall: Hall) -> None:
    hall.ask("ann", Action.CREATE, "boat", "bob", role=Role.OWNER)
    hall.ask("ann", Action.INVITE, "boat", "ann", role=Role.WRITER)
    assert hall.refused("bob", Action.LEAVE, "boat") is Code.DENIED
    assert hall.refused("ann", Action.INVITE, "boat", "ann", role=Role.OWNER) is Code.DENIED


def test_all_of_it_or_nothing(hall: Hall) -> None:
    assert hall.refused("ann", Action.CREATE, "boat", "bob", "nobody") is Code.NO_USER
    hall.ask("ann", Action.CREATE, "boat")
    assert hall.refused("ann", Action.INVITE, "boat", "bob", "nobody") is Code.NO_USER
    assert hall.roles("boat") == {"ann": Role.OWNER}


def test_a_user_makes_so_many_channels_and_no_more(hall: Hall) -> None:
    for name in ("one", "two"):
        hall.ask("ann", Action.CREATE, name)
    hall.ask("ann", Action.DIRECT, "", "bob")
    assert hall.refused("ann", Action.CREATE, "four") is Code.LIMIT
    assert hall.refused("ann", Action.DIRECT, "", "cem") is Code.LIMIT
    hall.ask("ann", Action.CREATE, "two")
    hall.ask("bob", Action.CREATE, "four")


def test_a_channel_has_so_many_members_and_no_more(hall: Hall) -> None:
    assert hall.refused("ann", Action.CREATE, "boat", "bob", "cem", "dan") is Code.LIMIT
    hall.ask("ann", Action.CREATE, "boat", "bob", "cem")
    assert hall.refused("ann", Action.INVITE, "boat", "dan") is Code.LIMIT
    hall.ask("ann", Action.INVITE, "boat", "bob", "cem", role=Role.READER)
    assert set(hall.roles("boat")) == {"ann", "bob", "cem"}


@pytest.mark.parametrize(
    ("policy", "action", "channel", "users"),
    [
        (Policy(), Action.CREATE, "ann/x", ()),
        (Policy(create="{user}/*"), Action.CREATE, "bob/x", ()),
        (replace(OPEN, direct=False), Action.DIRECT, "", ("bob",)),
        (replace(OPEN, invite=False), Action.INVITE, "boat", ("cem",)),
        (replace(OPEN, invite=False), Action.REMOVE, "boat", ("bob",)),
        (replace(OPEN, leave=False), Action.LEAVE, "boat", ()),
    ],
)
def test_what_the_operator_does_not_allow_is_denied(
    hall: Hall, policy: Policy, action: Action, channel: str, users: tuple[str, ...]
) -> None:
    hall.ask("ann", Action.CREATE, "boat", "bob")
    hall.policy = policy
    assert hall.refused("ann", action, channel, *users) is Code.DENIED
    assert hall.roles("boat") == {"ann": Role.OWNER, "bob": Role.WRITER}


def test_without_rolls_everything_is_denied() -> None:
    terminal = Terminal(device="ann-1", user_id=1, user="ann")
    with pytest.raises(ProtocolError) as caught:
        NoRolls().serve(Enrol(rid=1, action=Action.LEAVE, channel="boat"), terminal, 0)
    assert caught.value.wire_code is Code.DENIED


def test_a_store_that_fails_does_nothing() -> None:
    rolls = PlainRolls({"ann": 1}, {})
    rolls.failing = True
    with pytest.raises(Unavailable):
        Hall(rolls).ask("ann", Action.CREATE, "boat")
    rolls.failing = False
    assert Hall(rolls).roles("boat") == {}
    assert rolls.generation == 0
