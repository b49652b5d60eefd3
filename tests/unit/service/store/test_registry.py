"""Users, devices, channels and members."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tidelog.wire.errors import UsageError
from tidelog.wire.limits import EPOCH_STOP, STATEMENTS_MAX
from tidelog_service.engine.secrets import is_hash_of
from tidelog_service.store.database import Database
from tidelog_service.store.enrolment import insert_member
from tidelog_service.store.keys import CHANNEL_STOP
from tidelog_service.store.models import Channel, User
from tidelog_service.store.registry import ChannelInfo, DeviceInfo, Registry, UserInfo

_CHANGE = """
import sys
from tidelog_service.store.database import open_database
from tidelog_service.store.registry import Registry
with open_database(sys.argv[1]) as database:
    registry = Registry(database)
    registry.revoke_device("a1")
    registry.close()
"""


def test_users_are_listed_with_what_they_have(registry: Registry) -> None:
    """By name, each with devices and channels."""
    assert registry.users() == [
        UserInfo(name="ann", created=1_000, devices=("a1", "a2"), channels=("room",)),
        UserInfo(name="bob", created=1_000, devices=("b1",), channels=("room",)),
        UserInfo(name="cem", created=1_000, devices=("c1",), channels=()),
    ]


def test_devices_are_listed_of_all_or_of_one(registry: Registry) -> None:
    """Revoked ones stay in the list, with the time."""
    registry.revoke_device("a2")
    assert registry.devices("ann") == [
        DeviceInfo(device="a1", user="ann", created=1_000, revoked=None),
        DeviceInfo(device="a2", user="ann", created=1_000, revoked=1_000),
    ]
    assert [each.device for each in registry.devices()] == ["a1", "a2", "b1", "c1"]


def test_channels_are_listed_with_members_and_an_epoch(registry: Registry) -> None:
    """A new channel is empty, in an incarnation that no other has by chance."""
    registry.add_channel("plant/a/temp", ["cem", "ann", "cem"])
    plant, room = registry.channels()
    assert 1 <= room.epoch < EPOCH_STOP
    assert plant.epoch != room.epoch
    expected = ChannelInfo(name="room", epoch=room.epoch, head=0, members=("ann", "bob"), created=1_000)
    assert room == expected
    assert plant.members == ("ann", "cem")


def test_a_direct_channel_has_one_name_from_both_sides(registry: Registry) -> None:
    """Whoever asks first."""
    assert registry.add_direct("cem", "ann") == "dm/ann/cem"
    with pytest.raises(UsageError) as caught:
        registry.add_direct("ann", "cem")
    assert caught.value.code == "channel_exists"


def test_joining_and_leaving(registry: Registry) -> None:
    """A member is one until they leave, and may come back."""
    registry.join("room", "cem")
    assert registry.channels()[0].members == ("ann", "bob", "cem")
    registry.leave("room", "ann")
    assert registry.channels()[0].members == ("bob", "cem")
    registry.join("room", "ann")
    assert registry.channels()[0].members == ("ann", "bob", "cem")


def test_a_secret_is_made_returned_once_and_stored_as_a_hash(registry: Registry, path: Path) -> None:
    """The database never holds it."""
    secret = registry.add_device("ann", "a3")
    assert len(secret) >= 20
    assert registry.admits("a3", secret)
    held = path.read_bytes() + path.with_name("tidelog.db-wal").read_bytes()
    assert b"a3" in held
    assert secret.encode() not in held


def test_hashes_are_given_for_all_that_may_connect(registry: Registry) -> None:
    """Revoked devices are not among them."""
    registry.revoke_device("a2")
    hashes = dict(registry.secret_hashes())
    assert list(hashes) == ["a1", "b1", "c1"]
    assert is_hash_of(hashes["b1"], "secret of b1")


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("user_exists", lambda it: it.add_user("ann")),
        ("user_name", lambda it: it.add_user("a/b")),
        ("user_name", lambda it: it.add_user("")),
        ("no_user", lambda it: it.add_device("zoe", "z1")),
        ("device_exists", lambda it: it.add_device("bob", "a1")),
        ("device_name", lambda it: it.add_device("ann", "A 1")),
        ("device_name", lambda it: it.add_device("ann", "service")),
        ("secret", lambda it: it.add_device("ann", "a3", secret="")),
        ("secret", lambda it: it.add_device("ann", "a3", secret="x" * 1_025)),
        ("no_user", lambda it: it.devices("zoe")),
        ("no_device", lambda it: it.revoke_device("zz")),
        ("channel_exists", lambda it: it.add_channel("room", [])),
        ("channel_name", lambda it: it.add_channel("a/#", [])),
        ("no_user", lambda it: it.add_channel("hall", ["ann", "zoe"])),
        ("no_user", lambda it: it.add_direct("ann", "zoe")),
        ("no_channel", lambda it: it.join("hall", "ann")),
        ("no_user", lambda it: it.join("room", "zoe")),
        ("member_exists", lambda it: it.join("room", "ann")),
        ("no_channel", lambda it: it.leave("hall", "ann")),
        ("no_user", lambda it: it.leave("room", "zoe")),
        ("no_member", lambda it: it.leave("room", "cem")),
    ],
)
def test_a_change_that_cannot_be_has_a_code_and_changes_nothing(
    registry: Registry, code: str, change: Callable[[Registry], object]
) -> None:
    """Not even half of it, nor the generation."""
    before = (registry.users(), registry.devices(), registry.channels(), registry.generation())
    with pytest.raises(UsageError) as caught:
        change(registry)
    assert caught.value.code == code
    assert caught.value.hint
    assert (registry.users(), registry.devices(), registry.channels(), registry.generation()) == before


def test_a_channel_beyond_the_last_id_is_refused(registry: Registry, database: Database) -> None:
    """Its records' keys would not fit the database."""
    with database.transaction():
        database.write(Channel.insert(id=CHANNEL_STOP - 2, name="second last", epoch=1, created=0))
    registry.add_channel("last", ["ann"])
    before = (registry.channels(), registry.generation())
    with pytest.raises(UsageError) as caught:
        registry.add_channel("one more", ["ann"])
    assert (caught.value.code, bool(caught.value.hint)) == ("channels_full", True)
    assert (registry.channels(), registry.generation()) == before


