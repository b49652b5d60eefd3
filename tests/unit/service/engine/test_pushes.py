"""Stored records to those who are there."""

from __future__ import annotations

import pytest

from simulated.shelf import Shelf
from tidelog.wire import payload as wire
from tidelog.wire.errors import Unavailable
from tidelog.wire.frames import Presence, Push
from tidelog.wire.limits import PACKET_BYTES_MAX
from tidelog.wire.payload import Encoding
from tidelog_service.engine.ingest import Stored
from tidelog_service.engine.packets import Kind, Reply
from tidelog_service.engine.ports import Log, NewRow
from tidelog_service.engine.presence import Attendance
from tidelog_service.engine.pushes import Pushes


@pytest.fixture
def store() -> Shelf:
    return Shelf({"room": ("ann", "bob"), "diary": ("ann",)})


@pytest.fixture
def attendance() -> Attendance:
    """Everybody is there, cem too, who is in no room."""
    made = Attendance()
    for device in ("ann-phone", "ann-tab", "bob-phone", "cem-phone"):
        made.saw(device, Presence.LIVE)
    return made


@pytest.fixture
def pushes() -> Pushes:
    return Pushes(coalesce_ms=30, primed_max=8)


def stored(log: Log, seq: int, *, body: bytes = b"hello", device: str = "ann-phone") -> Stored:
    row = NewRow(log.id, seq, 1, 2_000, 1_500, 16, "t/x", body)
    return Stored(log, row, "ann", device)


def flushed(pushes: Pushes, store: Shelf, attendance: Attendance, now_ms: int = 30) -> list[Reply]:
    return list(pushes.flush(store=store, attendance=attendance, now_ms=now_ms))


def seqs(reply: Reply) -> list[int]:
    frame, _ = wire.decode(reply.payload)
    assert isinstance(frame, Push)
    return [record.seq for record in frame.part.records]


def test_a_clock_that_steps_back_does_not_hold_up_the_pushes(pushes: Pushes, store: Shelf) -> None:
    pushes.collect([stored(store.logs["room"], 1)], 3_600_100)
    pushes.collect([stored(store.logs["room"], 2)], 100)
    assert pushes.due_ms == 130


def test_the_first_record_waits_for_others(pushes: Pushes, store: Shelf) -> None:
    assert pushes.due_ms is None
    pushes.collect([], 90)
    assert pushes.due_ms is None
    pushes.collect([stored(store.logs["room"], 1)], 100)
    pushes.collect([stored(store.logs["room"], 2)], 120)
    assert pushes.due_ms == 130


def test_every_member_who_is_there_gets_it_but_not_the_author(
    pushes: Pushes, store: Shelf, attendance: Attendance
) -> None:
    attendance.saw("bob-tab", Presence.QUIET)
    pushes.collect([stored(store.logs["room"], 1)], 0)
    replies = flushed(pushes, store, attendance)
    assert [reply.device for reply in replies] == ["ann-tab", "bob-phone"]
    frame, _ = wire.decode(replies[0].payload)
    assert isinstance(frame, Push)
    (record,) = frame.part.records
    assert (frame.part.channel, frame.part.epoch, frame.part.head) == ("room", 7, 1)
    assert (record.author, record.time, record.sent, record.kind) == ("ann", 2_000, 1_500, 16)
    assert (record.content_type, record.body, record.size) == ("t/x", b"hello", 5)
    assert flushed(pushes, store, attendance) == []
    assert pushes.due_ms is None


def test_records_of_several_devices_go_to_all_of_them(
    pushes: Pushes, store: Shelf, attendance: Attendance
) -> None:
    log = store.logs["room"]
    pushes.collect([stored(log, 1), stored(log, 2, device="bob-phone")], 0)
    replies = flushed(pushes, store, attendance)
    assert [reply.device for reply in replies] == ["ann-phone", "ann-tab", "bob-phone"]
    assert all(seqs(reply) == [1, 2] for reply in replies)


def test_channels_are_pushed_apart(pushes: Pushes, store: Shelf, attendance: Attendance) -> None:
    pushes.collect([stored(store.logs["room"], 1), stored(store.logs["diary"], 1)], 0)
    devices = [reply.device for reply in flushed(pushes, store, attendance)]
    assert devices == ["ann-tab", "bob-phone", "ann-tab"]


def test_a_script_gets_json_from_the_same_records(
    pushes: Pushes, store: Shelf, attendance: Attendance
) -> None:
    attendance.asked("bob-phone", Encoding.JSON, live=True, until_ms=31)
    pushes.collect([stored(store.logs["room"], 1)], 0)
    replies = flushed(pushes, store, attendance)
    assert [Encoding.of(reply.payload) for reply in replies] == [Encoding.PACKED, Encoding.JSON]
    assert seqs(replies[0]) == seqs(replies[1])
    pushes.collect([stored(store.logs["room"], 2)], 31)
    assert [reply.device for reply in flushed(pushes, store, attendance, 61)] == ["ann-tab"]


