"""The metadata of a page's records near its entropy: one range-coded string (SPEC.md, "Page columns").

Both sides walk the same *lines*, one a channel: records that both hold, which prime the models and give each
run the time it starts from, and those of the page. A time is told as the distance to the record before, an
author and a content type by how recently they were used, `sent` as its distance to the time. Seqs are not
told here, and sizes not at all: bodies end themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import BODY_SIZE_STOP, KIND_STOP, PAGE_RECORDS_MAX, TIME_MS_STOP
from tidelog.wire.names import Names
from tidelog.wire.quantities import Numbers, Reader, Way, Writer
from tidelog.wire.varint import unzigzag, zigzag

_TYPE_DEFAULT: Final = ""
_SECOND_MS: Final = 1_000


class Meta(NamedTuple):
    """What the columns say of a record.

    Attributes:
        author: who wrote it.
        time: the service's, in milliseconds since 1970, below ``TIME_MS_STOP``.
        kind: below ``KIND_STOP``.
        lag: the author's own time less the service's, in milliseconds.
        content_type: a media type, or none.
        cut: how many bytes of the body were left out at its end.
    """

    author: str
    time: int
    kind: int = 0
    lag: int = 0
    content_type: str = _TYPE_DEFAULT
    cut: int = 0

    def in_seconds(self) -> Meta:
        """It with both clocks cut to whole seconds."""
        time = self.time - self.time % _SECOND_MS
        sent = self.time + self.lag
        return self._replace(time=time, lag=sent - sent % _SECOND_MS - time)


class Item(NamedTuple):
    """A record of a line.

    Attributes:
        seq: its number; ascending in a line.
        held: what both sides know of it, where both hold it.
        told: what is to be written of a record of the page; unknown to the reader.
    """

    seq: int
    held: Meta | None = None
    told: Meta | None = None


Line = Sequence[Item]


class Columns:
    """All columns of one page.

    Args:
        lines: one a channel of the page.
        plain: whether kinds, lags, content types and cuts are all 0 or none and no time falls: they
            are not told then, and differences of times have no sign.
        authors: on reading, the new authors; nothing on writing.
        types: the content types likewise.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        *,
        plain: bool,
        authors: Sequence[str] | None = None,
        types: Sequence[str] | None = None,
    ) -> None:
        """See the class."""
        held = [[item.held for item in line if item.held is not None] for line in lines]
        self._lines = lines
        self._plain = plain
        self.authors = Names([[meta.author for meta in line] for line in held], given=authors)
        self._times = Numbers(steps for line in lines for steps in _steps(line, plain=plain))
        # Of a plain page the rest is not told: held records need not teach what nobody asks.
        told = [] if plain else held
        self.types = Names(
            [[meta.content_type for meta in line] for line in told], known=(_TYPE_DEFAULT,), given=types
        )
        self._kinds = Numbers([meta.kind for meta in line] for line in told)
        self._lags = Numbers([zigzag(meta.lag) for meta in line] for line in told)
        self._cuts = Numbers([meta.cut for meta in line] for line in told)

    def walk(self, way: Way) -> list[Meta]:
        """Write or read the page's records, in the order of the lines.

        Raises:
            ProtocolError: a value is outside its bounds.
        """
        metas = [meta for line in self._lines for meta in self._line(way, line)]
        self.authors.finish()
        self.types.finish()
        return metas

    def _line(self, way: Way, line: Line) -> Iterator[Meta]:
        self.authors.start()
        self.types.start()
        last, step, seq = Meta("", 0), 0, 0
        for item in line:
            if item.held is not None:
                meta = item.held
                self.authors.pass_by(meta.author)
                if not self._plain:
                    self.types.pass_by(meta.content_type)
            else:
                # A step tells something of the next one only where nothing lies between.
                before = self._times.symbol(step) if seq + 1 == item.seq else 0
                meta = self._code(way, item.told or last, last, before)
                yield meta
            step, seq, last = self._step(meta, last), item.seq, meta

    def _step(self, meta: Meta, last: Meta) -> int:
        return meta.time - last.time if self._plain else zigzag(meta.time - last.time)

    def _code(self, way: Way, meta: Meta, last: Meta, before: int) -> Meta:
        step = way.number(self._times, before, self._step(meta, last))
        time = last.time + (step if self._plain else unzigzag(step))
        author = self.authors.code(way, meta.author)
        if self._plain:
            return _checked(Meta(author, time))
        return _checked(
            Meta(
                author,
                time,
                way.number(self._kinds, self._kinds.symbol(last.kind), meta.kind),
                unzigzag(way.number(self._lags, 0, zigzag(meta.lag))),
                self.types.code(way, meta.content_type),
                way.number(self._cuts, 0, meta.cut),
            )
        )


def encode(lines: Sequence[Line], way: Writer, *, plain: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write the page's records.

    Args:
        lines: one a channel of the page.
        way: where they are written after whatever stands there.
        plain: see `Columns`; `is_plain` tells.

    Returns:
        the authors and the content types that no held record of the lines has, in the order of first use.

    Raises:
        ProtocolError: a value is outside its bounds.
    """
    columns = Columns(lines, plain=plain)
    columns.walk(way)
    return tuple(columns.authors.new), tuple(columns.types.new)


def decode(
    lines: Sequence[Line], way: Reader, *, plain: bool, authors: Sequence[str], types: Sequence[str]
) -> list[Meta]:
    """Read the page's records, in the order of the lines.

    Args:
        lines: as on writing, but for what is told.
        way: from a peer, of any content.
        plain: as on writing.
        authors: those that `encode` returned, checked.
        types: likewise.

    Raises:
        ProtocolError: a value is outside its bounds, a name is missing or not used, or the lines have too
            many records (code LIMIT).
    """
    if sum(item.held is None for line in lines for item in line) > PAGE_RECORDS_MAX:
        raise ProtocolError(f"a page of more than {PAGE_RECORDS_MAX} records", wire_code=Code.LIMIT)
    return Columns(lines, plain=plain, authors=authors, types=types).walk(way)


def is_plain(lines: Iterable[Line]) -> bool:
    """Whether times and authors are all that the page's records have to tell, and no time falls."""
    return all(_plain_line(line) for line in lines)


def _plain_line(line: Line) -> bool:
    last = 0
    for item in line:
        meta = item.held or item.told
        if meta is None:
            continue
        if item.held is None and (meta.time < last or meta[2:] != (0, 0, _TYPE_DEFAULT, 0)):
            return False
        last = meta.time
    return True


def _steps(line: Line, *, plain: bool) -> list[list[int]]:
    """Differences of times between neighbours that are both held; an edit has its original's time."""
    steps: list[list[int]] = [[]]
    for before, after in pairwise(line):
        known = before.held is not None and after.held is not None and after.seq == before.seq + 1
        step = after.held.time - before.held.time if after.held and before.held else 0
        if not known or (plain and step < 0):
            steps.append([])
        else:
            steps[-1].append(step if plain else zigzag(step))
    return steps


def _checked(meta: Meta) -> Meta:
    """Check what a peer told."""
    if not 0 <= meta.time < TIME_MS_STOP or not 0 <= meta.time + meta.lag < TIME_MS_STOP:
        raise ProtocolError("columns: a time is beyond the limit", wire_code=Code.LIMIT)
    if meta.kind >= KIND_STOP:
        raise ProtocolError("columns: a kind is beyond the limit", wire_code=Code.LIMIT)
    if meta.cut >= BODY_SIZE_STOP:
        raise ProtocolError("columns: a cut is beyond the limit", wire_code=Code.LIMIT)
    return meta
