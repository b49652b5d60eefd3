"""Callbacks: order, removal, and where their exceptions go."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from stacks import eventually
from tidelog.callbacks import Callbacks
from tidelog.replica.ports import Mark, Record
from tidelog.replica.steps import Membership


def record(seq: int) -> Record:
    return Record(channel="room1", seq=seq, author="alice", time=1, sent=1, kind=0, body=b"x")


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    made = Callbacks()
    made.start()
    yield made
    made.stop()


def test_records_come_in_order_on_one_named_thread_until_removed(callbacks: Callbacks) -> None:
    seen: list[tuple[int, str]] = []
    remove = callbacks.on_record(lambda r: seen.append((r.seq, threading.current_thread().name)))
    callbacks.arrived((record(1), record(2)))
    callbacks.arrived((record(3),))
    eventually(lambda: len(seen) == 3)
    remove()
    remove()
    callbacks.arrived((record(4),))
    callbacks.stop()
    assert seen == [(seq, "tidelog-callbacks") for seq in (1, 2, 3)]


def test_marks_come_to_those_who_listen_for_them(callbacks: Callbacks) -> None:
    seen: list[Mark] = []
    remove = callbacks.on_mark(seen.append)
    mark = Mark(channel="room1", epoch=7, user="bob", read=5, delivered=5)
    callbacks.marked((mark, mark))
    callbacks.arrived((record(1),))
    eventually(lambda: len(seen) == 2)
    remove()
    callbacks.marked((mark,))
    callbacks.stop()
    assert seen == [mark, mark]


def test_an_exception_goes_to_on_error_and_the_next_listener_still_hears(callbacks: Callbacks) -> None:
    seen: list[object] = []
    callbacks.on_error(lambda error: seen.append(repr(error)))
    callbacks.on_record(lambda r: 1 // (r.seq - 1))  # type: ignore[arg-type,return-value]  # it raises
    callbacks.on_record(lambda r: seen.append(r.seq))
    callbacks.arrived((record(1),))
    eventually(lambda: len(seen) == 2)
    assert seen == ["ZeroDivisionError('integer division or modulo by zero')", 1]


def test_changes_of_memberships_go_to_their_own_listeners(callbacks: Callbacks) -> None:
    seen: list[object] = []
    told = Membership(channel="boat", role="reader")
    callbacks.changed(told)
    callbacks.on_record(lambda _record: seen.append("a record"))
    remove = callbacks.on_membership(seen.append)
    callbacks.changed(told)
    eventually(lambda: seen == [told])
    remove()
    callbacks.changed(told)
    callbacks.stop()
    assert seen == [told]


def test_an_error_that_nobody_listens_to_is_shown_as_of_an_unhandled_thread(
    callbacks: Callbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: shown.append(hook.exc_value))
    error = RuntimeError("nobody waits")
    callbacks.trouble(error)
    eventually(lambda: shown == [error])
