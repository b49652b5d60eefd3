"""Which records of a log pass a filter: by index, without reading the records (SPEC.md, "Query")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from peewee import SQL, Expression, ModelSelect

from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_MESSAGE, KIND_STUB
from tidelog.wire.ranges import EMPTY, RangeSet, Run
from tidelog_service.engine.ports import Chosen
from tidelog_service.store.database import Database
from tidelog_service.store.keys import keys_of, run_of, seq_of, within
from tidelog_service.store.models import NO_MESSAGE, Record, User
from tidelog_service.store.pieces import Pool, padded, pieces

_EXCLUDED_MAX: Final = 65_536
"""Records that do not pass, of which a range is cleared at a time."""

_Form = tuple[str, int, int, int, bool]
"""What tells one statement from another: its name, the lengths of its lists, and its order."""


class Choosing:
    """Finds what passes.

    Args:
        database: open and migrated.
    """

    def __init__(self, database: Database) -> None:
        """See the class."""
        self._database = database
        self._sql: dict[_Form, str] = {}
        self._first = database.compile(
            Record.select(Record.id, Record.time)
            .where((Record.id >= 0) & (Record.id < 0))
            .order_by(Record.id)
            .limit(1)
        )

    def chosen(
        self,
        channel_id: int,
        seqs: RangeSet,
        *,
        authors: Sequence[str],
        kinds: Sequence[int],
        count_max: int,
        newest_first: bool,
    ) -> Chosen:
        """See `tidelog_service.engine.ports.Store.chosen`."""
        users = self._users(authors)
        if authors and not users:
            return Chosen(EMPTY, EMPTY)
        kinds = sorted({*kinds, KIND_EDIT, KIND_DELETE, KIND_STUB}) if kinds else []
        found: list[Run] = []
        left, rest = count_max, within(seqs)
        look = self._looked(channel_id, users, kinds, newest_first=newest_first)
        for piece in pieces(rest, newest_first=newest_first):
            passing, at = look(piece, left)
            found += passing.runs
            left -= passing.count
            if at is not None:
                return Chosen(RangeSet(found), rest & _from(at, rest, newest_first=newest_first))
        return Chosen(RangeSet(found), EMPTY)

    def first_at(self, channel_id: int, run: Run, time: int) -> int:
        """See `tidelog_service.engine.ports.Store.first_at`."""
        low, high = run
        while low < high:
            middle = (low + high) // 2
            rows = self._database.fetch(self._first, (*run_of(channel_id, (middle, high)), 1))
            if not rows or rows[0][1] >= time:
                high = middle
            else:
                low = seq_of(rows[0][0]) + 1
        return low

    def _users(self, names: Sequence[str]) -> list[int]:
        if not names:
            return []
        query = User.select(User.id).where(User.name.in_(list(names)))
        return [key for (key,) in self._database.select(query)]

    def _looked(
        self, channel_id: int, users: Sequence[int], kinds: Sequence[int], *, newest_first: bool
    ) -> Callable[[Run | Pool, int], tuple[RangeSet, int | None]]:
        """How to look at a piece: what passes of so many at most, and from which seq on nobody looked."""

        def look(piece: Run | Pool, left: int) -> tuple[RangeSet, int | None]:
            if not isinstance(piece, tuple):
                keys = keys_of(channel_id, padded(piece))
                form = ("pool", len(keys), len(users), len(kinds), newest_first)
                return _cut(self._seqs(form, [*keys, *users, *kinds, left + 1]), left)
            edges = run_of(channel_id, piece)
            if not users and KIND_MESSAGE in kinds:
                form = ("others", 0, 0, len(kinds), newest_first)
                others = self._seqs(form, [*edges, *kinds, _EXCLUDED_MAX])
                return _without(piece, others, left, newest_first=newest_first)
            seqs: list[int] = []
            for user in users or [0]:
                form = ("run", 0, min(len(users), 1), len(kinds), newest_first)
                given = [user] if users else []
                seqs += self._seqs(form, [*edges, *given, *kinds, left + 1])
            return _cut(sorted(seqs, reverse=newest_first), left)

        return look

    def _seqs(self, form: _Form, params: Sequence[int]) -> list[int]:
        sql = self._sql.get(form)
        if sql is None:
            sql = self._sql[form] = self._database.compile(_query(form))
        return [seq_of(key) for (key,) in self._database.fetch(sql, params)]


def _query(form: _Form) -> ModelSelect[Record]:
    name, keys, users, kinds, newest_first = form
    where: Expression
    where = Record.id.in_([0] * keys) if name == "pool" else (Record.id >= 0) & (Record.id < 0)
    if name == "pool" and users:
        where &= Record.author_id.in_([0] * users)
    elif users:
        where &= Record.author_id == 0
    if kinds:
        listed = [0] * kinds
        where &= Record.kind.not_in(listed) if name == "others" else Record.kind.in_(listed)
    if kinds and not users and name != "pool":
        where &= SQL(NO_MESSAGE)
    order = Record.id.desc() if newest_first else Record.id
    return Record.select(Record.id).where(where).order_by(order).limit(1)


def _cut(seqs: Sequence[int], left: int) -> tuple[RangeSet, int | None]:
    """The first so many, in their order; and the first of those left out, where there are more."""
    if len(seqs) <= left:
        return RangeSet.of(seqs), None
    return RangeSet.of(seqs[:left]), seqs[left]


def _without(
    run: Run, others: Sequence[int], left: int, *, newest_first: bool
) -> tuple[RangeSet, int | None]:
    """A run without others, as far as these were looked for."""
    whole = RangeSet([run])
    end = others[-1] if len(others) == _EXCLUDED_MAX else None
    if end is not None:
        whole -= _from(end, whole, newest_first=newest_first)
    passing = whole - RangeSet.of(others)
    if passing.count <= left:
        return passing, end
    some = passing.newest(left) if newest_first else passing.oldest(left)
    more = passing - some
    return some, more.stop - 1 if newest_first else more.runs[0][0]


def _from(seq: int, seqs: RangeSet, *, newest_first: bool) -> RangeSet:
    """This seq and those that come after it."""
    return RangeSet([(0, seq + 1) if newest_first else (seq, max(seqs.stop, seq + 1))])
