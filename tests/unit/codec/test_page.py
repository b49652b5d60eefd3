from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings

from tidelog.codec.context import HISTORY_MAX, choose
from tidelog.codec.deflate import Deflate
from tidelog.codec.page import Arrival, Lack, Rule, prime
from tidelog.codec.ppmd import Ppmd
from tidelog.wire import packed
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.metadata import Meta
from tidelog.wire.page_frames import Content, Model, Page
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing
from unit.codec.exchange import (
    Answer,
    Held,
    Log,
    account_of,
    entry_of,
    parted,
    records_of,
    seqs_of,
)
from unit.codec.made_up import ANSWERS, WORDS, log_of, logs

CODECS = pytest.mark.parametrize("codec", [CODEC_NONE, Deflate.id, Ppmd.id], ids=["none", "deflate", "ppmd"])


def seqs(entries: Sequence[object]) -> list[tuple[str, int]]:
    return [(entry.channel, entry.seq) for entry in entries]  # type: ignore[attr-defined]


def exchanged(
    answer: Answer, log: Log, held: Log, account: Sequence[Standing]
) -> tuple[Content, list[Arrival]]:
    """A page as it goes over the wire, and what the device reads in it."""
    content, taken = answer.page(log, account)
    read = packed.decode(packed.encode(Page(rid=1, content=content)))
    assert isinstance(read, Page)
    assert read.content == content
    arrivals = answer.read(read.content, held, account)
    assert records_of(arrivals) == {(one.channel, one.seq): (one.meta, one.body) for one in taken}
    return content, arrivals


@settings(max_examples=300)
@given(logs(), ANSWERS)
def test_what_a_service_packs_a_device_unpacks(
    drawn: tuple[Log, Log, list[Standing]], answer: Answer
) -> None:
    log, held, account = drawn
    _, arrivals = exchanged(answer, log, held, account)
    for one in arrivals:
        listed = [entry.seq for entry in one.records]
        assert listed == sorted(listed)
        assert all(entry.body_bytes == len(entry.body) for entry in one.records)
    assert [one.channel for one in arrivals] == [
        one.channel for one in account if one.channel in {arrival.channel for arrival in arrivals}
    ]


@CODECS
def test_what_is_held_makes_a_page_shorter(codec: int) -> None:
    log = log_of("a")
    held, _ = parted(log, {("a", seq) for seq in range(36, 41)})
    sizes = []
    for context_bytes in (0, 4 << 10):
        content, _ = exchanged(Answer(codec=codec, context_bytes=context_bytes), log, held, account_of(held))
        sizes.append(len(packed.encode(Page(rid=1, content=content))))
    assert sizes[1] < sizes[0]


def test_several_channels_with_holes_go_into_one_page() -> None:
    log = log_of("a", "b", "c", "d")
    held, missing = parted(log, {("a", 3), ("a", 40), ("b", 17), ("b", 18), ("d", 1)})
    content, arrivals = exchanged(Answer(), log, held, account_of(held))
    assert [(one.channel, one.head, len(one.records)) for one in arrivals] == [
        ("a", 40, 2),
        ("b", 40, 2),
        ("d", 40, 1),
    ]
    assert content.authors == ()
    assert records_of(arrivals) == missing


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        (Rule(), [("b", 10), ("a", 10), ("b", 9), ("a", 9)]),
        (Rule(oldest_first=True), [("a", 3), ("b", 3), ("a", 4), ("b", 4)]),
        (Rule(by_channel=True), [("a", 10), ("a", 9), ("a", 8), ("a", 7)]),
        (Rule(by_channel=True, oldest_first=True), [("a", 3), ("a", 4), ("a", 5), ("a", 6)]),
        (Rule(newest=1), [("b", 10), ("a", 10)]),
        (Rule(newest=2, oldest_first=True), [("a", 9), ("b", 9), ("a", 10), ("b", 10)]),
    ],
)
def test_a_page_takes_records_in_the_order_of_its_rule(rule: Rule, first: list[tuple[str, int]]) -> None:
    log = log_of("a", "b", records=10)
    held, _ = parted(log, {key for key in log if key[1] > 2})
    answer = Answer(codec=CODEC_NONE, context_bytes=0, rule=rule, room_bytes=160)
    content, taken = answer.page(log, account_of(held))
    assert seqs(taken)[:4] == first
    assert records_of(answer.read(content, held, account_of(held))) == {
        (one.channel, one.seq): (one.meta, one.body) for one in taken
    }


def test_a_channel_may_have_a_part_without_records() -> None:
    """The context goes around all that is lacking of its channels, before it shows how much fits."""
    log = log_of("a", "b")
    held, _ = parted(log, {("a", 5), ("b", 40)})
    _, arrivals = exchanged(Answer(room_bytes=1), log, held, account_of(held))
    assert [(one.channel, len(one.records)) for one in arrivals] == [("a", 0), ("b", 1)]


