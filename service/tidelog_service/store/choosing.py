"""Which records of a log pass a filter: by index, without reading the records (SPEC.md, "Query")."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
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

_LEAP_FIRST: Final = 64
_LEAP_MAX: Final = 1_024
"""Records of an author read at a time: few where most of them are none that are looked for."""

_OTHERS_MAX: Final = 4_096
"""Records of an author among which a kind is looked for at a time; all that are no such have their price."""

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
        self._named: dict[int, str] = {}
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
        if users:
            return self._written(
                channel_id, within(seqs), users, kinds, count_max=count_max, newest_first=newest_first
            )
        found: list[Run] = []
        left, rest = count_max, within(seqs)
        look = self._looked(channel_id, kinds, newest_first=newest_first)
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
        given = padded(names)
        sql = self._named.get(len(given))
        if sql is None:
            query = User.select(User.id).where(User.name.in_(given))
            sql = self._named[len(given)] = self._database.compile(query)
        return [key for (key,) in self._database.fetch(sql, given)]

    def _written(
        self,
        channel_id: int,
        seqs: RangeSet,
        users: Sequence[int],
        kinds: Sequence[int],
        *,
        count_max: int,
        newest_first: bool,
    ) -> Chosen:
        """What some users wrote: one after the other, each no further than those before make it pass."""
        found: list[int] = []
        near, looked = seqs, 0
        for user in users:
            some, more = self._written_by(
                user, channel_id, near, kinds, count_max + 1, newest_first=newest_first
            )
            found += some
            looked += more
            found.sort(reverse=newest_first)
            if len(found) > count_max:
                del found[count_max + 1 :]
                near -= _from(found[-1], near, newest_first=newest_first)
        passing, at = _cut(found, count_max)
        rest = EMPTY if at is None else seqs & _from(at, seqs, newest_first=newest_first)
        return Chosen(passing, rest, looked)

    def _written_by(
        self,
        user: int,
        channel_id: int,
        seqs: RangeSet,
        kinds: Sequence[int],
        count: int,
        *,
        newest_first: bool,
    ) -> tuple[list[int], int]:
        """The first so many, in their order, and how many others were looked at for their kind.

        There may be thousands of runs in which the user wrote nothing: its own records are read on from a
        number that is looked for, and lead over all runs between.
        """
        found: list[int] = []
        form: _Form = ("run", 0, 1, len(kinds), newest_first)
        by_far: _Form = ("far", 0, 1, 0, newest_first)
        starts = [start for start, _ in seqs.runs]
        left: Run | None = (starts[0], seqs.stop) if starts else None
        batch, looked = _LEAP_FIRST, 0
        while left is not None and len(found) < count:
            some, end = left, None
            if kinds and (far := self._seqs(by_far, [*run_of(channel_id, left), user, 1, _OTHERS_MAX - 1])):
                end = far[0]
                some = (end, left[1]) if newest_first else (left[0], end + 1)
            told = self._seqs(form, [*run_of(channel_id, some), user, *kinds, batch])
            asked_for = [seq for seq in told if seq in seqs]
            found += asked_for
            if len(told) == batch:
                end = told[-1]
            elif end is not None:
                looked += _OTHERS_MAX
            if end is None:
                break
            left = _behind(end, seqs, starts, newest_first=newest_first)
            batch = min(2 * batch, _LEAP_MAX) if len(asked_for) == len(told) else _LEAP_FIRST
        return found[:count], looked

    def _looked(
        self, channel_id: int, kinds: Sequence[int], *, newest_first: bool
    ) -> Callable[[Run | Pool, int], tuple[RangeSet, int | None]]:
        """How to look at a piece: what passes of so many at most, and from which seq on nobody looked."""

        def look(piece: Run | Pool, left: int) -> tuple[RangeSet, int | None]:
            if not isinstance(piece, tuple):
                keys = keys_of(channel_id, padded(piece))
                form = ("pool", len(keys), 0, len(kinds), newest_first)
                return _cut(self._seqs(form, [*keys, *kinds, left + 1]), left)
            if KIND_MESSAGE in kinds:
                return self._cleared(channel_id, piece, kinds, left, newest_first=newest_first)
            form = ("run", 0, 0, len(kinds), newest_first)
            seqs = self._seqs(form, [*run_of(channel_id, piece), *kinds, left + 1])
            return _cut(seqs, left)

        return look

    def _cleared(
        self, channel_id: int, run: Run, kinds: Sequence[int], left: int, *, newest_first: bool
    ) -> tuple[RangeSet, int | None]:
        """A run without those that do not pass, until something passes: an end before that says nothing."""
        while True:
            params = [*run_of(channel_id, run), *kinds]
            far = self._seqs(("far", 0, 0, len(kinds), newest_first), [*params, 1, _EXCLUDED_MAX - 1])
            if far and abs(far[0] - (run[1] - 1 if newest_first else run[0])) == _EXCLUDED_MAX - 1:
                # There are as many as numbers up to there: none of these passes.
                found, end = EMPTY, far[0]
            else:
                others = self._seqs(("others", 0, 0, len(kinds), newest_first), [*params, _EXCLUDED_MAX])
                found, at = _without(run, others, left, newest_first=newest_first)
                if found or at is None or not left:
                    return found, at
                end = at
            run = (run[0], end) if newest_first else (end + 1, run[1])
            if run[0] >= run[1]:
                return EMPTY, None

    def _seqs(self, form: _Form, params: Sequence[int]) -> list[int]:
        sql = self._sql.get(form)
        if sql is None:
            sql = self._sql[form] = self._database.compile(_query(form))
        return [seq_of(key) for (key,) in self._database.fetch(sql, params)]


def _query(form: _Form) -> ModelSelect[Record]:
    name, keys, users, kinds, newest_first = form
    where: Expression
    excluded = name in ("others", "far")
    where = Record.id.in_([0] * keys) if name == "pool" else (Record.id >= 0) & (Record.id < 0)
    if users:
        where &= Record.author_id == 0
    if kinds:
        listed = [0] * kinds
        where &= Record.kind.not_in(listed) if excluded else Record.kind.in_(listed)
    if kinds and not users and name != "pool":
        where &= SQL(NO_MESSAGE)
    order = Record.id.desc() if newest_first else Record.id
    query = Record.select(Record.id).where(where).order_by(order).limit(1)
    return query.offset(1) if name == "far" else query


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


def _behind(seq: int, seqs: RangeSet, starts: Sequence[int], *, newest_first: bool) -> Run | None:
    """From the first of the seqs that comes after this one to the last of all; ``None`` where none does."""
    if newest_first:
        at = bisect_left(starts, seq) - 1
        return (starts[0], min(seq, seqs.runs[at][1])) if at >= 0 else None
    at = bisect_right(starts, seq)
    if at and seqs.runs[at - 1][1] > seq + 1:
        return seq + 1, seqs.stop
    return (starts[at], seqs.stop) if at < len(starts) else None


def _from(seq: int, seqs: RangeSet, *, newest_first: bool) -> RangeSet:
    """This seq and those that come after it."""
    return RangeSet([(0, seq + 1) if newest_first else (seq, max(seqs.stop, seq + 1))])
