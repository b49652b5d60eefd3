"""What an operator asks the database about a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tidelog.codec.page import Rule
from tidelog.wire.errors import UsageError
from tidelog.wire.frames import Presence
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing, Standings
from tidelog_service.engine.inquiries import Terms
from tidelog_service.engine.insight import Membership
from tidelog_service.engine.ports import Head, KeptToken, NewRow, OutboxKey, Taken
from tidelog_service.engine.sightings import Sighting
from tidelog_service.engine.tokens import Kept
from tidelog_service.store.database import Database
from tidelog_service.store.inspection import RUNS_WEIGHED_MAX, Inspection, Weight
from tidelog_service.store.models import Role
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.traffic import TrafficBook

TERMS = Terms(
    everywhere=True,
    rule=Rule(),
    codecs=(1,),
    page_bytes=4_096,
    context_bytes=0,
    live=False,
    plain=False,
    dictionary=0,
)


def fill(store: RecordStore, size: int, *, channel_id: int = 1) -> None:
    """So many records of 10 bytes in a channel."""
    with store.transaction():
        store.append([NewRow(channel_id, n, 1, n, n, 0, "", b"0123456789") for n in range(1, size + 1)])
        store.advance({channel_id: Head(size, size)})


def token(have: RangeSet) -> bytes:
    return Kept(terms=TERMS, base=Standings([Standing("room", 1, have)])).dump()


def test_a_device_is_told_with_what_was_seen_of_it(database: Database, registry: Registry) -> None:
    inspection = Inspection(database)
    found = inspection.device("a1")
    assert (found.user, found.revoked, found.seen, found.presence) == ("ann", None, 0, None)
    TrafficBook(database).add([], [("a1", Sighting(7, Presence.QUIET))])
    registry.revoke_device("a1")
    found = inspection.device("a1")
    assert (found.revoked, found.seen, found.presence) == (1_000, 7, Presence.QUIET)
    with pytest.raises(UsageError) as caught:
        inspection.device("nobody")
    assert caught.value.code == "no_device"


def test_memberships_tell_windows_and_roles(
    database: Database, registry: Registry, store: RecordStore
) -> None:
    registry.add_channel("hall", ["bob"], windowed=True)
    fill(store, 5, channel_id=2)
    registry.join("hall", "ann", role=Role.READER)
    registry.leave("hall", "bob")
    inspection = Inspection(database)
    ann, bob = (inspection.device(device).user_id for device in ("a1", "b1"))
    hall, room = inspection.memberships(ann)
    assert (hall.channel, hall.role, hall.first, hall.last, hall.head) == ("hall", "reader", 6, None, 5)
    assert (room.channel, room.role, room.first, room.last) == ("room", "writer", 1, None)
    assert inspection.membership(bob, "hall")[5:] == ("writer", 1, 5)
    cem = inspection.device("c1").user_id
    assert inspection.memberships(cem) == []
    assert inspection.membership(cem, "room") == Membership(1, "room", room.epoch, 0, 1, "")
    with pytest.raises(UsageError) as caught:
        inspection.membership(cem, "nowhere")
    assert caught.value.code == "no_channel"


def test_tokens_come_the_last_used_first_and_damaged_ones_not_at_all(
    database: Database, store: RecordStore
) -> None:
    for now, (name, account) in enumerate(
        [(b"1", token(RangeSet([(1, 2)]))), (b"2", b"\xff"), (b"3", token(RangeSet([(1, 4)])))], start=5
    ):
        store.keep_tokens([KeptToken("a1", name, account, fresh=True)], now)
    claims = Inspection(database).claims("a1")
    assert [(claim.used_ms, claim.proven.names()) for claim in claims] == [(7, ["room"]), (5, ["room"])]
    assert Inspection(database).claims("a2") == []


def test_what_a_device_wrote_is_found_by_its_receipts(database: Database, store: RecordStore) -> None:
    taken = [Taken(n, channel_id, seq, 5, b"") for n, channel_id, seq in ((1, 1, 4), (2, 1, 5), (3, 2, 1))]
    with store.transaction():
        store.remember([(OutboxKey("a1", b"box"), one) for one in taken], {})
        store.remember([(OutboxKey("a2", b"box"), taken[0])], {})
    inspection = Inspection(database)
    assert inspection.written("a1") == {1: RangeSet([(4, 6)]), 2: RangeSet([(1, 2)])}
    assert inspection.written("b1") == {}


def test_what_is_weighed_is_bounded(database: Database, store: RecordStore) -> None:
    fill(store, 100)
    with store.transaction():
        store.erase(1, RangeSet([(40, 50)]))
    inspection = Inspection(database, records_max=120)
    assert inspection.weigh(1, EMPTY) == Weight(records=0, bytes=0, whole=True)
    assert inspection.weigh(1, RangeSet([(30, 60), (90, 101)])) == Weight(records=31, bytes=310, whole=True)
    assert inspection.weigh(1, RangeSet([(1, 101)])) == Weight(records=69, bytes=690, whole=False)
    assert inspection.weigh(1, RangeSet([(1, 2)])) == Weight(records=0, bytes=0, whole=False)


def test_single_holes_without_end_are_weighed_up_to_a_number(database: Database, store: RecordStore) -> None:
    size = 2 * RUNS_WEIGHED_MAX + 20
    fill(store, size)
    odd = RangeSet([(n, n + 1) for n in range(1, size, 2)])
    assert Inspection(database).weigh(1, odd) == Weight(
        records=RUNS_WEIGHED_MAX, bytes=10 * RUNS_WEIGHED_MAX, whole=False
    )


def test_nothing_is_read_from_end_to_end(
    database: Database, store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 20)
    asked: list[tuple[str, Sequence[object]]] = []
    fetch = database.fetch

    def noted(sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        asked.append((sql, params))
        return fetch(sql, params)

    def noted_query(query: Any) -> list[tuple[Any, ...]]:
        return noted(*database.peewee.compiled(query))

    monkeypatch.setattr(database, "fetch", noted)
    monkeypatch.setattr(database, "select", noted_query)
    inspection = Inspection(database)
    facts = inspection.device("a1")
    inspection.memberships(facts.user_id)
    inspection.membership(facts.user_id, "room")
    inspection.claims("a1")
    inspection.written("a1")
    inspection.weigh(1, RangeSet([(3, 9)]))
    assert len(asked) == 6
    for sql, params in asked:
        plan = fetch(f"EXPLAIN QUERY PLAN {sql}", params)
        assert not [step for *_, step in plan if step.startswith("SCAN")], (sql, plan)
