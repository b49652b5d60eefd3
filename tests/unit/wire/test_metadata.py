from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import corpora
from tidelog.wire import metadata
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import BODY_SIZE_STOP, KIND_STOP, PAGE_RECORDS_MAX, TIME_MS_STOP
from tidelog.wire.metadata import Item, Meta
from tidelog.wire.quantities import Numbers, Reader, Writer

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/metadata.json").read_text("utf8"))
NAMES = st.sampled_from(["ann", "ben", "cleo", "", "a/b"])
TIMES = st.one_of(st.integers(0, 5000), st.integers(0, TIME_MS_STOP - 1))


@st.composite
def metas(draw: st.DrawFn) -> Meta:
    time = draw(TIMES)
    lag = draw(st.sampled_from([0, 0, 0, -time, TIME_MS_STOP - 1 - time]))
    kind = draw(st.sampled_from([0, 0, 0, 1, KIND_STOP - 1]))
    cut = draw(st.sampled_from([0, 0, BODY_SIZE_STOP - 1]))
    return Meta(draw(NAMES), time, kind, lag, draw(NAMES), cut)


@st.composite
def lines(draw: st.DrawFn) -> list[list[Item]]:
    made = []
    for _ in range(draw(st.integers(0, 3))):
        seqs = sorted(draw(st.sets(st.integers(1, 30), max_size=12)))
        line = [(seq, draw(metas()), draw(st.booleans())) for seq in seqs]
        made.append([Item(seq, held=m) if held else Item(seq, told=m) for seq, m, held in line])
    return made


def as_read(page: list[list[Item]]) -> list[list[Item]]:
    """What the reader knows: seqs, and what is held."""
    return [[item._replace(told=None) for item in line] for line in page]


class Written(NamedTuple):
    """The columns of a page, and what stands beside them."""

    ranged: bytes
    plain: bool
    authors: tuple[str, ...]
    types: tuple[str, ...]


def write(page: list[list[Item]]) -> Written:
    way = Writer()
    plain = metadata.is_plain(page)
    authors, types = metadata.encode(page, way, plain=plain)
    return Written(way.finish(), plain, authors, types)


def read(written: Written, page: list[list[Item]]) -> list[Meta]:
    way = Reader(written.ranged)
    found = metadata.decode(page, way, plain=written.plain, authors=written.authors, types=written.types)
    way.finish()
    return found


def told(page: list[list[Item]]) -> list[Meta]:
    return [item.told for line in page for item in line if item.told]


def line_of(rows: list[tuple[int, Meta]], missing: int) -> list[Item]:
    held = [Item(seq, held=meta) for seq, meta in rows[:-missing]]
    return held + [Item(seq, told=meta) for seq, meta in rows[-missing:]]


@given(lines())
def test_what_is_written_is_read_back(page: list[list[Item]]) -> None:
    written = write(page)
    assert read(written, as_read(page)) == told(page)


@given(lines(), st.booleans(), st.binary(max_size=60), st.lists(NAMES, max_size=3))
def test_any_bytes_are_records_within_bounds_or_refused(
    page: list[list[Item]], plain: object, data: bytes, names: list[str]
) -> None:
    damaged = Written(ranged=data, plain=bool(plain), authors=tuple(names), types=tuple(names))
    try:
        found = read(damaged, as_read(page))
    except ProtocolError:
        return
    assert len(found) == sum(item.held is None for line in page for item in line)
    for meta in found:
        assert 0 <= meta.time < TIME_MS_STOP
        assert 0 <= meta.time + meta.lag < TIME_MS_STOP
        assert 0 <= meta.kind < KIND_STOP
        assert 0 <= meta.cut < BODY_SIZE_STOP


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_vectors_for_other_implementations(vector: dict[str, Any]) -> None:
    page = [[Item(seq, **{what: Meta(*meta)}) for seq, what, meta in line] for line in vector["lines"]]
    written = write(page)
    assert written.ranged.hex() == vector["hex"]
    assert (written.plain, list(written.authors), list(written.types)) == (
        vector["plain"],
        vector["authors"],
        vector["types"],
    )
    assert read(written, as_read(page)) == told(page)


def test_a_plain_page_may_be_told_like_any_other() -> None:
    page = [[Item(1, held=Meta("ann", 1_000)), Item(2, told=Meta("ann", 2_000))]]
    assert metadata.is_plain(page)
    way = Writer()
    authors, types = metadata.encode(page, way, plain=False)
    written = Written(way.finish(), False, authors, types)
    assert read(written, as_read(page)) == [Meta("ann", 2_000)]


def test_an_edit_with_its_originals_time_is_told() -> None:
    """Its time lies before its neighbours', whether it is held or in the page."""
    rows = [(1, Meta("a", 100)), (2, Meta("a", 900)), (3, Meta("a", 100, kind=1)), (4, Meta("a", 950))]
    for missing in (1, 2, 3, 4):
        page = [line_of(rows, missing)]
        written = write(page)
        assert written.plain is (missing == 1)
        assert read(written, as_read(page)) == told(page)


def test_more_records_than_a_page_has_are_refused() -> None:
    page = [[Item(seq) for seq in range(1, PAGE_RECORDS_MAX + 2)]]
    with pytest.raises(ProtocolError) as caught:
        read(Written(ranged=b"", plain=True, authors=("a",), types=()), page)
    assert caught.value.wire_code is Code.LIMIT


@pytest.mark.parametrize(
    "meta",
    [
        Meta("a", TIME_MS_STOP),
        Meta("a", 5, lag=-6),
        Meta("a", 5, lag=TIME_MS_STOP),
        Meta("a", 5, kind=KIND_STOP),
        Meta("a", 5, cut=BODY_SIZE_STOP),
    ],
)
def test_values_beyond_their_bounds_are_refused_both_ways(
    meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = [[Item(1, told=meta)]]
    with pytest.raises(ProtocolError, match="beyond the limit"):
        write(page)
    with monkeypatch.context() as unchecked:
        unchecked.setattr(metadata, "_checked", lambda told: told)
        written = write(page)
    with pytest.raises(ProtocolError, match="beyond the limit"):
        read(written, as_read(page))


def test_the_columns_may_follow_other_numbers_in_one_string() -> None:
    page = [line_of([(1, Meta("a", 10)), (2, Meta("b", 20))], 1)]
    way = Writer()
    way.number(Numbers(), 0, 12_345)
    authors, types = metadata.encode(page, way, plain=True)
    reader = Reader(way.finish())
    assert reader.number(Numbers(), 0) == 12_345
    found = metadata.decode(as_read(page), reader, plain=True, authors=authors, types=types)
    reader.finish()
    assert found == told(page)


@pytest.mark.parametrize(
    ("corpus", "missing", "bytes_max"),
    # The entropy of authors and times is 2.26 bytes a record of chat, 0.146 of telemetry.
    [("chat", 20, 46), ("chat", 100, 230), ("telemetry", 20, 4), ("telemetry", 100, 17)],
)
def test_real_metadata_takes_little_more_than_its_entropy(corpus: str, missing: int, bytes_max: int) -> None:
    rows = [(seq, Meta(row["author"], row["ts"])) for seq, row in enumerate(corpora.records(corpus), 1)]
    sizes = []
    for end in range(10_000, 12_001, 250):
        page = [line_of(rows[end - missing - 512 : end], missing)]
        written = write(page)
        assert read(written, as_read(page)) == told(page)
        sizes.append(len(written.ranged))
    assert sum(sizes) / len(sizes) <= bytes_max
