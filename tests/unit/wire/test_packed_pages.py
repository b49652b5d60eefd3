from __future__ import annotations

from dataclasses import replace
from time import process_time

import cbor2
import pytest
from hypothesis import given

from tidelog.wire import packed, runs, varint
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Type
from tidelog.wire.limits import PAGE_RECORDS_MAX, SEQ_STOP, STATEMENTS_MAX, VERSION
from tidelog.wire.page_frames import Content, Model, Page, Resync
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Change, Growth, Told
from tidelog.wire.statements import Statement
from unit.wire.payloads import refusal
from unit.wire.strategies import pages, resyncs

RESYNC_FIXED = bytes.fromhex("23 0007 a1b2c3d4 00c0ffee")
PAGE_FIXED = bytes.fromhex("33 0007")
CONTENT = Content(
    codec=2,
    model=Model(64 << 10, 2 << 20, 4),
    dictionary=False,
    plain=True,
    check=b"chck",
    columns=b"columns",
    bodies=b"bodies",
)
"""Its model is the byte 4d."""


def resync(*fields: object) -> bytes:
    """A request by token with these fields after the fixed ones."""
    return RESYNC_FIXED + cbor2.dumps(list(fields))


def page(flags: int, *strings: bytes) -> bytes:
    """A page with these flags."""
    return PAGE_FIXED + bytes([flags]) + b"".join(strings)


def header(*fields: object) -> bytes:
    """A page's header with its length."""
    told = cbor2.dumps(list(fields))
    return varint.encode([len(told)]) + told


# Requests


@given(resyncs())
def test_a_resync_is_read_back(frame: Resync) -> None:
    assert packed.decode(packed.encode(frame)) == frame


def test_a_bare_resync_takes_eleven_bytes() -> None:
    frame = Resync(rid=7, token=bytes.fromhex("a1b2c3d4"), digest=0xC0FFEE)
    assert packed.encode(frame) == RESYNC_FIXED
    assert packed.decode(RESYNC_FIXED) == packed.decode(RESYNC_FIXED + b"\x80") == frame


@pytest.mark.parametrize("stop", range(1, len(RESYNC_FIXED)))
def test_a_resync_cut_short_is_malformed(stop: int) -> None:
    assert refusal(RESYNC_FIXED[:stop]).wire_code is Code.MALFORMED


@given(resyncs())
def test_every_prefix_of_a_resync_but_its_fixed_fields_is_refused(frame: Resync) -> None:
    payload = packed.encode(frame)
    for stop in {*range(len(payload))} - {len(RESYNC_FIXED)}:
        assert refusal(payload[:stop]).wire_code is Code.MALFORMED


@given(resyncs())
def test_a_resync_takes_one_array_and_nothing_after_it(frame: Resync) -> None:
    payload = packed.encode(frame)
    whole = payload if len(payload) > len(RESYNC_FIXED) else payload + b"\x80"
    assert refusal(whole + b"\x00").wire_code is Code.MALFORMED


def test_a_thousand_channels_that_grew_take_two_bytes_each() -> None:
    grown = tuple(Growth(place, 2) for place in range(1_000))
    frame = Resync(rid=1, token=b"abcd", digest=1, grown=grown)
    assert len(packed.encode(frame)) == len(RESYNC_FIXED) + 1 + 3 + 2_000
    assert packed.decode(packed.encode(frame)) == frame


def test_fields_that_later_revisions_add_are_ignored() -> None:
    assert packed.decode(resync(b"\0\5", 0, [], [], "later")) == packed.decode(resync(b"\0\5"))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (["grown"], Code.MALFORMED),
        ([b"\0"], Code.MALFORMED),
        ([b"\0\5\0"], Code.MALFORMED),
        ([b"\0\0"], Code.MALFORMED),
        ([b"\0\x80"], Code.MALFORMED),
        ([varint.encode([0, SEQ_STOP])], Code.MALFORMED),
        ([varint.encode([STATEMENTS_MAX, 1])], Code.LIMIT),
        ([varint.encode([(1 << 56) - 1, 1] * 9)], Code.LIMIT),
        ([b"\0\1" * (STATEMENTS_MAX + 1)], Code.MALFORMED),
        ([b"", 31], Code.LIMIT),
        ([b"", 65_537], Code.LIMIT),
        ([b"", -1], Code.MALFORMED),
        ([b"", 0, b""], Code.MALFORMED),
        ([b"", 0, [[]]], Code.MALFORMED),
        ([b"", 0, [[0]]], Code.MALFORMED),
        ([b"", 0, [[0, b"", b"", 0]]], Code.MALFORMED),
        ([b"", 0, [["a", b"\0\1"]]], Code.MALFORMED),
        ([b"", 0, [[STATEMENTS_MAX, b"\0\1"]]], Code.LIMIT),
        ([b"", 0, [[0, b"\0"]]], Code.MALFORMED),
        ([b"", 0, [[0, b"\0\1", 7]]], Code.MALFORMED),
        ([b"", 0, [[0, b"\0\1"], [0, b"\2\1"]]], Code.MALFORMED),
        ([b"\0\1", 0, [[0, b"\0\1"]]], Code.MALFORMED),
        ([b"", 0, [[0, b"\0\1"]] * (STATEMENTS_MAX + 1)], Code.LIMIT),
        ([b"", 0, [], "a"], Code.MALFORMED),
        ([b"", 0, [], [["a"], ["a"]]], Code.MALFORMED),
        ([b"", 0, [], [["a//b"]]], Code.MALFORMED),
    ],
)
def test_resyncs_are_checked_field_by_field(fields: list[object], code: Code) -> None:
    assert refusal(resync(*fields)).wire_code is code


