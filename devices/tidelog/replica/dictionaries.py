"""How a device comes by a trained dictionary: which one it wants, what came of it, when to ask again.

A dictionary saves bytes on pages and is never needed, so it is fetched when nothing else is to be asked for,
and given up in silence: the next page that names it starts the tries anew, from the piece that is lacking
(SPEC.md, "Dictionaries", "Fetch").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tidelog.codec.dictionaries import BUILTIN, Dictionary, inflated
from tidelog.replica.steps import Chance
from tidelog.replica.tuning import Tuning, backoff
from tidelog.wire.errors import Code
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.frames import Fault
from tidelog.wire.limits import REQUEST_ID_STOP, TRAINED_ID_MIN

HELD_MAX: Final = 4
"""Trained dictionaries that a device keeps, 64 KiB each at most: a new one is trained now and then."""

_LATER: Final = (Code.BUSY, Code.INTERNAL)


@dataclass(slots=True)
class _Wanted:
    """A dictionary on its way.

    Attributes:
        number: its id.
        got: the deflated bytes so far.
        size: of the whole, as the pieces so far told.
        rid: of the last request; 0 before the first.
        due: when to ask, seconds; ``None`` for not before a page names it again.
        tries: requests since the last piece.
    """

    number: int
    got: bytearray = field(default_factory=bytearray)
    size: int = 0
    rid: int = 0
    due: float | None = 0.0
    tries: int = 0

    def begin(self) -> None:
        """Ask at once."""
        self.due, self.tries = 0.0, 0

    def pause(self) -> None:
        """Ask no more before a page names it again."""
        self.due = None


class Dictionaries:
    """The trained dictionaries of a device, and the one that it is fetching.

    Args:
        held: ids of those in the store, the oldest first.
        tuning: times and tries.
        chance: for request ids and jitter.
    """

    def __init__(self, held: Iterable[int], *, tuning: Tuning, chance: Chance) -> None:
        """See the class."""
        self._tuning = tuning
        self._chance = chance
        self._held = list(held)
        self._wanted: _Wanted | None = None
        self._spoilt = 0

    @property
    def held(self) -> tuple[int, ...]:
        """Ids of those in the store, the oldest first: what requests state."""
        return tuple(self._held)

    @property
    def best(self) -> int:
        """What a request names: the last one trained, else the built-in one."""
        return self._held[-1] if self._held else BUILTIN

    def want(self, number: int) -> None:
        """The service has a dictionary that would serve this device; one that it holds changes nothing.

        Args:
            number: its id; 0 and the built-in ones are passed over, and so is one that came out wrong.
        """
        if number < TRAINED_ID_MIN or number in self._held or number == self._spoilt:
            return
        if self._wanted is None or self._wanted.number != number:
            self._wanted = _Wanted(number)
        elif self._wanted.due is None:
            self._wanted.begin()

    def due(self) -> float | None:
        """When `next` is to be called, seconds; 0 for at once, ``None`` where there is nothing to fetch."""
        return self._wanted.due if self._wanted is not None else None

    def next(self, now: float) -> Fetch | None:
        """The request to send now, if one is due."""
        wanted = self._wanted
        if wanted is None or wanted.due is None or wanted.due > now:
            return None
        if wanted.tries >= self._tuning.repair_tries:
            wanted.pause()
            return None
        wanted.tries += 1
        wanted.rid = self._chance.randrange(REQUEST_ID_STOP) or 1
        wanted.due = now + self._wait(wanted)
        return Fetch(
            rid=wanted.rid,
            dictionary=wanted.number,
            offset=len(wanted.got),
            page_bytes=self._tuning.page_bytes,
        )

    def expects(self, piece: Piece) -> bool:
        """Whether a piece is one that was asked for; late answers to earlier tries are."""
        wanted = self._wanted
        return wanted is not None and wanted.rid > 0 and piece.dictionary == wanted.number

    def take(self, piece: Piece) -> Dictionary | None:
        """Take a piece that `expects` let through.

        Returns:
            the dictionary, once it is whole; it then counts as held.

        Raises:
            ProtocolError: what came is not the dictionary of its id; it is not asked for again.
        """
        wanted = self._wanted
        if wanted is None:
            return None
        if not piece.size:
            self._wanted = None
            return None
        if wanted.got and piece.size != wanted.size:
            # Two services deflate it differently: the next page begins anew, so that this has an end.
            wanted.got.clear()
            wanted.pause()
            return None
        if piece.offset != len(wanted.got):
            return None
        wanted.size = piece.size
        wanted.got += piece.data
        wanted.begin()
        return self._finished(wanted) if len(wanted.got) == wanted.size else None

    def outworn(self) -> tuple[int, ...]:
        """Let go of the oldest beyond ``HELD_MAX``; the ids of those."""
        gone, self._held = self._held[:-HELD_MAX], self._held[-HELD_MAX:]
        return tuple(gone)

    def refused(self, fault: Fault, now: float) -> bool:
        """Take a fault that answers the last request.

        Returns:
            whether it does: others are not for this class.
        """
        wanted = self._wanted
        if wanted is None or not fault.rid or fault.rid != wanted.rid:
            return False
        if fault.code in _LATER:
            wanted.due = now + self._wait(wanted)
        else:
            self._wanted, self._spoilt = None, wanted.number
        return True

    def suspend(self) -> None:
        """The connection is gone: the request that is open gets no answer, and is asked again after it."""
        if self._wanted is not None:
            self._wanted.begin()

    def _finished(self, wanted: _Wanted) -> Dictionary:
        self._wanted, self._spoilt = None, wanted.number
        dictionary = inflated(wanted.number, bytes(wanted.got))
        self._spoilt = 0
        self._held.append(dictionary.id)
        return dictionary

    def _wait(self, wanted: _Wanted) -> float:
        return backoff(self._tuning.answer_timeout, wanted.tries, self._tuning.backoff_max, self._chance)
