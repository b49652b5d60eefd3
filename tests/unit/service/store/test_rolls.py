"""Members on disk, as devices change them: caches, limits, and what the operator's commands then see."""

from __future__ import annotations

import pytest

from tidelog.wire.enrolling import Action, Enrol, Role
from tidelog.wire.errors import Code, ProtocolError
from tidelog_service.engine.enrolling import Enrolled, Enroller
from tidelog_service.engine.rolls import ANYBODY, Policy
from tidelog_service.store import enrolment
from tidelog_service.store.database import Database
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.rolls import RollStore


def ask(database: Database, store: RecordStore, device: str, action: Action, *users: str) -> Enrolled:
    terminal = store.terminal(device)
    assert terminal is not None
    enroller = Enroller(RollStore(database), Policy(create=ANYBODY))
    return enroller.serve(Enrol(rid=1, action=action, channel="boat", users=users), terminal, 5_000)


def test_the_store_and_the_operator_see_it_at_once(
    database: Database, store: RecordStore, registry: Registry
) -> None:
    before = registry.generation()
    ask(database, store, "a1", Action.CREATE, "bob")
    assert registry.generation() == before + 1
    terminal = store.terminal("a1")
    assert terminal is not None
    (log,) = store.writable(terminal.user_id, ["boat"]).values()
    assert log.owned
    assert store.audience(log.id) == ("a1", "a2", "b1")
    ask(database, store, "a1", Action.REMOVE, "bob")
    assert store.audience(log.id) == ("a1", "a2")
    (boat,) = (channel for channel in registry.channels() if channel.name == "boat")
    assert (boat.members, boat.created) == (("ann",), 5_000)


def test_what_changes_nothing_disturbs_no_cache(
    database: Database, store: RecordStore, registry: Registry
) -> None:
    ask(database, store, "a1", Action.CREATE, "bob")
    before = registry.generation()
    ask(database, store, "a1", Action.CREATE, "bob")
    ask(database, store, "a1", Action.INVITE, "bob")
    ask(database, store, "c1", Action.LEAVE)
    assert registry.generation() == before


def test_an_owner_of_the_operators_making_invites_as_well(
    database: Database, store: RecordStore, registry: Registry
) -> None:
    registry.add_channel("boat", ["bob"])
    registry.join("boat", "ann", role=Role.OWNER)
    ask(database, store, "a1", Action.INVITE, "cem")
    with pytest.raises(ProtocolError) as caught:
        ask(database, store, "a1", Action.CREATE, "bob")
    assert caught.value.wire_code is Code.CONFLICT


def test_nobody_is_put_into_more_channels_than_a_device_can_keep_in_step(
    database: Database, store: RecordStore, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "STATEMENTS_MAX", 1)
    registry.add_channel("other", ["cem"])
    with pytest.raises(ProtocolError, match="1 channels already") as caught:
        ask(database, store, "a1", Action.CREATE, "cem")
    assert caught.value.wire_code is Code.LIMIT
    assert {channel.name for channel in registry.channels()} == {"room", "other"}, "nothing of it was done"
