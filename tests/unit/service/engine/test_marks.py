"""What pages tell of marks: only what the account lacks, once it is proven not again, and never too much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest

from simulated.rooms import PlainRooms, RealRooms, Rooms
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code, Unavailable
from tidelog.wire.frames import Fault, SyncRequest
from tidelog.wire.limits import MARKS_MAX
from tidelog.wire.marks import Mark, MarkRequest, Member, News
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Growth, Standing, Standings
from tidelog.wire.statements import Statement
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet

HAVE = RangeSet([(1, 101)])
ASKED = SyncRequest(rid=1, pages=True, keep=True)


@pytest.fixture(params=[PlainRooms, RealRooms])
def rooms(request: pytest.FixtureRequest) -> Iterator[Rooms]:
    """Ann and Bob in two rooms of a hundred records, one of them with read receipts."""
    made: Rooms = request.param()
    made.room("quiet", "ann", "bob")
    made.room("loud", "ann", "bob", receipts=True)
    for name in ("quiet", "loud"):
        made.fill(name, 100)
    yield made
    made.close()


def replies(engine: Engine, frame: Frame, device: str) -> list[bytes]:
    packet = Packet(f"tl1/{device}/sync", wire.encode(frame, Encoding.PACKED))
    return [reply.payload for reply in engine.handle([packet], 9_000) if reply.device == device]


def mark(engine: Engine, device: str, channel: str, read: int, delivered: int = 0) -> None:
    replies(engine, MarkRequest(rid=5, marks=(Mark(channel, 7, read, max(read, delivered)),)), device)


class Away:
    """A tablet of ann's that has all records, and keeps its account as pages leave it."""

    def __init__(self, engine: Engine, *names: str, device: str = "ann-tab", have: RangeSet = HAVE) -> None:
        self.engine = engine
        self.device = device
        self.account = Standings(Standing(name, 7, have) for name in names)
        stated = tuple(Statement(channel=one.channel, epoch=7, have=one.have) for one in self.account)
        page = self.page(replace(ASKED, statements=stated, everywhere=False))
        self.token = page.token

    def page(self, frame: Frame) -> Page:
        (payload,) = replies(self.engine, frame, self.device)
        self.size = len(payload)
        page, _ = wire.decode(payload)
        assert isinstance(page, Page)
        self.account.tell(page.told, page.gone)
        self.account.learn(page.marks)
        self.got = page
        return page

    def sync(self, **more: object) -> tuple[News, ...]:
        asked = Resync(rid=2, token=self.token, digest=self.account.digest, **more)  # type: ignore[arg-type]
        return self.page(asked).marks


def test_nobody_who_uses_no_marks_pays_a_byte(rooms: Rooms) -> None:
    tablet = Away(Engine(rooms.store), "quiet")
    assert tablet.got == Page(rid=1, token=tablet.token)
    assert tablet.sync() == ()
    assert tablet.size == 3


def test_a_mark_is_told_once_in_fourteen_bytes(rooms: Rooms) -> None:
    """With the first one, four more say whose device it is."""
    engine = Engine(rooms.store)
    tablet = Away(engine, "quiet")
    mark(engine, "ann-phone", "quiet", 57)
    assert tablet.sync() == (News(0, 114, 57, 57),)
    assert (tablet.got.user, tablet.size) == ("ann", 3 + 14 + 4)
    assert (tablet.sync(), tablet.size) == ((), 3)
    mark(engine, "ann-phone", "quiet", 58)
    assert tablet.sync() == (News(0, 116, 58, 58),)
    assert (tablet.got.user, tablet.size) == ("", 3 + 14)


def test_sent_is_not_received(rooms: Rooms) -> None:
    """A page that is lost tells nothing; the next one tells it again."""
    engine = Engine(rooms.store)
    tablet = Away(engine, "quiet")
    mark(engine, "ann-phone", "quiet", 57)
    before = tablet.account.copy()
    tablet.sync()
    tablet.account = before
    assert tablet.sync() == (News(0, 114, 57, 57),)
    assert tablet.sync() == ()


