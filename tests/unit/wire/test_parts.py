from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import parts
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX, PAGE_RECORDS_MAX, SEQ_STOP, STATEMENTS_MAX
from tidelog.wire.parts import Part
from tidelog.wire.quantities import QUANTITY_STOP, Reader, Writer
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing
from unit.wire.strategies import range_sets

HEADS = st.one_of(st.integers(0, 40), st.integers(0, SEQ_STOP - 1))
LEFT = st.one_of(st.just(0), st.integers(0, 30), st.integers(0, QUANTITY_STOP - 1))
SIZES = st.one_of(st.integers(0, 3_000), st.integers(0, PAGE_BODIES_BYTES_MAX))
SEQS = RangeSet([(3, 6), (8, 9), (20, 24)])


def account(channels: int, head: int = 5) -> list[Standing]:
    return [Standing(f"c{at}", 7, RangeSet([(1, head + 1)])) for at in range(channels)]


def written(standings: list[Standing], listed: list[Part], size: int) -> bytes:
    way = Writer()
    parts.encode(way, standings, listed, size)
    return way.finish()


def refusal(data: bytes, standings: list[Standing]) -> Code:
    with pytest.raises(ProtocolError) as caught:
        parts.decode(Reader(data), standings)
    return caught.value.wire_code


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Standing], list[Part], int]:
    """An account, parts of a page, and the size of its text."""
    standings = [
        Standing(f"c{at}", 7, have) for at, have in enumerate(draw(st.lists(range_sets(), max_size=6)))
    ]
    places = sorted(draw(st.sets(st.sampled_from(range(len(standings))))) if standings else [])
    return standings, [Part(place, draw(HEADS), draw(LEFT)) for place in places], draw(SIZES)


@given(cases())
def test_what_is_written_is_read_back(case: tuple[list[Standing], list[Part], int]) -> None:
    standings, listed, size = case
    way = Reader(written(standings, listed, size))
    assert parts.decode(way, standings) == (listed, size)
    way.finish()


@given(st.lists(range_sets(), max_size=6), st.binary(max_size=60))
def test_any_bytes_are_parts_within_bounds_or_refused(have: list[RangeSet], data: bytes) -> None:
    standings = [Standing(f"c{at}", 7, seqs) for at, seqs in enumerate(have)]
    try:
        listed, size = parts.decode(Reader(data), standings)
    except ProtocolError:
        return
    places = [part.place for part in listed]
    assert places == sorted(set(places))
    assert all(0 <= part.place < len(standings) and 0 <= part.head < SEQ_STOP for part in listed)
    assert 0 <= size <= PAGE_BODIES_BYTES_MAX


@pytest.mark.parametrize(
    ("channels", "listed", "size", "bytes_max"),
    [
        (1, [Part(0, 6, 0)], 80, 2),
        (1, [Part(0, 25, 0)], 1_717, 4),
        (40, [Part(at, 7, 0) for at in range(40)], 5_600, 9),
        (1_000, [Part(713, 9, 0)], 250, 5),
        (1, [Part(0, 10_005, 9_840)], 15_800, 9),
    ],
)
def test_the_usual_parts_take_a_few_bytes(
    channels: int, listed: list[Part], size: int, bytes_max: int
) -> None:
    assert len(written(account(channels), listed, size)) <= bytes_max


def test_a_head_may_lie_below_what_the_device_has() -> None:
    listed = [Part(0, 0, 0), Part(1, 3, 0)]
    assert parts.decode(Reader(written(account(2), listed, 1)), account(2)) == (listed, 1)


def test_more_parts_than_channels_are_refused() -> None:
    data = written(account(3), [Part(0, 5, 0), Part(1, 5, 0), Part(2, 5, 0)], 9)
    assert refusal(data, account(2)) is Code.LIMIT
    assert refusal(data, []) is Code.LIMIT


def test_a_place_outside_the_account_is_refused() -> None:
    assert refusal(written(account(9), [Part(8, 5, 0)], 9), account(8)) is Code.MALFORMED


@pytest.mark.parametrize("there", [0, 10], ids=["below nothing", "beyond the limit"])
def test_a_head_out_of_bounds_is_refused(there: int) -> None:
    """The device's own head is another one than the writer thought."""
    head = 3 if there == 0 else SEQ_STOP - 1
    data = written(account(1, head=5), [Part(0, head, 0)], 9)
    assert refusal(data, account(1, head=there)) is Code.LIMIT


def test_a_text_of_too_many_bytes_is_refused() -> None:
    assert refusal(written([], [], PAGE_BODIES_BYTES_MAX + 1), []) is Code.LIMIT


def test_the_most_parts_are_quickly_read_whatever_the_bytes() -> None:
    standings = account(STATEMENTS_MAX)
    data = written(standings, [Part(at, SEQ_STOP - 1 - at, at << 40) for at in range(STATEMENTS_MAX)], 9)
    before = process_time()
    assert len(parts.decode(Reader(data), standings)[0]) == STATEMENTS_MAX
    assert process_time() - before < 2


# Which seqs those are


@given(range_sets(), st.integers(0, 30), st.booleans())
def test_what_is_left_out_is_left_out_at_the_end_that_comes_last(
    lacking: RangeSet, taken: int, oldest_first: object
) -> None:
    left = max(lacking.count - taken, 0)
    (row,) = parts.taken([lacking], [Part(0, 0, left)], oldest_first=bool(oldest_first))
    assert row.count == lacking.count - left
    rest = lacking - row
    assert (row & lacking) == row
    if row and rest:
        assert row.stop <= rest.runs[0][0] if oldest_first else rest.stop <= row.runs[0][0]


@pytest.mark.parametrize(
    ("left", "newest", "oldest"),
    [
        (0, [3, 4, 5, 8, 20, 21, 22, 23], [3, 4, 5, 8, 20, 21, 22, 23]),
        (2, [5, 8, 20, 21, 22, 23], [3, 4, 5, 8, 20, 21]),
        (4, [20, 21, 22, 23], [3, 4, 5, 8]),
        (8, [], []),
    ],
)
def test_either_end_may_be_left_out(left: int, newest: list[int], oldest: list[int]) -> None:
    listed = [Part(0, 23, left)]
    assert [list(row) for row in parts.taken([SEQS], listed, oldest_first=False)] == [newest]
    assert [list(row) for row in parts.taken([SEQS], listed, oldest_first=True)] == [oldest]


def test_more_left_out_than_lacking_is_refused() -> None:
    for left, lacking in ((9, SEQS), (1, EMPTY), (QUANTITY_STOP - 1, SEQS)):
        with pytest.raises(ProtocolError, match="more than is lacking"):
            parts.taken([lacking], [Part(0, 23, left)], oldest_first=False)


def test_too_many_records_are_refused_before_they_are_counted_out() -> None:
    half = RangeSet([(1, PAGE_RECORDS_MAX // 2 + 1)])
    listed = [Part(0, 1, 0), Part(1, 1, 0)]
    assert [row.count for row in parts.taken([half, half], listed, oldest_first=False)] == [4_096, 4_096]
    for lacking in ([half, RangeSet([(1, PAGE_RECORDS_MAX // 2 + 2)])], [RangeSet([(1, SEQ_STOP)]), half]):
        with pytest.raises(ProtocolError) as caught:
            parts.taken(lacking, listed, oldest_first=False)
        assert caught.value.wire_code is Code.LIMIT
