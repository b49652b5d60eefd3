"""A column of names: how recently each was used in its channel (SPEC.md, "Page columns").

In a conversation the next author is nearly always one of the last few. A name that is not among them is told
by its place in the table of all that the primers have; one that is new stands beside the columns, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

from tidelog.wire.errors import ProtocolError
from tidelog.wire.quantities import Numbers, Way

RECENT_MAX: Final = 256
"""Names that a channel's list of recent ones has: bounds the search in it for each record."""


class Recent:
    """Names of one channel, the last used first."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        """Start empty."""
        self.names: list[str] = []

    def rank(self, name: str) -> int:
        """1 for the name used last, 2 for the one before it; 0 for one that is not there."""
        return self.names.index(name) + 1 if name in self.names else 0

    def use(self, name: str, rank: int) -> None:
        """Move a name of this rank to the front."""
        if rank:
            del self.names[rank - 1]
        elif len(self.names) == RECENT_MAX:
            self.names.pop()
        self.names.insert(0, name)


class Names:
    """One column of names over all lines of a page.

    Args:
        lines: the names of the held records of each line.
        known: names that the table starts with.
        given: on reading, the names that the table lacks, in the order of first use; nothing on writing.
    """

    __slots__ = ("_at", "_before", "_given", "_index", "_ranks", "_recent", "_table", "new")

    def __init__(
        self, lines: Sequence[Sequence[str]], known: Sequence[str] = (), given: Sequence[str] | None = None
    ) -> None:
        """See the class."""
        self._table = list(dict.fromkeys(chain(known, *lines)))
        self._at = {name: i for i, name in enumerate(self._table)}
        self._given = given
        self.new: list[str] = []
        self._ranks = Numbers([_ranks(line) for line in lines])
        self._index = Numbers()
        self.start()

    def start(self) -> None:
        """Start a line."""
        self._recent = Recent()
        self._before = 0

    def pass_by(self, name: str) -> None:
        """A held record of the line."""
        rank = self._recent.rank(name)
        self._before = self._ranks.symbol(rank)
        self._recent.use(name, rank)

    def code(self, way: Way, name: str) -> str:
        """Write or read the name of a record of the page.

        Raises:
            ProtocolError: a rank or an index is outside its list, or a name is told in the wrong way.
        """
        recent = self._recent
        rank = way.number(self._ranks, self._before, recent.rank(name))
        self._before = self._ranks.symbol(rank)
        if rank > len(recent.names):
            raise ProtocolError(f"columns: rank {rank} of {len(recent.names)} names")
        told = recent.names[rank - 1] if rank else self._listed(way, name)
        if not rank and told in recent.names:
            raise ProtocolError("columns: a recent name is told by its index")
        recent.use(told, rank)
        return told

    def finish(self) -> None:
        """See that all names given were used.

        Raises:
            ProtocolError: one was not.
        """
        if self._given is not None and len(self.new) < len(self._given):
            raise ProtocolError("columns: a name that no record has")

    def _listed(self, way: Way, name: str) -> str:
        at = way.number(self._index, 0, self._at.get(name, len(self._table)))
        if at < len(self._table):
            return self._table[at]
        if at > len(self._table):
            raise ProtocolError(f"columns: index {at} of {len(self._table)} names")
        told = name if self._given is None else self._next(self._given)
        if told in self._at:
            raise ProtocolError("columns: a name that was there is told as new")
        self._at[told] = at
        self._table.append(told)
        self.new.append(told)
        return told

    def _next(self, given: Sequence[str]) -> str:
        if len(self.new) >= len(given):
            raise ProtocolError("columns: a new name is missing")
        return given[len(self.new)]


def _ranks(line: Sequence[str]) -> list[int]:
    recent = Recent()
    ranks = []
    for name in line:
        ranks.append(recent.rank(name))
        recent.use(name, ranks[-1])
    return ranks