def test_a_device_that_reads_no_marks_goes_on_by_its_token(rooms: Rooms) -> None:
    """An implementation of an earlier revision passes over what it does not know in a header."""
    engine = Engine(rooms.store)
    mark(engine, "ann-phone", "quiet", 57)
    tablet = Away(engine, "quiet")
    assert tablet.got.marks == (News(0, 114, 57, 57),)
    tablet.account = Standings([Standing("quiet", 7, HAVE)])
    assert tablet.sync() == (News(0, 114, 57, 57),)


def test_another_service_on_the_same_database_knows_what_was_told(rooms: Rooms) -> None:
    engine = Engine(rooms.store)
    tablet = Away(engine, "quiet")
    mark(engine, "ann-phone", "quiet", 57)
    tablet.sync()
    tablet.engine = Engine(rooms.store)
    assert tablet.sync() == ()


def test_a_device_that_was_set_back_is_told_again(rooms: Rooms) -> None:
    """The service keeps the account before the last one; of an older one it knows nothing any more."""
    engine = Engine(rooms.store)
    tablet = Away(engine, "quiet")
    backup = tablet.account.copy()
    mark(engine, "ann-phone", "quiet", 57)
    tablet.sync()
    tablet.sync()
    tablet.account = backup.copy()
    assert tablet.sync() == (News(0, 114, 57, 57),)
    mark(engine, "ann-phone", "quiet", 58)
    tablet.sync()
    (refused,) = replies(engine, Resync(rid=3, token=tablet.token, digest=backup.digest), "ann-tab")
    assert wire.decode(refused)[0] == Fault(code=Code.TOKEN, rid=3)
    assert Away(engine, "quiet").got.marks == (News(0, 116, 58, 58),)


def test_what_has_left_to_tell_goes_first(rooms: Rooms) -> None:
    """Marks come with the last page, and not where the answer's bytes are counted."""
    engine = Engine(rooms.store)
    tablet = Away(engine, "quiet")
    mark(engine, "ann-phone", "quiet", 57)
    assert tablet.sync(room=60_000) == ()
    half = Away(engine, "quiet", have=RangeSet([(1, 51)]))
    assert half.got.content is not None
    assert half.got.marks == (News(0, 114, 57, 57),)
    rooms.fill("quiet", 4_000)
    small = Away(engine, "quiet", device="bob-tab")
    assert small.got.more
    assert small.got.marks == ()


def test_without_a_token_nothing_is_told(rooms: Rooms) -> None:
    """A repair asks for some records, not for how things stand."""
    engine = Engine(rooms.store)
    mark(engine, "ann-phone", "quiet", 57)
    wanted = (Statement(channel="quiet", epoch=7, have=HAVE, want=HAVE),)
    (payload,) = replies(engine, replace(ASKED, statements=wanted, everywhere=False), "ann-tab")
    assert wire.decode(payload)[0] == Page(rid=1)


def test_a_channel_with_read_receipts_says_so_and_who_has_come_how_far(rooms: Rooms) -> None:
    engine = Engine(rooms.store)
    tablet = Away(engine, "loud", "quiet")
    assert tablet.got.marks == (News(0, 1, others=()),)
    mark(engine, "bob-phone", "loud", 40, 60)
    mark(engine, "bob-phone", "quiet", 40)
    assert tablet.sync() == (News(0, 2, others=(Member("bob", 40, 60),)),)
    mark(engine, "ann-phone", "loud", 50)
    assert tablet.sync() == (News(0, 3, 50, 50, others=()),)
    mark(engine, "bob-phone", "loud", 41)
    mark(engine, "ann-phone", "loud", 51)
    assert tablet.sync() == (News(0, 5, 51, 51, others=(Member("bob", 41, 60),)),)
    assert tablet.sync() == ()


def test_others_marks_are_nobodys_business_else(rooms: Rooms) -> None:
    """Not even that there are any: the version is of what the user hears of."""
    engine = Engine(rooms.store)
    tablet = Away(engine, "quiet")
    mark(engine, "bob-phone", "quiet", 40)
    assert tablet.sync() == ()
    mark(engine, "ann-phone", "quiet", 40)
    assert tablet.sync() == (News(0, 80, 40, 40),)


