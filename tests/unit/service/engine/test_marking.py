"""Marks are raised, kept and told to those whom they concern, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulated.rooms import PlainRooms, RealRooms, Rooms
from simulated.shelf import Shelf
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code, Unavailable
from tidelog.wire.frames import Fault, SyncRequest
from tidelog.wire.limits import MARKS_MAX, PACKET_BYTES_MAX
from tidelog.wire.marks import Mark, Marked, MarkRequest, Marks, Member
from tidelog.wire.payload import Encoding
from tidelog_service.engine import marking
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds, Packet

LIVE = ("ann-phone", "ann-tab", "bob-phone", "bob-tab", "cem-phone", "cem-tab")


@pytest.fixture(params=[PlainRooms, RealRooms])
def rooms(request: pytest.FixtureRequest) -> Iterator[Rooms]:
    """Ann and Bob in two rooms of a hundred records, one of them with read receipts."""
    made: Rooms = request.param()
    furnish(made)
    yield made
    made.close()


def furnish(made: Rooms) -> None:
    made.room("quiet", "ann", "bob")
    made.room("loud", "ann", "bob", receipts=True)
    made.room("hall", "ann", windowed=True, receipts=True)
    for name in ("quiet", "loud", "hall"):
        made.fill(name, 100)


@pytest.fixture
def engine(rooms: Rooms) -> Engine:
    """With everybody online."""
    made = Engine(rooms.store)
    made.handle([Packet(f"tl1/{device}/status", b"1") for device in LIVE], 1_000)
    return made


def told(
    engine: Engine, *asked: tuple[str, Frame], encoding: Encoding = Encoding.PACKED
) -> list[tuple[str, Frame]]:
    packets = [Packet(f"tl1/{device}/sync", wire.encode(frame, encoding)) for device, frame in asked]
    return [(reply.device, wire.decode(reply.payload)[0]) for reply in engine.handle(packets, 9_000)]


def mark(channel: str = "quiet", read: int = 0, delivered: int = 0, epoch: int = 7) -> MarkRequest:
    return MarkRequest(rid=5, marks=(Mark(channel, epoch, read, max(read, delivered)),))


def answer(user: str, *marks: Marked, gone: Sequence[str] = ()) -> Marks:
    return Marks(rid=5, user=user, marks=marks, gone=tuple(gone))


def stands(engine: Engine, user: str = "ann") -> dict[str, Marked]:
    """All that the user hears of."""
    frames = [frame for _, frame in told(engine, (f"{user}-phone", MarkRequest(rid=9)))]
    return {one.channel: one for frame in frames if isinstance(frame, Marks) for one in frame.marks}


def test_the_users_other_devices_hear_of_it_at_once_and_nobody_else(engine: Engine) -> None:
    assert told(engine, ("ann-phone", mark(read=57))) == [
        ("ann-phone", answer("ann", Marked("quiet", 7, 57, 57))),
        ("ann-tab", Marks(marks=(Marked("quiet", 7, 57, 57),))),
    ]


def test_where_a_channel_has_read_receipts_the_other_members_hear_too(engine: Engine) -> None:
    heard = Marks(marks=(Marked("loud", 7, others=(Member("ann", 50, 60),)),))
    assert told(engine, ("ann-phone", mark("loud", 50, 60))) == [
        ("ann-phone", answer("ann", Marked("loud", 7, 50, 60, ()))),
        ("ann-tab", Marks(marks=(Marked("loud", 7, 50, 60, ()),))),
        ("bob-phone", heard),
        ("bob-tab", heard),
    ]


def test_a_late_lower_mark_changes_nothing_and_is_no_error(engine: Engine) -> None:
    told(engine, ("ann-phone", mark(read=57, delivered=80)))
    for lower in (mark(read=56), mark(read=57), mark(read=3, delivered=79)):
        assert told(engine, ("ann-tab", lower)) == [
            ("ann-tab", answer("ann", Marked("quiet", 7, 57, 80))),
        ]
    (_, live) = told(engine, ("ann-tab", mark(read=58)))
    assert live == ("ann-phone", Marks(marks=(Marked("quiet", 7, 58, 80),)))


def test_who_has_read_has_been_delivered_to(engine: Engine) -> None:
    told(engine, ("ann-phone", mark(delivered=10)))
    assert told(engine, ("ann-phone", mark(read=20)))[0][1] == answer("ann", Marked("quiet", 7, 20, 20))


def test_above_the_head_counts_as_the_head(engine: Engine, rooms: Rooms) -> None:
    assert told(engine, ("ann-phone", mark(read=10**9)))[0][1] == answer("ann", Marked("quiet", 7, 100, 100))
    rooms.fill("quiet", 1)
    assert stands(engine)["quiet"].read == 100, "what comes later is not read by it"


def test_a_mark_of_another_epoch_changes_nothing(engine: Engine, rooms: Rooms) -> None:
    told(engine, ("ann-phone", mark(read=57)))
    rooms.begin("quiet", 8)
    assert told(engine, ("ann-tab", mark(read=90))) == [("ann-tab", answer("ann", Marked("quiet", 8)))]
    assert told(engine, ("ann-tab", mark(read=9, epoch=0)))[0][1] == answer("ann", Marked("quiet", 8, 9, 9))
    assert "quiet" not in stands(engine, "bob")


def test_what_is_not_to_be_had_is_gone_whoever_asks(engine: Engine, rooms: Rooms) -> None:
    """A stranger, a future member and a former one get the same answer as for no channel at all."""
    rooms.leave("quiet", "bob")
    for device in ("cem-phone", "bob-phone"):
        user = device.partition("-")[0]
        assert told(engine, (device, mark(read=5))) == [(device, answer(user, gone=["quiet"]))]
        assert told(engine, (device, mark("nowhere", 5))) == [(device, answer(user, gone=["nowhere"]))]
    assert told(engine, ("ann-phone", mark("loud", 5))), "others go on"


def test_who_has_left_hears_nothing_more_and_is_not_heard(engine: Engine, rooms: Rooms) -> None:
    told(engine, ("bob-phone", mark("loud", 40)))
    rooms.leave("loud", "bob")
    assert [device for device, _ in told(engine, ("ann-phone", mark("loud", 50)))] == ["ann-phone", "ann-tab"]
    assert stands(engine)["loud"].others == ()
    assert "loud" not in stands(engine, "bob")
    rooms.join("loud", "bob")
    assert stands(engine, "bob")["loud"] == Marked("loud", 7, others=(Member("ann", 50, 50),))


def test_a_window_hides_marks_outside(engine: Engine, rooms: Rooms) -> None:
    told(engine, ("ann-phone", mark("hall", 60)))
    rooms.join("hall", "bob")
    assert stands(engine, "bob")["hall"].others == ()
    heard = [device for device, _ in told(engine, ("ann-phone", mark("hall", 100)))]
    assert heard == ["ann-phone", "ann-tab"], "he may not read that far back"
    rooms.fill("hall", 10)
    (_, _, (device, half), _) = told(engine, ("ann-phone", mark("hall", delivered=102)))
    heard_half = Marks(marks=(Marked("hall", 7, others=(Member("ann", 0, 102),)),))
    assert (device, half) == ("bob-phone", heard_half)
    assert stands(engine, "bob")["hall"].others == (Member("ann", 0, 102),), "what she read lies before"
    told(engine, ("ann-phone", mark("hall", 105)))
    assert stands(engine, "bob")["hall"].others == (Member("ann", 105, 105),)
    rooms.leave("hall", "bob")
    rooms.fill("hall", 10)
    (mine, tab) = told(engine, ("bob-phone", mark("hall", 10**9)))
    assert mine == ("bob-phone", answer("bob", Marked("hall", 7, 110, 110)))
    assert tab[0] == "bob-tab"
    told(engine, ("ann-phone", mark("hall", 108)))
    assert stands(engine, "bob")["hall"] == Marked("hall", 7, 110, 110)
    assert stands(engine)["hall"].others == ()


def test_a_revoked_device_hears_nothing_and_marks_nothing(engine: Engine, rooms: Rooms) -> None:
    rooms.revoke("ann-tab")
    rooms.revoke("bob-tab")
    assert told(engine, ("ann-tab", mark(read=99))) == []
    heard = [device for device, _ in told(engine, ("ann-phone", mark("loud", 5)))]
    assert heard == ["ann-phone", "bob-phone"]


def test_a_device_that_is_not_there_is_told_nothing_live(rooms: Rooms) -> None:
    engine = Engine(rooms.store)
    assert [device for device, _ in told(engine, ("ann-phone", mark("loud", 5)))] == ["ann-phone"]


def test_a_script_marks_and_listens_in_json(engine: Engine) -> None:
    asked = SyncRequest(rid=1, everywhere=False, live=True)
    told(engine, ("bob-tab", asked), encoding=Encoding.JSON)
    packet = Packet("tl1/ann-phone/sync", b'{"type": "mark", "marks": {"loud": {"read": 57}}}')
    by_device = {reply.device: reply.payload for reply in engine.handle([packet], 9_000)}
    assert by_device["ann-phone"] == (
        b'{"type":"marks","user":"ann","marks":{"loud":{"epoch":7,"read":57,"others":{}}}}'
    )
    assert by_device["bob-tab"] == (
        b'{"type":"marks","marks":{"loud":{"epoch":7,"others":{"ann":{"read":57}}}}}'
    )
    assert by_device["bob-phone"][:1] == b"\x38"


def test_a_batch_tells_each_device_once(engine: Engine) -> None:
    """The last word on each user, in one packet a device."""
    asked = [("ann-phone", mark("loud", n)) for n in (5, 6)] + [("bob-phone", mark("loud", 7))]
    replies = told(engine, *asked)
    assert [device for device, _ in replies[:3]] == ["ann-phone", "ann-phone", "bob-phone"]
    live = dict(replies[3:])
    assert live["ann-tab"] == Marks(marks=(Marked("loud", 7, 6, 6, (Member("bob", 7, 7),)),))
    assert live["bob-tab"] == Marks(marks=(Marked("loud", 7, 7, 7, (Member("ann", 6, 6),)),))
    assert len(live) == len(replies) - 3


def test_all_marks_are_told_to_who_asks_for_them(engine: Engine) -> None:
    assert stands(engine) == {
        "loud": Marked("loud", 7, others=()),
        "hall": Marked("hall", 7, others=()),
    }
    told(engine, ("ann-phone", mark(read=5)), ("bob-phone", mark("loud", 6)), ("bob-phone", mark(read=7)))
    assert stands(engine) == {
        "quiet": Marked("quiet", 7, 5, 5),
        "loud": Marked("loud", 7, others=(Member("bob", 6, 6),)),
        "hall": Marked("hall", 7, others=()),
    }
    assert told(engine, ("cem-phone", MarkRequest(rid=5))) == [("cem-phone", answer("cem"))]


def test_very_many_channels_take_several_frames() -> None:
    rooms = PlainRooms()
    for n in range(MARKS_MAX + 10):
        rooms.room(f"room{n:04}", "ann", receipts=True)
    replies = told(Engine(rooms.store), ("ann-phone", MarkRequest(rid=5)))
    frames = [frame for _, frame in replies if isinstance(frame, Marks)]
    assert [len(frame.marks) for frame in frames] == [MARKS_MAX, 10]
    assert {frame.rid for frame in frames} == {5}


def test_where_very_many_would_hear_all_hear_later(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = PlainRooms()
    furnish(rooms)
    engine = Engine(rooms.store)
    engine.handle([Packet(f"tl1/{device}/status", b"1") for device in LIVE], 1_000)
    monkeypatch.setattr(marking, "HEARERS_MAX", 1)
    heard = [device for device, _ in told(engine, ("ann-phone", mark("loud", 5)))]
    assert heard == ["ann-phone", "ann-tab"]
    assert stands(engine, "bob")["loud"].others == (Member("ann", 5, 5),)


def test_who_asks_too_often_or_at_a_bad_time_is_told_to_wait() -> None:
    rooms = PlainRooms()
    furnish(rooms)
    engine = Engine(rooms.store, bounds=Bounds(requests_burst=1, requests_per_second=1))
    ((_, busy), _) = told(engine, ("ann-phone", mark(read=5)), ("ann-phone", mark(read=6)))
    assert isinstance(busy, Fault)
    assert (busy.code, busy.rid) == (Code.BUSY, 5)
    with mock.patch.object(rooms.shelf, "logs_of", side_effect=Unavailable("the disk failed")):
        ((_, busy),) = told(Engine(rooms.store), ("ann-phone", mark(read=9)))
    assert isinstance(busy, Fault)
    assert (busy.code, busy.rid) == (Code.BUSY, 5)


MARKS = st.tuples(
    st.sampled_from(["ann-phone", "ann-tab", "bob-phone"]),
    st.sampled_from(["quiet", "loud"]),
    st.integers(0, 120),
    st.integers(0, 120),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(MARKS, max_size=4), max_size=5))
def test_in_whatever_order_they_come_the_highest_stand(
    batches: list[list[tuple[str, str, int, int]]],
) -> None:
    for make in (PlainRooms, RealRooms):
        rooms: Rooms = make()
        furnish(rooms)
        engine = Engine(rooms.store)
        highest: dict[tuple[str, str], tuple[int, int]] = {}
        for batch in batches:
            told(engine, *[(device, mark(name, read, delivered)) for device, name, read, delivered in batch])
            for device, name, read, delivered in batch:
                key = device.partition("-")[0], name
                before = highest.get(key, (0, 0))
                risen = max(before[0], min(read, 100))
                highest[key] = risen, max(before[1], min(max(delivered, read), 100), risen)
        for user in ("ann", "bob"):
            found = stands(engine, user)
            for name in ("quiet", "loud"):
                one = found.get(name, Marked(name, 7))
                assert (one.read, one.delivered) == highest.get((user, name), (0, 0))
        rooms.close()


@pytest.mark.parametrize("letter", ["x", '"'])
def test_as_many_long_names_as_a_frame_may_have_go_in_as_many_packets_as_they_take(letter: str) -> None:
    names = [f"{at:03}" + 61 * letter for at in range(MARKS_MAX)]
    shelf = Shelf(dict.fromkeys(names, ("ann", "bob")))
    shelf.receipts = set(names)
    shelf.logs = {name: replace(log, head=2**52) for name, log in shelf.logs.items()}
    engine = Engine(shelf, bounds=Bounds(requests_burst=10_000))
    frame = MarkRequest(rid=5, marks=tuple(Mark(name, 7, 2**52 - 1, 2**52) for name in names))
    told(engine, ("bob-phone", frame), ("ann-phone", frame))
    packet = Packet("tl1/ann-phone/sync", wire.encode(MarkRequest(rid=6), Encoding.JSON))
    payloads = [reply.payload for reply in engine.handle([packet], 9_000)]
    assert max(map(len, payloads)) <= PACKET_BYTES_MAX
    frames = [wire.decode(payload)[0] for payload in payloads]
    assert [one.channel for frame in frames if isinstance(frame, Marks) for one in frame.marks] == names