def test_voids_that_were_told_are_neither_lacking_nor_primers() -> None:
    log = log_of("a", records=20)
    held, missing = parted(log, {("a", 9), ("a", 10)})
    log = {key: row for key, row in log.items() if key != ("a", 9)}
    account = [Standing("a", 7, seqs_of(held)["a"] | RangeSet([(9, 10)]))]
    _, arrivals = exchanged(Answer(), log, held, account)
    assert records_of(arrivals) == {("a", 10): missing["a", 10]}


def test_what_lies_below_the_floor_is_neither_lacking_nor_a_primer() -> None:
    log = log_of("a", records=20)
    held, _ = parted(log, {("a", 3), ("a", 15)})
    account = [Standing("a", 7, seqs_of(held)["a"], floor=10)]
    swept = {key: row for key, row in log.items() if key[1] >= 10}
    _, arrivals = exchanged(Answer(), swept, held, account)
    assert seqs(arrivals[0].records) == [("a", 15)]


@CODECS
def test_a_dictionary_stands_before_the_context(codec: int) -> None:
    log = log_of("a")
    answer = Answer(
        codec=codec, context_bytes=0, dictionary=b"".join(word.encode() + b"\0" for word in WORDS)
    )
    content, _ = exchanged(answer, log, {}, account_of({}, "a"))
    without, _ = exchanged(replace(answer, dictionary=b""), log, {}, account_of({}, "a"))
    assert content.dictionary
    assert len(content.bodies) < len(without.bodies) or codec == CODEC_NONE


def test_a_page_after_a_dictionary_that_was_not_named_is_unsupported() -> None:
    log = log_of("a")
    content, _ = Answer(dictionary=b"tide").page(log, account_of({}, "a"))
    with pytest.raises(ProtocolError) as caught:
        Answer().read(content, {}, account_of({}, "a"))
    assert caught.value.wire_code is Code.UNSUPPORTED


@CODECS
def test_without_context_nothing_that_is_held_matters(codec: int) -> None:
    log = log_of("a")
    held, missing = parted(log, {("a", seq) for seq in range(36, 41)})
    answer = Answer(codec=codec, context_bytes=0)
    content, _ = answer.page(log, account_of(held))
    assert content.model.context_bytes == 0
    wrong = {key: (Meta("nobody", 1), b"wrong") for key in held}
    for there in (held, wrong, {}):
        assert records_of(answer.read(content, there, account_of(held))) == missing


def test_what_primes_is_nothing_history_or_both() -> None:
    log = log_of("a")
    lacks = [Lack(0, "a", 40, RangeSet([(36, 41)]))]
    held = Held(log, {"a": RangeSet([(1, 36)])})
    asked = [("a", lacks[0].seqs)]
    nothing = prime(lacks, held, Model(0), codec=Deflate.id, history=HISTORY_MAX)
    assert (nothing.records, nothing.history) == ((), ())
    plain = prime(lacks, held, Model(4 << 10), codec=CODEC_NONE, history=HISTORY_MAX)
    assert plain == choose(asked, held, 0)
    assert (plain.records, seqs(plain.history)[:2]) == ((), [("a", 35), ("a", 34)])
    assert prime(lacks, held, Model(4 << 10), codec=Deflate.id, history=8) == choose(
        asked, held, 4 << 10, history=8
    )


def test_a_codec_that_makes_nothing_shorter_is_left_out() -> None:
    log = {("a", 1): (Meta("ann", 5), bytes(range(2, 40)))}
    content, _ = exchanged(Answer(codec=Ppmd.id), log, {}, account_of({}, "a"))
    assert (content.codec, content.bodies) == (CODEC_NONE, bytes([*range(2, 40), 0]))


def test_records_come_with_all_their_metadata() -> None:
    log = log_of("a") | {("a", 41): (Meta("dora", 5, 16, -3, "text/plain"), b"\0\1")}
    held, _ = parted(log, {("a", 41)})
    content, arrivals = exchanged(Answer(), log, held, account_of(held))
    assert (content.plain, content.authors, content.types) == (False, ("dora",), ("text/plain",))
    assert arrivals == [Arrival("a", 41, (entry_of(log, ("a", 41)),))]


def test_a_standing_may_want_less_than_all() -> None:
    log = log_of("a")
    account = [Standing("a", 7, EMPTY, want=RangeSet([(5, 8), (90, 95)]))]
    _, arrivals = exchanged(Answer(), log, {}, account)
    assert seqs(arrivals[0].records) == [("a", 5), ("a", 6), ("a", 7)]