def test_who_leaves_and_who_comes_back(rooms: Rooms) -> None:
    engine = Engine(rooms.store)
    tablet = Away(engine, "loud", device="bob-tab")
    mark(engine, "ann-phone", "loud", 40)
    rooms.leave("loud", "bob")
    assert tablet.sync() == ()
    assert tablet.got.gone == ("loud",)
    mark(engine, "ann-phone", "loud", 50)
    assert tablet.sync() == ()
    rooms.join("loud", "bob")
    assert tablet.sync() == (News(0, 3, others=(Member("ann", 50, 50),)),)


def test_in_a_new_epoch_marks_begin_anew(rooms: Rooms) -> None:
    engine = Engine(rooms.store)
    tablet = Away(engine, "quiet")
    mark(engine, "ann-phone", "quiet", 57)
    tablet.sync()
    rooms.begin("quiet", 8)
    page = tablet.page(Resync(rid=2, token=tablet.token, digest=tablet.account.digest))
    assert (page.told[0].epoch, page.marks) == (8, ())
    assert tablet.account.get("quiet") is not None
    assert [one.marks for one in tablet.account] == [0]


def test_many_marks_take_pages_and_the_last_one_says_that_it_is() -> None:
    rooms = PlainRooms()
    names = [f"r{n:03}" for n in range(MARKS_MAX + 40)]
    for name in names:
        rooms.room(name, "ann")
        rooms.fill(name, 1)
    engine = Engine(rooms.store)
    tablet = Away(engine, *names, have=RangeSet([(1, 2)]))
    for name in names:
        mark(engine, "ann-phone", name, 1)
    first = tablet.sync()
    assert (len(first), tablet.got.more) == (MARKS_MAX, True)
    assert (len(tablet.sync()), tablet.got.more) == (40, False)
    assert tablet.sync() == ()


@pytest.mark.parametrize("page_bytes", [256, 1_000])
def test_many_members_take_pages_of_the_size_that_was_asked_for(page_bytes: int) -> None:
    """The version then stands for those that were told."""
    rooms = RealRooms()
    members = [f"{n:03}-with-a-long-name-that-takes-some-bytes-of-a-page" for n in range(30)]
    for user in members:
        rooms.registry.add_user(user)
        rooms.registry.add_device(user, user[:3], secret="secret")
    rooms.room("loud", "ann", *members, receipts=True)
    rooms.fill("loud", 100)
    engine = Engine(rooms.store)
    for n, user in enumerate(members):
        mark(engine, user[:3], "loud", n + 1)
    mark(engine, "ann-phone", "loud", 99)
    stated = (Statement(channel="loud", epoch=7, have=HAVE),)
    tablet = Away(engine, "loud")
    page = tablet.page(replace(ASKED, statements=stated, page_bytes=page_bytes))
    tablet.account = Standings([Standing("loud", 7, HAVE)])
    tablet.account.learn(page.marks)
    tablet.token, told = page.token, [page]
    while told[-1].more:
        tablet.sync()
        assert tablet.size <= page_bytes
        told.append(tablet.got)
    heard = [member.user for page in told for news in page.marks for member in news.others or ()]
    assert sorted(heard) == members, "each of them once"
    assert [news.read for page in told for news in page.marks if news.read] == [99]
    assert len(told) > 1
    rooms.close()


def test_a_store_that_fails_costs_no_page() -> None:
    rooms = PlainRooms()
    rooms.room("loud", "ann", receipts=True)
    rooms.fill("loud", 100)
    with mock.patch.object(rooms.shelf, "marks_of", side_effect=Unavailable("the disk failed")):
        assert Away(Engine(rooms.store), "loud").got.marks == ()


def test_what_grew_and_what_was_marked_come_together(rooms: Rooms) -> None:
    engine = Engine(rooms.store)
    tablet = Away(engine, "quiet")
    rooms.fill("quiet", 2)
    mark(engine, "ann-phone", "quiet", 101)
    tablet.account.change((Growth(0, 2),), ())
    before = Standings([Standing("quiet", 7, HAVE)])
    page = tablet.page(Resync(rid=2, token=tablet.token, digest=before.digest, grown=(Growth(0, 2),)))
    assert page.marks == (News(0, 202, 101, 101),)
    assert tablet.sync() == ()
