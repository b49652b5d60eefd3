"""The metadata of a page's records as columns over all its parts, their bodies as one byte string.

Forty channels with two records each so pay for a column once, not forty times. Which seqs there are is told
by the parts; here the records are one row, in the order of the parts (SPEC.md, "Columns").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import sub
from typing import Final

from tidelog.wire import fields, series, varint
from tidelog.wire.cbor import Value
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Record
from tidelog.wire.limits import (
    BODY_BYTES_MAX,
    BODY_SIZE_STOP,
    KIND_STOP,
    PAGE_BODIES_BYTES_MAX,
    TIME_MS_STOP,
)

DEFAULTS: Final[tuple[Value, ...]] = (b"", b"", "", b"", b"", b"", "", b"", b"")
"""Times, sizes, authors, their indices, sent, kinds, content types, their indices, bytes cut off."""


def encode(records: Sequence[Record]) -> list[Value]:
    """Write everything of the records but seqs and bodies.

    Returns:
        the nine columns; an empty list for no records.
    """
    if not records:
        return []
    times = [record.time for record in records]
    sizes = [len(record.body) for record in records]
    authors, author_at = series.table([record.author for record in records])
    types, type_at = series.table([record.content_type for record in records])
    return [
        series.times(times),
        series.dense(sizes),
        authors,
        author_at,
        series.sparse(
            [varint.zigzag(record.sent - time) for record, time in zip(records, times, strict=True)]
        ),
        series.levels([record.kind for record in records]),
        types,
        type_at,
        series.sparse(list(map(sub, [record.size for record in records], sizes))),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What the columns of a page say, each with one entry a record, checked.

    Attributes:
        inline: bytes of each body in the page.
        sizes: bytes of each whole body.
    """

    times: list[int]
    inline: list[int]
    authors: list[str]
    sents: list[int]
    kinds: list[int]
    types: list[str]
    sizes: list[int]

    @property
    def bodies_bytes(self) -> int:
        """Bytes of all bodies in the page, expanded."""
        return sum(self.inline)

    def records(self, seqs: list[int], bodies: bytes) -> list[Record]:
        """Put the records together.

        Args:
            seqs: one a record, as the parts tell them.
            bodies: all bodies, expanded.

        Raises:
            ProtocolError: the bodies are not as long as the sizes say.
        """
        if len(bodies) != self.bodies_bytes:
            raise ProtocolError(f"bodies of {len(bodies)} bytes where the sizes say {self.bodies_bytes}")
        cut = series.cut(bodies, self.inline)
        rows = zip(
            seqs, self.authors, self.times, cut, self.kinds, self.sents, self.types, self.sizes, strict=True
        )
        return [
            Record(
                seq=seq,
                author=author,
                time=time,
                body=body,
                kind=kind,
                sent=sent,
                content_type=content_type,
                size=size,
            )
            for seq, author, time, body, kind, sent, content_type, size in rows
        ]


def decode(columns: list[Value], count: int) -> Columns:
    """Read the columns of ``count`` records.

    Args:
        columns: as many as `DEFAULTS`, those that were left out filled in.
        count: at most ``PAGE_RECORDS_MAX``.

    Raises:
        ProtocolError: a column is malformed or does not agree with the count, or a value is out of bounds.
    """
    times_, sizes, authors, author_at, sents, kinds, types, type_at, cuts = columns
    times = series.read_times(times_, count, TIME_MS_STOP, "times")
    inline = series.bounded(series.read_dense(sizes, count, "sizes"), BODY_BYTES_MAX + 1, "sizes")
    if sum(inline) > PAGE_BODIES_BYTES_MAX:
        raise ProtocolError(f"bodies: more than {PAGE_BODIES_BYTES_MAX} bytes", wire_code=Code.LIMIT)
    return Columns(
        times=times,
        inline=inline,
        authors=series.read_table(authors, author_at, count, check=fields.user, what="authors")
        if count
        else [],
        sents=_sents(series.read_sparse(sents, count, "sent"), times),
        kinds=series.read_levels(kinds, count, KIND_STOP, "kinds"),
        types=series.read_table(types, type_at, count, check=fields.content_type, what="content types"),
        sizes=_sizes(series.read_sparse(cuts, count, "cuts"), inline),
    )


def _sents(differences: list[int], times: list[int]) -> list[int]:
    if not any(differences):
        return times
    sents = [time + varint.unzigzag(difference) for time, difference in zip(times, differences, strict=True)]
    return series.bounded(sents, TIME_MS_STOP, "sent")


def _sizes(cuts: list[int], inline: list[int]) -> list[int]:
    if not any(cuts):
        return inline
    sizes = [size + rest for size, rest in zip(inline, cuts, strict=True)]
    return series.bounded(sizes, BODY_SIZE_STOP, "sizes of whole bodies")
