"""What may leave its channel: never what fewer than so many users wrote."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidelog_service.training.samples import Sample
from tidelog_service.training.segments import SEGMENT_BYTES_MIN, TOKENS_MAX, shared

SAMPLES = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from("wxyz"),
        st.lists(st.sampled_from(["see", " you", " at", " noon", "!", "7", "\0"]), max_size=6).map("".join),
    ),
    max_size=14,
)


def samples(*written: tuple[str, str, str]) -> list[Sample]:
    """Of (author, channel, text)."""
    return [
        Sample(at, channel, at, author, text.encode()) for at, (author, channel, text) in enumerate(written)
    ]


def said(*texts: str) -> list[Sample]:
    """Each by another author in another channel."""
    return samples(*((f"u{at}", f"c{at}", text) for at, text in enumerate(texts)))


def test_the_longest_that_three_wrote_is_taken() -> None:
    made = said("well, see you at noon then", "I see you at noon", "will they see you at noon, bob")
    assert shared(made, least=3) == {b" see you at noon", b" see you at noon\0"}


def test_what_two_wrote_is_not() -> None:
    made = said("my code is 4711", "my code is 4711", "my code is 5822")
    assert shared(made, least=3) == {b"my code is "}
    assert b"my code is 4711\0" in shared(made, least=2)


def test_one_author_in_three_channels_is_one_and_so_are_three_in_one_channel() -> None:
    assert not shared(samples(*[("ann", f"c{at}", "my secret") for at in range(3)]), least=3)
    assert not shared(samples(*[(f"u{at}", "room", "our secret") for at in range(3)]), least=3)


def test_what_is_common_word_by_word_is_not_common_as_a_whole() -> None:
    made = said("ann hates bob", "ann likes bob", "cem hates dan", "cem hates bob", "ann hates cem", "ann is")
    assert b"ann hates bob\0" not in shared(made, least=3)
    assert {b" hates", b" hates bob\0"} & shared(made, least=2)


def test_a_number_is_not_taken_beyond_the_digits_that_all_share() -> None:
    made = said('{"ts":1735689600}', '{"ts":1735689700}', '{"ts":1735690000}')
    assert shared(made, least=3) == {b'{"ts":17356', b"00}\0"}


def test_bodies_are_taken_whole_where_one_author_is_enough() -> None:
    assert shared(said("one", "a\0b"), least=1) == {b"one\0", b"a\x01\x02b\0"}


def test_a_long_text_that_many_sent_on_comes_in_pieces() -> None:
    long = "".join(f" word{'abcdefghij'[at % 10]}{'klmnopqrst'[at // 10]}" for at in range(100))
    found = shared(said(long, long, long), least=3)
    assert all(len(segment.split()) <= TOKENS_MAX for segment in found)
    assert any(segment.endswith(b"\0") for segment in found)


@given(SAMPLES, st.integers(2, 3))
def test_every_segment_was_written_by_so_many_in_so_many_channels(
    written: list[tuple[str, str, str]], least: int
) -> None:
    made = samples(*written)
    for segment in shared(made, least=least):
        bare = segment.removesuffix(b"\0")
        among = [one for one in made if bare in one.text.removesuffix(b"\0")]
        assert len({one.author for one in among}) >= least
        assert len({one.channel for one in among}) >= least
        assert len(segment) >= SEGMENT_BYTES_MIN


def test_progress_ends_with_all_of_it() -> None:
    told: list[tuple[str, int, int]] = []
    shared(said("see you", "see you", "other"), least=2, progress=lambda *step: told.append(step))
    assert told[-1] == ("comparing", 5, 5)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_nothing_comes_of_nothing() -> None:
    assert shared([], least=3) == shared([], least=1) == set()
