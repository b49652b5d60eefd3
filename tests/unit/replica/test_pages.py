"""A page as the device takes it: what it may speak of, and the account that it leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulated.samples import EPOCH, runs
from tidelog.codec.context import Context, Entry
from tidelog.codec.page import Lack, Rule, pack
from tidelog.codec.press import PressJob, press
from tidelog.replica.asking import Question
from tidelog.replica.pages import Opened, opened_page
from tidelog.store.memory import MemoryStore
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import CODEC_NONE, SyncRequest
from tidelog.wire.marks import News
from tidelog.wire.metadata import Meta
from tidelog.wire.page_frames import Content, Model, Page
from tidelog.wire.ranges import EMPTY
from tidelog.wire.standings import Standing, Standings, Told

KNOWN = Standing("a", EPOCH, runs((1, 4)))


def question(*standings: Standing, channels: tuple[str, ...] | None = None, newest: int = 0) -> Question:
    return Question(
        request=SyncRequest(rid=1), account=Standings(standings), channels=channels, rule=Rule(newest=newest)
    )


def content(account: Standings, place: int, *seqs: int, head: int = 0, newest: int = 0) -> Content:
    """Records of one channel, made for a device that holds nothing."""
    standing = list(account)[place]
    head = head or max(seqs)
    entries = [Entry(standing.channel, seq, Meta("ann", seq, 16, -1, "t/x"), b"%d" % seq, 1) for seq in seqs]
    lack = Lack(place, standing.channel, head, standing.lacking(head, newest=newest))
    bodies = tuple(entry.body for entry in entries)
    pressed = press(PressJob(CODEC_NONE, 6, b"", bodies, 1_000, first_always=True))
    return pack(list(account), [lack], entries, primed=Context(), pressed=pressed, model=Model())


def opened(page: Page, asked: Question) -> Opened:
    return opened_page(page, asked, MemoryStore())


def test_records_come_by_channel_and_enter_the_account() -> None:
    asked = question(KNOWN, Standing("b", EPOCH))
    page = Page(rid=1, content=content(asked.account, 0, 6, 5))
    found = opened(page, asked)
    (part,) = found.parts
    assert (part.channel, part.epoch, part.head, part.floor, part.voids) == ("a", EPOCH, 6, 1, EMPTY)
    assert [(one.seq, one.body, one.author, one.time, one.sent) for one in part.records] == [
        (5, b"5", "ann", 5, 4),
        (6, b"6", "ann", 6, 5),
    ]
    assert [(one.kind, one.content_type, one.size) for one in part.records] == [(16, "t/x", 1)] * 2
    assert list(found.account) == [replace(KNOWN, have=runs((1, 4), (5, 7))), Standing("b", EPOCH)]
    assert list(asked.account) == [KNOWN, Standing("b", EPOCH)], "what was asked stays as it was"


def test_what_is_told_comes_before_the_parts() -> None:
    """New channels get a place, voids and floors are taken off what is lacking."""
    asked = question(KNOWN)
    told = (Told("b", 9, 3), Told(0, EPOCH, 2, runs((4, 6))))
    after = asked.account.copy()
    after.tell(told, ())
    found = opened(Page(rid=1, told=told, content=content(after, 1, 4, 3)), asked)
    assert [(one.channel, one.epoch, one.floor, one.voids) for one in found.parts] == [
        ("a", EPOCH, 2, runs((4, 6))),
        ("b", 9, 3, EMPTY),
    ]
    assert [one.seq for one in found.parts[1].records] == [3, 4]
    assert list(found.account) == [
        Standing("a", EPOCH, runs((1, 6)), 2),
        Standing("b", 9, runs((3, 5)), 3),
    ]


def test_a_new_epoch_voids_the_have_set() -> None:
    found = opened(Page(rid=1, told=(Told(0, 8),)), question(KNOWN))
    assert list(found.account) == [Standing("a", 8)]
    assert [(one.channel, one.epoch, one.head) for one in found.parts] == [("a", 8, 0)]


def test_marks_are_of_the_account_as_the_header_leaves_it() -> None:
    told = (Told("b", 8), Told(0, 9))
    page = Page(rid=1, told=told, marks=(News(1, 5, 2, 3), News(0, 4, 4, 4)))
    found = opened(page, question(replace(KNOWN, marks=7)))
    assert [(one.channel, one.marks) for one in found.account] == [("a", 4), ("b", 5)]
    assert [(channel, epoch, one.read) for channel, epoch, one in found.news] == [("b", 8, 2), ("a", 9, 4)]
    assert [
        one.marks for one in opened(Page(rid=1, told=told), question(replace(KNOWN, marks=7))).account
    ] == [
        0,
        0,
    ], "in a new epoch there are none"
    with pytest.raises(ProtocolError):
        opened(Page(rid=1, marks=(News(1, 5),)), question(KNOWN))


def test_a_channel_that_is_gone_stays_in_the_account_and_primes_nothing() -> None:
    asked = question(KNOWN, Standing("b", EPOCH))
    after = Standings([replace(KNOWN, floor=0), Standing("b", EPOCH)])
    found = opened(Page(rid=1, gone=("a",), content=content(after, 1, 1)), asked)
    assert [one.channel for one in found.parts] == ["b"]
    assert [(one.channel, one.gone) for one in found.account] == [("a", True), ("b", False)]


def test_an_empty_page_leaves_what_was_stated() -> None:
    found = opened(Page(rid=1), question(KNOWN))
    assert (found.parts, list(found.account)) == ((), [KNOWN])


@pytest.mark.parametrize(
    "page",
    [
        Page(rid=1, told=(Told("c", 8),)),
        Page(rid=1, gone=("c",)),
        Page(rid=1, gone=("b",)),
        Page(rid=1, told=(Told(1, 8),)),
        Page(rid=1, told=(Told(4_095, 8),)),
    ],
)
def test_channels_that_were_not_asked_for_are_refused(page: Page) -> None:
    asked = question(KNOWN, channels=("a",))
    with pytest.raises(ProtocolError):
        opened(page, asked)
    assert list(asked.account) == [KNOWN]


def test_a_channel_that_was_named_may_be_new() -> None:
    assert opened(Page(rid=1, told=(Told("b", 8),)), question(channels=("b",))).account.names() == ["b"]


def test_a_damaged_page_is_refused() -> None:
    asked = question(KNOWN)
    good = content(asked.account, 0, 6, 5)
    for bad in (
        replace(good, check=bytes(4)),
        replace(good, bodies=b"6\0"),
        replace(good, bodies=b"5\x006\0"),
        replace(good, columns=good.columns + b"x" * 9),
        replace(good, columns=b""),
        replace(good, codec=3),
    ):
        with pytest.raises(ProtocolError):
            opened(Page(rid=1, content=bad), asked)


def test_a_page_of_the_newest_is_read_by_the_questions_rule() -> None:
    asked = question(KNOWN, newest=2)
    found = opened(Page(rid=1, content=content(asked.account, 0, 9, 8, newest=2)), asked)
    assert [one.seq for one in found.parts[0].records] == [8, 9]
