from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.errors import ProtocolError
from tidelog.wire.names import RECENT_MAX, Names, Recent
from tidelog.wire.quantities import Numbers, Reader, Writer

NAME = st.sampled_from(["ann", "ben", "cleo", "dov", ""])
LINES = st.lists(st.lists(NAME, max_size=8), min_size=1, max_size=3)


def written(held: list[list[str]], lines: list[list[str]]) -> tuple[bytes, list[str]]:
    way, names = Writer(), Names(held)
    for line in lines:
        names.start()
        for name in line:
            names.code(way, name)
    return way.finish(), names.new


def read(held: list[list[str]], lines: list[list[str]], data: bytes, given_: list[str]) -> list[list[str]]:
    way, names = Reader(data), Names(held, given=given_)
    found = []
    for line in lines:
        names.start()
        found.append([names.code(way, "") for _ in line])
    names.finish()
    way.finish()
    return found


@given(LINES, LINES)
def test_names_are_read_back_and_each_new_one_is_told_once(
    held: list[list[str]], lines: list[list[str]]
) -> None:
    data, new = written(held, lines)
    assert read(held, lines, data, new) == lines
    told = {name for line in lines for name in line}
    assert sorted(new) == sorted(told - {name for line in held for name in line})


def test_the_last_used_is_first() -> None:
    recent = Recent()
    for name in ("a", "b", "a", "c"):
        recent.use(name, recent.rank(name))
    assert recent.names == ["c", "a", "b"]
    assert [recent.rank(name) for name in ("c", "b", "d")] == [1, 3, 0]


def test_a_list_of_recent_names_is_bounded() -> None:
    many = [str(i) for i in range(2 * RECENT_MAX)]
    data, new = written([], [many + many])
    assert new == many
    assert read([], [many + many], data, new) == [many + many]
    names = Names([])
    for name in many:
        names.pass_by(name)
    assert len(names._recent.names) == RECENT_MAX


@pytest.mark.parametrize(
    ("numbers", "given_", "message"),
    [
        ([3], ["x"], "rank 3 of 0"),
        ([0, 5], ["x"], "index 5 of 0"),
        ([0, 0], [], "missing"),
        ([0, 0, 0, 0], ["x"], "by its index"),
        ([0, 0], ["x", "y"], "no record has"),
        ([0, 0, 0, 1], ["x", "x"], "told as new"),
    ],
)
def test_names_told_wrongly_are_refused(numbers: list[int], given_: list[str], message: str) -> None:
    """Ranks and indices take turns, each followed by a model of its own, as `Names` has them."""
    way, ranks, index = Writer(), Numbers([[]]), Numbers()
    before = 0
    for i, number in enumerate(numbers):
        way.number(index if i % 2 else ranks, 0 if i % 2 else before, number)
        before = before if i % 2 else ranks.symbol(number)
    with pytest.raises(ProtocolError, match=message):
        read([[]], [["?"] * (len(numbers) + 1 >> 1)], way.finish(), given_)
