"""Audits through real processes and brokers, of disks that were tampered with."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stacks import Stack, eventually, held, import_into
from tidelog import Denied
from tidelog.replica.ports import Changes
from tidelog_service.store.data_folder import DataFolder

_LINES = 400


def tampered(store: Path, statement: str) -> None:
    """Change a store behind the back of what keeps it."""
    with closing(sqlite3.connect(store)) as connection, connection:
        assert connection.execute(statement).rowcount == 1


def filled(stack: Stack) -> None:
    import_into(
        stack,
        [
            {"channel": channel, "author": "alice", "ts": 1_760_000_000_000 + n, "body": f"{channel} {n}"}
            for channel in ("room1", "room2")
            for n in range(_LINES)
        ],
    )


def test_a_disk_that_was_tampered_with_is_found_and_repaired(stack: Stack) -> None:
    """A body that is no body any more, one that is another, and a record that is gone."""
    filled(stack)
    stack.start()
    store = stack.folder / "aphone.db"
    with stack.device("aphone", live=False, store=store) as phone:
        assert phone.sync().records == 2 * _LINES
        report = phone.audit()
        assert (report.complete, report.equal, report.records) == (True, True, 2 * _LINES)
        assert max(report.bytes_up, report.bytes_down) <= 64
    tampered(store, "UPDATE records SET body = 'another one' WHERE seq = 123 AND channel_id = 1")
    tampered(store, "UPDATE records SET body = x'00' || body WHERE seq = 124 AND channel_id = 1")
    tampered(store, "DELETE FROM records WHERE seq = 77 AND channel_id = 2")
    with stack.device("aphone", live=False, store=store) as phone:
        told = phone.audit(repair=False)
        assert (told.complete, told.equal) == (True, False)
        assert sorted(told.differing.values()) == [((77, 78),), ((123, 125),)]
        assert {one.name: one.differing for one in phone.channels()} == told.differing
        report = phone.audit()
        assert (report.complete, report.equal, report.repaired, report.repairs) == (True, True, 3, 1)
        assert all(held(phone, name) == stack.stored(name) for name in ("room1", "room2"))
        assert not any(channel.differing for channel in phone.channels())
        assert phone.audit().rounds == 1


def test_what_differs_for_good_is_a_state_and_no_loop(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that writes something else than it is given."""
    filled(stack)
    stack.start()
    with stack.device("aphone", live=False) as phone:
        phone.sync()
        monkeypatch.setattr("tidelog.replica.audits.backoff", lambda *_: 0.2)
        monkeypatch.setattr(phone._store, "apply", lambda changes: apply(_without_records(changes)))
        apply = type(phone._store).apply.__get__(phone._store)
        phone.drop("room1", [(5, 6)])
        report = phone.audit()
        assert (report.complete, report.equal, report.repairs) == (True, False, 3)
        assert report.differing == {"room1": ((5, 6),)}
        assert {one.name: one.differing for one in phone.channels()} == {"room1": ((5, 6),), "room2": ()}


def _without_records(changes: Changes) -> Changes:
    return Changes(dropped=changes.dropped, holdings=changes.holdings, tokens=changes.tokens)


def test_a_record_that_the_service_has_lost_at_an_end_is_void_to_the_device_too(stack: Stack) -> None:
    """The service's log is the truth; within a log its sums still say what was once stored."""
    filled(stack)
    stack.start()
    with stack.device("aphone", live=False) as phone:
        phone.sync()
        stack.stop()
        tampered(
            DataFolder(stack.folder).database,
            "DELETE FROM record WHERE id = (SELECT min(id) FROM record)",
        )
        stack.start()
        eventually(lambda: phone.connected)
        report = phone.audit()
        assert (report.complete, report.equal, report.repaired) == (True, True, 1)
        assert all(held(phone, name) == stack.stored(name) for name in ("room1", "room2"))


def test_members_audit_what_they_may_read(stack: Stack) -> None:
    filled(stack)
    stack.start()
    stack.add_device("eve", "ephone")
    with stack.device("ephone", live=False) as stranger, pytest.raises(Denied):
        stranger.audit(channels=["room1"])
