"""Pages for a device that holds something else, damaged ones, and lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import Ppmd
from tidelog.wire import packed, parts
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.limits import (
    PAGE_BODIES_BYTES_MAX,
    PAGE_RECORDS_MAX,
    SEQ_STOP,
    STATEMENTS_MAX,
)
from tidelog.wire.metadata import Meta
from tidelog.wire.page_frames import Content, Model, Page
from tidelog.wire.parts import Part
from tidelog.wire.quantities import Writer
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standing
from unit.codec.exchange import (
    Answer,
    Log,
    account_of,
    parted,
    records_of,
)
from unit.codec.made_up import ANSWERS, log_of, logs
from unit.wire.mutations import CHANGES, mutated

CODECS = pytest.mark.parametrize("codec", [CODEC_NONE, Deflate.id, Ppmd.id], ids=["none", "deflate", "ppmd"])


# A device that holds something else


@settings(max_examples=300)
@given(logs(), ANSWERS.filter(lambda answer: answer.context_bytes), st.data())
def test_a_device_that_holds_something_else_is_never_wrong(
    drawn: tuple[Log, Log, list[Standing]], answer: Answer, data: st.DataObject
) -> None:
    log, held, account = drawn
    content, taken = answer.page(log, account)
    other = dict(held)
    for key in data.draw(st.lists(st.sampled_from(sorted(held)), max_size=3)) if held else ():
        meta, body = held[key]
        other.pop(key, None)
        if data.draw(st.booleans()):
            other[key] = meta._replace(time=meta.time + 1), body + b"!"
    try:
        arrivals = answer.read(content, other, account)
    except ProtocolError:
        assert other != held
        return
    assert records_of(arrivals) == {(one.channel, one.seq): (one.meta, one.body) for one in taken}


SAFE = pytest.mark.parametrize("codec", [CODEC_NONE, Deflate.id], ids=["none", "deflate"])
"""PPMd of damaged streams runs in a process of its own: see `test_ppmd`."""


@SAFE
@given(CHANGES)
@settings(max_examples=300)
def test_a_damaged_page_is_refused_or_not_damaged(codec: int, changes: list[tuple[str, int, int]]) -> None:
    refused_or_whole(codec, changes)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@SAFE
@given(CHANGES)
@settings(max_examples=20_000, deadline=None)
def test_many_damaged_pages_are_refused_or_not_damaged(
    codec: int, changes: list[tuple[str, int, int]]
) -> None:
    refused_or_whole(codec, changes)


def refused_or_whole(codec: int, changes: list[tuple[str, int, int]]) -> None:
    log = log_of("a", "b")
    held, missing = parted(log, {("a", 3), ("a", 40), ("b", 17), ("b", 18)})
    answer = Answer(codec=codec)
    content, _ = answer.page(log, account_of(held))
    payload = packed.encode(Page(rid=1, content=content))
    try:
        read = packed.decode(mutated(payload, changes))
        if not isinstance(read, Page) or read.content is None:
            return
        arrivals = answer.read(read.content, held, account_of(held))
    except ProtocolError:
        return
    assert records_of(arrivals) == missing


# A service that lies


def lie(listed: Sequence[Part], size: int, account: Sequence[Standing], **more: object) -> Content:
    """A page that claims these parts, and holds little more."""
    way = Writer()
    parts.encode(way, account, listed, size)
    content = Content(
        codec=CODEC_NONE,
        model=Model(),
        dictionary=False,
        plain=True,
        check=b"\0" * 4,
        columns=way.finish(),
        bodies=b"",
    )
    return replace(content, **more)  # type: ignore[arg-type]  # of any field


def refusal(read: Callable[[], object]) -> Code:
    before = process_time()
    with pytest.raises(ProtocolError) as caught:
        read()
    assert process_time() - before < 2
    return caught.value.wire_code


ONE = (Standing("a", 7, RangeSet([(1, 41)])),)
WIDE = tuple(Standing(f"c{at}", 7) for at in range(9))


@pytest.mark.parametrize(
    ("listed", "size", "code"),
    [
        ([Part(1, 41, 0)], 9, Code.MALFORMED),
        ([Part(0, 41, 2)], 9, Code.MALFORMED),
        ([Part(0, 40, 1)], 9, Code.MALFORMED),
        ([Part(0, 41, (1 << 55) - 1)], 9, Code.MALFORMED),
        ([Part(0, SEQ_STOP - 1, 0)], 9, Code.LIMIT),
        ([Part(0, 40 + PAGE_RECORDS_MAX + 1, 0)], PAGE_BODIES_BYTES_MAX, Code.LIMIT),
        ([Part(0, 42, 0)], 1, Code.MALFORMED),
        ([Part(0, 42, 0)], 0, Code.MALFORMED),
        ([Part(0, 42, 0)], PAGE_BODIES_BYTES_MAX + 1, Code.LIMIT),
        ([Part(0, 42, 0)], 2, Code.MALFORMED),
    ],
)
def test_parts_and_sizes_that_cannot_be_are_refused(listed: list[Part], size: int, code: Code) -> None:
    content = lie(listed, size, (*ONE, *WIDE))
    assert refusal(lambda: Answer().read(content, log_of("a"), ONE)) is code


@CODECS
@pytest.mark.parametrize("context_bytes", [0, 256 << 10])
def test_a_few_bytes_that_claim_the_most_are_bounded_work(codec: int, context_bytes: int) -> None:
    """8,192 records, a text of 1 MiB, all context, a model of 64 MiB, told in some 20 bytes."""
    account = [*ONE, *WIDE]
    content = lie(
        [Part(0, 40 + PAGE_RECORDS_MAX, 0)],
        PAGE_BODIES_BYTES_MAX,
        account,
        codec=codec,
        model=Model(context_bytes, 64 << 20, 8),
        authors=("ann",),
    )
    assert len(packed.encode(Page(rid=1, content=content))) < 40
    assert refusal(lambda: Answer().read(content, log_of("a"), account)) is Code.MALFORMED


def test_the_most_channels_are_bounded_work() -> None:
    account = [Standing(f"c{at}", 7, RangeSet([(2, 4), (6, 9)])) for at in range(STATEMENTS_MAX)]
    content = lie(
        [Part(at, 8, 1) for at in range(STATEMENTS_MAX)],
        PAGE_BODIES_BYTES_MAX,
        account,
        model=Model(256 << 10),
        codec=Deflate.id,
    )
    held = {(one.channel, seq): (Meta("ann", seq), b"") for one in account for seq in (2, 7)}
    assert refusal(lambda: Answer().read(content, held, account)) is Code.MALFORMED


@pytest.mark.parametrize(
    "changed",
    [
        {"columns": b"\1"},
        {"authors": ("cleo", "dora")},
        {"types": ("text/plain",)},
        {"plain": False},
        {"check": b"\0\0\0\0"},
        {"bodies": b""},
        {"codec": CODEC_NONE},
        {"codec": Ppmd.id},
        {"model": Model(0)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_any_field_that_is_not_the_senders_is_noticed(changed: dict[str, object]) -> None:
    log = log_of("a", records=400)
    held, _ = parted(log, {("a", seq) for seq in range(391, 401)})
    content, _ = Answer(context_bytes=4 << 10).page(log, account_of(held))
    other = replace(content, **changed)  # type: ignore[arg-type]  # of any field
    assert refusal(lambda: Answer().read(other, held, account_of(held))) in (Code.MALFORMED, Code.LIMIT)


def test_columns_with_bytes_to_spare_are_refused() -> None:
    log = log_of("a")
    held, _ = parted(log, {("a", 40)})
    content, _ = Answer().page(log, account_of(held))
    for more in (b"\0", bytes(6) + b"\1"):
        longer = replace(content, columns=content.columns + more)
        assert refusal(lambda longer=longer: Answer().read(longer, held, account_of(held))) is Code.MALFORMED  # type: ignore[misc]


def test_a_failed_check_says_what_to_do() -> None:
    log = log_of("a")
    held, _ = parted(log, {("a", 40)})
    content, _ = Answer().page(log, account_of(held))
    with pytest.raises(ProtocolError) as caught:
        Answer().read(replace(content, check=b"nope"), held, account_of(held))
    assert caught.value.code == "context"
    assert "without context" in caught.value.hint


def test_an_account_that_lacks_nothing_has_no_page() -> None:
    log = log_of("a")
    content = lie([], 0, account_of(log), check=bytes(4))
    assert Answer().read(content, log, account_of(log)) == []
    assert refusal(lambda: Answer().read(lie([], 1, ONE), log, ONE)) is Code.MALFORMED
