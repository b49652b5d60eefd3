"""The best for its bytes, again and again."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tidelog_service.training.selection import select

TEXTS = [b"good morning\0"] * 9 + [b"good evening\0"] * 4 + [b"something else entirely\0"]


def test_what_many_wrote_comes_first_and_what_one_wrote_not_at_all() -> None:
    assert select(TEXTS, TEXTS, size_bytes=100) == [b"good morning\0", b"good evening\0"]


def test_what_was_taken_is_hardly_worth_taking_again() -> None:
    candidates = [b"good morning\0", b"good morning", b" morning\0", b"good evening\0"]
    assert select(candidates, TEXTS, size_bytes=26) == [b"good morning\0", b"good evening\0"]


def test_one_that_does_not_fit_leaves_room_for_a_smaller_one() -> None:
    assert select([b"good morning\0", b"good "], TEXTS, size_bytes=7) == [b"good "]


@given(
    st.lists(st.binary(max_size=12), max_size=12),
    st.lists(st.binary(max_size=12), max_size=12),
    st.integers(0, 40),
)
def test_it_fits_is_of_the_candidates_and_the_same_in_any_order(
    candidates: list[bytes], texts: list[bytes], size_bytes: int
) -> None:
    texts += texts[:4]
    chosen = select(candidates, texts, size_bytes=size_bytes)
    assert sum(map(len, chosen)) <= size_bytes
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(candidates)
    chance = Random(1)
    shuffled = chance.sample(candidates, len(candidates)), chance.sample(texts, len(texts))
    assert select(*shuffled, size_bytes=size_bytes) == chosen


def test_progress_tells_the_bytes() -> None:
    told: list[tuple[str, int, int]] = []
    select(TEXTS, TEXTS, size_bytes=30, progress=lambda *step: told.append(step))
    assert told == [("choosing", 13, 30), ("choosing", 26, 30)]
