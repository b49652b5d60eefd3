"""A database that is put back behind everybody's back: the service notices, and devices come out right."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stacks import Stack, eventually, held
from tidelog_service.store import epochs
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database


def put_back(stack: Stack, copy: Path) -> None:
    """As an operator does: the copy in the place of the file, and what belonged to that one away."""
    path = DataFolder(stack.folder).database
    for name in ("tidelog.db-wal", "tidelog.db-shm"):
        (path.parent / name).unlink(missing_ok=True)
    shutil.copy(copy, path)


def backed_up(stack: Stack, copy: Path) -> None:
    with (
        closing(sqlite3.connect(DataFolder(stack.folder).database)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def epoch_of(stack: Stack, channel: str) -> int:
    with open_database(DataFolder(stack.folder).database) as beside:
        return next(one.epoch for one in epochs.incarnations(beside) if one.channel == channel)


@pytest.fixture
def closed(stack: Stack) -> Stack:
    """A stack whose own connection does not hold the file."""
    stack.registry.add_channel("room2", ["alice"])
    stack.registry.close()
    stack.registry._database.close()
    return stack


def test_devices_bring_back_what_a_restored_service_has_lost(closed: Stack, tmp_path: Path) -> None:
    stack = closed
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone") as other:
        other.sync()
        phone.send("room2", "diary").result(timeout=10)
        for n in range(1, 6):
            phone.send("room1", f"message {n}").result(timeout=10)
        eventually(lambda: len(held(other, "room1")) == 5)
        stack.stop()
        backed_up(stack, tmp_path / "copy.db")
        before = [epoch_of(stack, channel) for channel in ("room1", "room2")]
        stack.start()
        for n in range(6, 9):
            phone.send("room1", f"message {n}").result(timeout=20)
        other.send("room1", "Bob's").result(timeout=20)
        eventually(lambda: len(held(other, "room1")) == 9)
        # One that nobody's outbox has any more is on Bob's phone alone.
        phone.drop("room1", [(8, 9)])
        stack.stop()
        put_back(stack, tmp_path / "copy.db")
        stack.start()
        assert (epoch_of(stack, "room1") != before[0], epoch_of(stack, "room2")) == (True, before[1])
        # The next number is that of a record which both devices hold.
        assert phone.send("room1", "after the restore").result(timeout=20).seq == 6
        phone.sync(timeout=30)
        other.sync(timeout=30)
        eventually(lambda: not phone.outbox() and not other.outbox())
        eventually(lambda: len(stack.stored("room1")) == 9)
        for device in (phone, other):
            device.sync(timeout=30)
            eventually(lambda device=device: held(device, "room1") == stack.stored("room1"))
        bodies = sorted(body.decode() for *_, body in stack.stored("room1"))
        assert bodies == sorted([*(f"message {n}" for n in range(1, 8)), "after the restore", "Bob's"])
        assert [record.text for record in other.stranded("room1")] == ["message 8"]
        assert list(phone.stranded("room1")) == []
        other.drop_stranded("room1")
        assert list(other.stranded("room1")) == []
        assert len(held(other, "room1")) == 9


def test_an_orderly_restart_and_a_backup_that_lost_nothing_change_no_epoch(
    closed: Stack, tmp_path: Path
) -> None:
    stack = closed
    stack.start()
    with stack.device("aphone") as phone:
        phone.send("room1", "one").result(timeout=10)
        phone.sync()
    before = epoch_of(stack, "room1")
    stack.stop()
    backed_up(stack, tmp_path / "copy.db")
    stack.start()
    stack.stop()
    put_back(stack, tmp_path / "copy.db")
    stack.start()
    assert epoch_of(stack, "room1") == before
    with stack.device("aphone") as phone:
        assert phone.sync().records == 0


def test_an_announced_restore_is_like_one_that_was_noticed(closed: Stack, tmp_path: Path) -> None:
    """The whole folder goes back, so nothing could be noticed; an edit in the outbox names old numbers."""
    stack = closed
    stack.start()
    with stack.device("aphone") as phone:
        phone.send("room1", "one").result(timeout=10)
    stack.stop()
    backed_up(stack, tmp_path / "copy.db")
    shutil.copy(DataFolder(stack.folder).witness, tmp_path / "witness")
    stack.start()
    with stack.device("aphone") as phone:
        phone.send("room1", "two").result(timeout=10)
        phone.sync()
    stack.stop()
    put_back(stack, tmp_path / "copy.db")
    shutil.copy(tmp_path / "witness", DataFolder(stack.folder).witness)
    with open_database(DataFolder(stack.folder).database) as database:
        epochs.renew(database, epochs.keys_of(database, ()))
    with stack.device("aphone", url="mqtt://127.0.0.1:1") as phone:
        phone.edit("room1", 2, "two, better")
    stack.start()
    troubles: list[Exception] = []
    phone = stack.device("aphone")
    phone.on_error(troubles.append)
    with phone:
        phone.sync()
        eventually(lambda: len(stack.stored("room1")) == 2)
        eventually(lambda: [entry.rejected for entry in phone.outbox()] == ["no_record"])
        assert [getattr(trouble, "code", "") for trouble in troubles] == ["no_record"]
        phone.sync()
        assert held(phone, "room1") == stack.stored("room1")
