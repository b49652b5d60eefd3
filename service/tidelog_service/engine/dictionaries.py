"""Trained dictionaries as devices fetch them: a piece for each request (SPEC.md, "Fetch", "Piece")."""

from __future__ import annotations

from typing import Final, Protocol

from tidelog.codec.dictionaries import NONE, Dictionary, deflated
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.payload import Encoding

PIECE_BYTES: Final = 20
"""A piece's own headers at most: first byte, array, rid, id, size, offset, and the head of its bytes."""

JSON_PIECE_BYTES: Final = 96
"""The same in JSON, with the names of the fields."""

_DEFLATED_MAX: Final = 4
"""Dictionaries kept as they travel: deflating one takes some 5 ms, and a fleet fetches it in one night."""


class Library(Protocol):
    """The trained dictionaries that the service keeps.

    Every method may raise `tidelog.wire.errors.Unavailable` where the database fails.
    """

    def active(self) -> int:
        """The id of the one that devices are to have; 0 for none."""
        ...

    def dictionary(self, number: int) -> Dictionary | None:
        """The dictionary of this id, or ``None`` where there is none (any more)."""
        ...


class NoLibrary(Library):
    """A service without trained dictionaries."""

    def active(self) -> int:
        """None."""
        return NONE

    def dictionary(self, number: int) -> Dictionary | None:  # noqa: ARG002 - whatever is asked for
        """None."""
        return None


class Lender:
    """Answers requests for dictionaries.

    Args:
        library: where they are kept; asked each time, so that one that was dropped is gone at once.
        page_bytes_max: the operator's bound on the payload.
    """

    def __init__(self, library: Library, *, page_bytes_max: int) -> None:
        """See the class."""
        self._library = library
        self._page_bytes_max = page_bytes_max
        self._deflated: dict[int, bytes] = {}

    def answer(self, request: Fetch, encoding: Encoding) -> Piece:
        """The piece at the offset asked for; of size 0 where there is no such dictionary.

        Args:
            request: what the device asks for.
            encoding: of the answer, whose payload is within the page asked for.

        Raises:
            Unavailable: the store failed.
        """
        dictionary = self._library.dictionary(request.dictionary)
        if dictionary is None:
            return Piece(rid=request.rid, dictionary=request.dictionary)
        whole = self._whole(dictionary)
        offset = min(request.offset, len(whole))
        room = _room(min(request.page_bytes, self._page_bytes_max), encoding)
        return Piece(
            rid=request.rid,
            dictionary=dictionary.id,
            size=len(whole),
            offset=offset,
            data=whole[offset : offset + room],
        )

    def _whole(self, dictionary: Dictionary) -> bytes:
        """What travels of a dictionary; an id is its content, so what is kept is never stale."""
        whole = self._deflated.pop(dictionary.id, None) or deflated(dictionary)
        self._deflated[dictionary.id] = whole
        if len(self._deflated) > _DEFLATED_MAX:
            del self._deflated[next(iter(self._deflated))]
        return whole


def _room(page_bytes: int, encoding: Encoding) -> int:
    """Bytes of a dictionary that fit an answer of this size."""
    if encoding is Encoding.PACKED:
        return page_bytes - PIECE_BYTES
    return (page_bytes - JSON_PIECE_BYTES) // 4 * 3
