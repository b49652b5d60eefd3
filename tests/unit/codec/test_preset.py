from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from tidelog.codec import bodies
from tidelog.codec.preset import Held, Preset, walk
from tidelog.wire.limits import (
    PARCEL_BODY_BYTES_MAX,
    PARCEL_CONTEXT_BYTES_MAX,
    PARCEL_CONTEXT_RECORDS_MAX,
)

BODIES = st.one_of(
    st.binary(max_size=20),
    st.integers(900, 1_100).map(bytes),
    st.integers(0, 4_000).map(lambda size: b"x" * size),
)


def descending(*given_: bytes) -> Iterator[Held]:
    top = len(given_)
    return (Held(top - at, 1_000 * (top - at), body) for at, body in enumerate(given_))


def taken(*given_: bytes) -> Preset:
    preset = walk(descending(*given_))
    assert preset is not None
    return preset


def test_bodies_stand_in_the_order_of_the_log() -> None:
    preset = taken(b"new", b"old")
    assert (preset.text, preset.time, preset.seqs, preset.full) == (b"old\0new\0", 2_000, (2, 1), False)


def test_without_records_there_is_no_context() -> None:
    assert walk([]) is None


def test_the_walk_ends_before_the_body_that_does_not_fit() -> None:
    exact = [b"x" * 1_023] * 32
    assert not taken(*exact).full
    preset = taken(*exact, b"")
    assert (len(preset.text), len(preset.seqs), preset.full) == (PARCEL_CONTEXT_BYTES_MAX, 32, True)


def test_escapes_count() -> None:
    preset = taken(*[b"\0" * 1_000] * 20)
    assert len(preset.text) <= PARCEL_CONTEXT_BYTES_MAX < len(preset.text) + 2_001


def test_a_large_body_is_passed_over_and_counts_nonetheless() -> None:
    """Else a log of such would be read to its beginning."""
    large = b"x" * (PARCEL_BODY_BYTES_MAX + 1)
    assert taken(b"a", large, b"b").text == b"b\0a\0"
    preset = taken(*[large] * 40)
    assert (preset.text, len(preset.seqs), preset.full) == (b"", 32, True)


def test_the_walk_reads_no_more_records_than_it_may() -> None:
    read = count()
    endless = (Held(10_000 - at, 0, b"") for at in read)
    preset = walk(endless)
    assert preset is not None
    assert (len(preset.seqs), preset.full) == (PARCEL_CONTEXT_RECORDS_MAX, True)
    assert next(read) == PARCEL_CONTEXT_RECORDS_MAX + 1


def test_exactly_as_many_records_as_it_may_are_not_known_to_be_enough() -> None:
    """What is below would change nothing, but the walk has not seen that there is something."""
    assert not taken(*[b""] * PARCEL_CONTEXT_RECORDS_MAX).full


@given(st.lists(BODIES, max_size=80), st.lists(BODIES, max_size=3))
def test_where_it_was_full_records_below_change_nothing(given_: list[bytes], below: list[bytes]) -> None:
    """So the writer need not say where its records end."""
    preset = walk(descending(*given_))
    if preset is not None and preset.full:
        more = walk(Held(held.seq + 1, held.time, held.body) for held in descending(*given_, *below))
        assert more is not None
        assert more.text == preset.text


@given(st.lists(BODIES, max_size=80))
def test_the_text_has_every_short_body_of_the_walk_and_fits(given_: list[bytes]) -> None:
    preset = walk(descending(*given_))
    if preset is None:
        return
    walked = given_[: len(preset.seqs)]
    short = [body for body in reversed(walked) if len(body) <= PARCEL_BODY_BYTES_MAX]
    assert preset.text == bodies.joined(short)
    assert len(preset.text) <= PARCEL_CONTEXT_BYTES_MAX


def test_a_large_body_held_in_part_counts_like_one_held_whole() -> None:
    whole = [Held(3, 3, b"new"), Held(2, 2, b"x" * 5_000), Held(1, 1, b"old")]
    part = [whole[0], Held(2, 2, b"x" * 512, 4_488), whole[2]]
    assert walk(part) == walk(whole)
