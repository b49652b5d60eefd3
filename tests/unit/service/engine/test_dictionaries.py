"""How the service lends dictionaries out."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import pytest

from tidelog.codec.dictionaries import Dictionary, inflated, trained
from tidelog.replica.dictionaries import Dictionaries
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.limits import DICTIONARY_BYTES_MAX, PAGE_BYTES_MAX, PAGE_BYTES_MIN
from tidelog.wire.payload import Encoding
from tidelog_service.engine import dictionaries
from tidelog_service.engine.dictionaries import Lender, Library, NoLibrary

NOISE = b"".join(sha256(bytes([at])).digest() for at in range(200))
LARGE = trained(NOISE)


class Shelf(Library):
    """Dictionaries in memory."""

    def __init__(self, *kept: Dictionary) -> None:
        self.kept = {one.id: one for one in kept}

    def active(self) -> int:
        return max(self.kept, default=0)

    def dictionary(self, number: int) -> Dictionary | None:
        return self.kept.get(number)


def fetched(lender: Lender, number: int, *, page_bytes: int, encoding: Encoding) -> bytes:
    """All pieces, one after the other, each within its page."""
    got = b""
    while True:
        request = Fetch(rid=65_535, dictionary=number, offset=len(got), page_bytes=page_bytes)
        piece = lender.answer(request, encoding)
        assert len(wire.encode(piece, encoding)) <= page_bytes
        assert (piece.rid, piece.dictionary, piece.offset) == (65_535, number, len(got))
        assert wire.decode(wire.encode(piece, encoding))[0] == piece
        got += piece.data
        if len(got) == piece.size:
            return got


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("page_bytes", [PAGE_BYTES_MIN, 1_000, PAGE_BYTES_MAX])
def test_a_dictionary_comes_in_pieces_that_fit_their_pages(page_bytes: int, encoding: Encoding) -> None:
    lender = Lender(Shelf(LARGE), page_bytes_max=PAGE_BYTES_MAX)
    whole = fetched(lender, LARGE.id, page_bytes=page_bytes, encoding=encoding)
    assert inflated(LARGE.id, whole) == LARGE


def test_the_largest_one_under_the_largest_id_fits_too() -> None:
    worst = Dictionary(id=2**32 - 1, data=(NOISE * 11)[:DICTIONARY_BYTES_MAX])
    lender = Lender(Shelf(worst), page_bytes_max=PAGE_BYTES_MAX)
    for encoding in Encoding:
        assert fetched(lender, worst.id, page_bytes=PAGE_BYTES_MIN, encoding=encoding)


def test_the_operators_bound_holds() -> None:
    lender = Lender(Shelf(LARGE), page_bytes_max=500)
    piece = lender.answer(Fetch(rid=1, dictionary=LARGE.id), Encoding.PACKED)
    assert 400 < len(piece.data) <= 480


def test_one_that_is_not_there_has_no_size() -> None:
    for library in (NoLibrary(), Shelf()):
        lender = Lender(library, page_bytes_max=PAGE_BYTES_MAX)
        assert lender.answer(Fetch(rid=1, dictionary=300, offset=7), Encoding.PACKED) == Piece(
            rid=1, dictionary=300
        )
    assert NoLibrary().active() == 0


def test_beyond_its_end_there_is_nothing() -> None:
    lender = Lender(Shelf(LARGE), page_bytes_max=PAGE_BYTES_MAX)
    piece = lender.answer(Fetch(rid=1, dictionary=LARGE.id, offset=65_600), Encoding.PACKED)
    assert (piece.offset, piece.data) == (piece.size, b"")


def test_a_device_that_wants_it_gets_it() -> None:
    lender = Lender(Shelf(LARGE), page_bytes_max=PAGE_BYTES_MAX)
    device = Dictionaries((), tuning=Tuning(page_bytes=1_000), chance=Random(1))
    device.want(LARGE.id)
    came: list[Dictionary | None] = []
    while (request := device.next(0.0)) is not None:
        came.append(device.take(lender.answer(request, Encoding.PACKED)))
    assert (len(came), came[-1], device.held) == (7, LARGE, (LARGE.id,))


def test_one_that_was_dropped_is_gone_at_once() -> None:
    shelf = Shelf(LARGE)
    lender = Lender(shelf, page_bytes_max=PAGE_BYTES_MAX)
    assert lender.answer(Fetch(rid=1, dictionary=LARGE.id), Encoding.PACKED).size
    shelf.kept.clear()
    assert not lender.answer(Fetch(rid=1, dictionary=LARGE.id), Encoding.PACKED).size


def test_each_is_deflated_once_for_a_whole_fleet_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    deflated: list[int] = []

    def noted(dictionary: Dictionary) -> bytes:
        deflated.append(dictionary.id)
        return b"packed"

    monkeypatch.setattr(dictionaries, "deflated", noted)
    kept = [trained(bytes([at])) for at in range(5)]
    lender = Lender(Shelf(*kept), page_bytes_max=PAGE_BYTES_MAX)
    for one in [*kept[:4] * 3, kept[0], kept[4], kept[0], kept[1]]:
        lender.answer(Fetch(rid=1, dictionary=one.id), Encoding.PACKED)
    assert deflated == [one.id for one in (*kept[:4], kept[4], kept[1])]