def test_a_revoked_device_gets_nothing_of_what_was_waiting(
    pushes: Pushes, store: Shelf, attendance: Attendance
) -> None:
    pushes.collect([stored(store.logs["room"], 1)], 0)
    store.revoked.add("bob-phone")
    assert [reply.device for reply in flushed(pushes, store, attendance)] == ["ann-tab"]


def test_a_member_who_left_gets_nothing_of_what_was_waiting(
    pushes: Pushes, store: Shelf, attendance: Attendance
) -> None:
    pushes.collect([stored(store.logs["room"], 1)], 0)
    store.members["room"] = ("ann",)
    assert [reply.device for reply in flushed(pushes, store, attendance)] == ["ann-tab"]


@pytest.mark.parametrize("size", [3, 2_000, 32_768])
def test_what_does_not_fit_is_split(pushes: Pushes, store: Shelf, attendance: Attendance, size: int) -> None:
    attendance.asked("bob-phone", Encoding.JSON, live=True, until_ms=31)
    log = store.logs["room"]
    pushes.collect([stored(log, seq, body=b"\xff" * size) for seq in range(1, 41)], 0)
    replies = flushed(pushes, store, attendance)
    assert all(len(reply.payload) <= PACKET_BYTES_MAX for reply in replies)
    for device in ("ann-tab", "bob-phone"):
        got = [seq for reply in replies if reply.device == device for seq in seqs(reply)]
        assert got == list(range(1, 41))


def test_an_epoch_that_changed_in_between_starts_another_push(
    pushes: Pushes, store: Shelf, attendance: Attendance
) -> None:
    old = store.logs["room"]
    new = Log(id=old.id, name="room", epoch=8, head=0, floor=1, time=0)
    pushes.collect([stored(old, 5), stored(new, 1)], 0)
    replies = [reply for reply in flushed(pushes, store, attendance) if reply.device == "ann-tab"]
    assert [seqs(reply) for reply in replies] == [[5], [1]]


def test_a_store_that_fails_costs_the_pushes_and_no_more(
    pushes: Pushes, store: Shelf, attendance: Attendance
) -> None:
    """Devices see the gap and ask."""
    pushes.collect([stored(store.logs["room"], 1)], 0)
    store.failing = True
    with pytest.raises(Unavailable):
        flushed(pushes, store, attendance)
    assert pushes.due_ms is None
    store.failing = False
    pushes.collect([stored(store.logs["room"], 2)], 40)
    assert [seqs(reply) for reply in flushed(pushes, store, attendance)] == [[2], [2]]


def test_pushes_say_what_they_are_and_how_long_the_bodies_were(
    pushes: Pushes, store: Shelf, attendance: Attendance
) -> None:
    pushes.collect([stored(store.logs["room"], seq, body=bytes(3 * seq)) for seq in (1, 2)], 0)
    for reply in flushed(pushes, store, attendance):
        assert (reply.kind, reply.bodies) == (Kind.PUSHES, (3, 6))


def forms(replies: list[Reply]) -> list[tuple[str, str]]:
    return [(reply.device, type(wire.decode(reply.payload)[0]).__name__) for reply in replies]


def collect(pushes: Pushes, store: Shelf, *channels: str) -> None:
    """A record after ten others in each of the channels."""
    for channel in channels:
        store.fill(channel, [b"hello %d" % n for n in range(10)], author="ann")
        pushes.collect([stored(store.logs[channel], 11, body=b"hello 4 and 5", device="bob-tab")], 0)


def test_each_device_gets_it_in_its_form_and_each_form_is_written_once(
    pushes: Pushes, store: Shelf, attendance: Attendance
) -> None:
    attendance.asked("ann-tab", Encoding.PACKED, live=True, until_ms=0, plain=True)
    attendance.asked("bob-phone", Encoding.JSON, live=True, until_ms=99)
    collect(pushes, store, "room")
    replies = flushed(pushes, store, attendance)
    assert forms(replies) == [("ann-phone", "PrimedPush"), ("ann-tab", "Push"), ("bob-phone", "Push")]
    assert len(replies[0].payload) < len(replies[1].payload) < len(replies[2].payload)


def test_all_who_can_read_it_get_the_same_bytes(pushes: Pushes, store: Shelf, attendance: Attendance) -> None:
    collect(pushes, store, "room")
    replies = flushed(pushes, store, attendance)
    assert len(replies) == 3
    assert len({id(reply.payload) for reply in replies}) == 1


def test_a_flush_primes_so_many_pushes_and_no_more(store: Shelf, attendance: Attendance) -> None:
    pushes = Pushes(coalesce_ms=30, primed_max=1)
    collect(pushes, store, "room", "diary")
    names = [name for _, name in forms(flushed(pushes, store, attendance))]
    assert names == ["PrimedPush"] * 3 + ["Push"] * 2
    pushes.collect([stored(store.logs["room"], 12, device="bob-tab")], 40)
    assert forms(flushed(pushes, store, attendance))[0][1] == "PrimedPush"


def test_a_first_record_goes_as_it_is(pushes: Pushes, store: Shelf, attendance: Attendance) -> None:
    pushes.collect([stored(store.logs["room"], 1)], 0)
    assert {name for _, name in forms(flushed(pushes, store, attendance))} == {"Push"}