def test_a_user_is_in_as_many_channels_as_a_device_can_keep_in_step(
    registry: Registry, database: Database
) -> None:
    ((ann,),) = database.select(User.select(User.id).where(User.name == "ann"))
    with database.transaction():
        for n in range(STATEMENTS_MAX - 1):  # one is there
            channel = database.write(Channel.insert(name=f"c{n}", epoch=1, created=0))
            insert_member(database, channel, ann, 0)
    registry.add_channel("hall", ["bob"])
    before = registry.generation()
    for change in (lambda: registry.join("hall", "ann"), lambda: registry.add_channel("x", ["bob", "ann"])):
        with pytest.raises(UsageError) as caught:
            change()
        assert (caught.value.code, bool(caught.value.hint)) == ("memberships_full", True)
    assert registry.generation() == before
    registry.leave("c0", "ann")
    registry.join("hall", "ann")


def test_nobody_converses_with_themselves(registry: Registry) -> None:
    """Such a channel would have the same member twice."""
    with pytest.raises(UsageError) as caught:
        registry.add_direct("ann", "ann")
    assert caught.value.code == "user_name"


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_a_revoked_id_is_never_used_again(registry: Registry, user: str) -> None:
    """Its outbox numbers and its records' tokens are remembered under the id."""
    registry.revoke_device("a1")
    with pytest.raises(UsageError, match="revoked") as caught:
        registry.add_device(user, "a1")
    assert caught.value.code == "device_revoked"


def test_revoking_twice_keeps_the_first_time(registry: Registry) -> None:
    """The second call is no error, so that a script may repeat it."""
    registry.revoke_device("a1")
    registry._now_ms = lambda: 9_000
    registry.revoke_device("a1")
    assert registry.devices("ann")[0].revoked == 1_000


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.add_user("dan"),
        lambda it: it.add_device("ann", "a3"),
        lambda it: it.revoke_device("a1"),
        lambda it: it.add_channel("hall", []),
        lambda it: it.add_direct("ann", "bob"),
        lambda it: it.join("room", "cem"),
        lambda it: it.leave("room", "bob"),
    ],
)
def test_every_change_raises_the_generation(registry: Registry, change: Callable[[Registry], object]) -> None:
    """It is what caches in other processes are checked by."""
    before = registry.generation()
    change(registry)
    assert registry.generation() == before + 1


def test_a_revocation_by_another_process_shuts_the_door(registry: Registry, path: Path) -> None:
    """At the next try, though the device was admitted before."""
    assert registry.admits("a1", "secret of a1")
    subprocess.run([sys.executable, "-c", _CHANGE, path], check=True, timeout=60)
    assert not registry.admits("a1", "secret of a1")