def test_the_largest_resync_is_quickly_read_or_refused() -> None:
    """Every byte of a packet says that a channel grew, or is a run of a have-set."""
    sets = [[place, b"\0" + b"\1" * 13] for place in range(STATEMENTS_MAX - 1)]
    before = process_time()
    assert refusal(resync(b"\0\1" * 32_000)).wire_code is Code.MALFORMED
    assert isinstance(packed.decode(resync(b"\0\1" * STATEMENTS_MAX)), Resync)
    assert isinstance(packed.decode(resync(b"", 0, sets[: 65_000 // 19])), Resync)
    assert process_time() - before < 2


# Pages


@given(pages())
def test_a_page_is_read_back(frame: Page) -> None:
    assert packed.decode(packed.encode(frame)) == frame


def test_nothing_missing_takes_three_bytes() -> None:
    assert packed.encode(Page(rid=7)) == PAGE_FIXED
    assert packed.decode(PAGE_FIXED) == Page(rid=7)


def test_that_there_is_more_takes_four() -> None:
    assert packed.encode(Page(rid=7, more=True)) == page(1)


def test_fields_stand_where_the_text_says() -> None:
    payload = page(0x8C, b"\x4d", b"chck", b"\x07columns", b"bodies")
    assert packed.encode(Page(rid=7, content=CONTENT)) == payload
    assert packed.decode(payload) == Page(rid=7, content=CONTENT)


def test_names_stand_before_the_bodies() -> None:
    content = replace(CONTENT, plain=False, authors=("ann",), types=("text/plain",))
    payload = page(0xA4, b"\x4d", b"chck", b"\x07columns", header(["ann"], ["text/plain"]), b"bodies")
    assert packed.encode(Page(rid=7, content=content)) == payload
    assert packed.decode(payload) == Page(rid=7, content=content)


def test_a_header_tells_channels_token_and_what_is_gone() -> None:
    frame = Page(
        rid=7,
        told=(Told("room1", 9, 3, RangeSet([(4, 6)])), Told(2, 9), Told(0, 10)),
        token=b"abcd",
        gone=("room9",),
        dictionary=1,
    )
    rows = [["room1", 9, 3, runs.encode(RangeSet([(4, 6)]))], [2], [0, 10]]
    payload = page(2, header(rows, b"abcd", ["room9"], 1))
    assert packed.encode(frame) == payload
    assert packed.decode(payload) == frame


def test_headers_may_grow_later_and_names_may_not() -> None:
    assert packed.decode(page(2, header([], b"abcd", [], 0, [], "", [], "later"))) == Page(
        rid=7, token=b"abcd"
    )
    assert refusal(page(0x24, b"\0chck\0", header([], [], [], "x"))).wire_code is Code.MALFORMED


@pytest.mark.parametrize("flags", range(1, 256))
def test_flags_of_records_without_records_are_malformed(flags: int) -> None:
    """Without bit 2 nothing but bits 0 and 1 means anything; with it five bytes come at least."""
    if flags & ~3:
        assert refusal(page(flags, header() if flags & 2 else b"")).wire_code is Code.MALFORMED
    elif flags == 1:
        assert packed.decode(page(flags)) == Page(rid=7, more=True)


@pytest.mark.parametrize("flags", [1, 2])
def test_a_page_without_records_does_not_go_on(flags: int) -> None:
    payload = page(flags, header([], b"abcd") if flags & 2 else b"")
    assert refusal(payload + b"\0").wire_code is Code.MALFORMED


@pytest.mark.parametrize("stop", range(1, len(page(0xAC, b"\x4d", b"chck", b"\x07columns", header(["ann"])))))
def test_a_page_cut_short_is_malformed_but_where_nothing_is_missing(stop: int) -> None:
    payload = page(0xAC, b"\x4d", b"chck", b"\x07columns", header(["ann"]), b"bodies")
    if stop == len(PAGE_FIXED):
        assert packed.decode(payload[:stop]) == Page(rid=7)
    else:
        assert refusal(payload[:stop]).wire_code is Code.MALFORMED


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (page(0), Code.MALFORMED),
        (page(0, b"\0"), Code.MALFORMED),
        (page(2), Code.MALFORMED),
        (page(2, b"\0"), Code.MALFORMED),
        (page(2, b"\x81\x00\x80"), Code.MALFORMED),
        (page(2, b"\x05\x80"), Code.MALFORMED),
        (page(2, b"\xff\xff\xff\xff\xff\xff\xff\x7f\x80"), Code.MALFORMED),
        (page(2, b"\1\7"), Code.MALFORMED),
        (page(2, header("told")), Code.MALFORMED),
        (page(2, header([[]])), Code.MALFORMED),
        (page(2, header([[None]])), Code.MALFORMED),
        (page(2, header([["a//b"]])), Code.MALFORMED),
        (page(2, header([[-1]])), Code.MALFORMED),
        (page(2, header([[STATEMENTS_MAX]])), Code.LIMIT),
        (page(2, header([[0, 2**32]])), Code.LIMIT),
        (page(2, header([[0, 7, 0]])), Code.MALFORMED),
        (page(2, header([[0, 7, 2**53]])), Code.LIMIT),
        (page(2, header([[0, 7, 1, b"\0"]])), Code.MALFORMED),
        (page(2, header([[0, 7, 1, b"", 5]])), Code.MALFORMED),
        (page(2, header([[0], [0]])), Code.MALFORMED),
        (page(2, header([["a"], ["a"]])), Code.MALFORMED),
        (page(2, header([["a"]], b"", ["a"])), Code.MALFORMED),
        (page(2, header([[0]] * (STATEMENTS_MAX + 1))), Code.LIMIT),
        (page(2, header([], b"abc")), Code.MALFORMED),
        (page(2, header([], "abcd")), Code.MALFORMED),
        (page(2, header([], b"", ["+"])), Code.MALFORMED),
        (page(2, header([], b"", ["a"] * (STATEMENTS_MAX + 1))), Code.LIMIT),
        (page(2, header([], b"", [], 2**32)), Code.LIMIT),
        (page(4, b"\x38", b"chck", b"\0"), Code.LIMIT),
        (page(4, b"\0", b"chck"), Code.MALFORMED),
        (page(4, b"\0", b"chck", b"\x02c"), Code.MALFORMED),
        (page(0x24, b"\0", b"chck", b"\0", header(["a/b"])), Code.MALFORMED),
        (page(0x24, b"\0", b"chck", b"\0", header(["a"], ["\n"])), Code.MALFORMED),
        (page(0x24, b"\0", b"chck", b"\0", header(["a"], [], 0)), Code.MALFORMED),
        (page(0x24, b"\0", b"chck", b"\0", header("ann")), Code.MALFORMED),
        (page(0x24, b"\0", b"chck", b"\0", header(["a"] * (PAGE_RECORDS_MAX + 1))), Code.LIMIT),
    ],
)
def test_pages_are_checked_field_by_field(payload: bytes, code: Code) -> None:
    assert refusal(payload).wire_code is code


def test_an_account_changes_by_what_it_was_told() -> None:
    """The types that frames and accounts share."""
    frame = packed.decode(resync(varint.encode([2, 5]), 0, [[0, b"\0\1", b"\2\1"]], [["a", b"\0\1", 9]], 0))
    assert frame == Resync(
        rid=7,
        token=bytes.fromhex("a1b2c3d4"),
        digest=0xC0FFEE,
        grown=(Growth(2, 5),),
        changes=(Change(0, RangeSet([(1, 2)]), RangeSet([(2, 3)])),),
        statements=(Statement(channel="a", epoch=9, have=RangeSet([(1, 2)])),),
    )
    assert packed.decode(resync(b"", 0, [[0, b""]])) == replace(
        frame, grown=(), changes=(Change(0, EMPTY, EMPTY),), statements=()
    )


def test_the_type_alone_is_cut_short() -> None:
    for kind in (Type.RESYNC, Type.PAGE):
        with pytest.raises(ProtocolError, match="cut short"):
            packed.decode(bytes([VERSION << 5 | kind]))
