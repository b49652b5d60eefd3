"""A push told after the records before it: what both sides compute of one (SPEC.md, "Primed push").

The bodies are in deflate with those of the context as preset dictionary, the metadata in columns primed with
that of the newest of the context. The check covers the epoch too, which is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from tidelog.codec import bodies, check
from tidelog.codec.deflate import Deflate
from tidelog.wire import fields, metadata
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Record
from tidelog.wire.limits import (
    BODY_SIZE_STOP,
    CONTEXT_BODY_BYTES_MAX,
    CONTEXT_HISTORY_MAX,
    PRIMED_TEXT_BYTES_MAX,
)
from tidelog.wire.metadata import Item, Line, Meta
from tidelog.wire.primed import PrimedPush
from tidelog.wire.quantities import Reader, Writer
from tidelog.wire.ranges import RangeSet

_DEFLATE: Final = Deflate()


class Held(Protocol):
    """A record as either side holds it, with its whole body unless that is too large to prime."""

    @property
    def seq(self) -> int:
        """Its number."""
        ...

    @property
    def author(self) -> str:
        """Who wrote it."""
        ...

    @property
    def time(self) -> int:
        """The service's clock, Unix milliseconds."""
        ...

    @property
    def sent(self) -> int:
        """The author's clock, Unix milliseconds."""
        ...

    @property
    def kind(self) -> int:
        """What it is."""
        ...

    @property
    def content_type(self) -> str:
        """A media type, or empty."""
        ...

    @property
    def body(self) -> bytes:
        """All of it, or its beginning."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        ...


def prime(channel: str, epoch: int, records: Sequence[Record], context: Sequence[Held]) -> PrimedPush | None:
    """Write records after others.

    Args:
        channel: theirs.
        epoch: theirs, and that of the context.
        records: ascending by seq, at least one.
        context: ascending by seq, all below the records; 1 to ``CONTEXT_RECORDS_MAX``.

    Returns:
        the push; ``None`` where the bodies are more than it can hold.
    """
    text = bodies.joined(record.body for record in records)
    if len(text) > PRIMED_TEXT_BYTES_MAX:
        return None
    metas = [_meta(record, record.size - len(record.body)) for record in records]
    told = [Item(record.seq, told=meta) for record, meta in zip(records, metas, strict=True)]
    way = Writer()
    authors, types = metadata.encode([[*_history(context), *told]], way, plain=False)
    return PrimedPush(
        channel=channel,
        seqs=RangeSet.of(record.seq for record in records),
        context=RangeSet.of(held.seq for held in context),
        check=check.check(_named(channel, told, metas), text, epoch=epoch),
        columns=way.finish(),
        bodies=_DEFLATE.shortest(text, _dictionary(context)),
        authors=authors,
        types=types,
    )


def expand(frame: PrimedPush, epoch: int, context: Sequence[Held]) -> tuple[Record, ...]:
    """Read what `prime` wrote.

    Args:
        frame: from a decoder, its inside of any content.
        epoch: of the context.
        context: the records that the frame names, ascending by seq, all of them.

    Raises:
        ProtocolError: it does not decode, or not to what was sent (code ``context``): the epoch or the
            context is not that of the sender.
    """
    lines = [*_history(context), *map(Item, frame.seqs)]
    way = Reader(frame.columns)
    metas = metadata.decode([lines], way, plain=False, authors=frame.authors, types=frame.types)
    way.finish()
    text = _DEFLATE.lengthened(frame.bodies, PRIMED_TEXT_BYTES_MAX, _dictionary(context))
    told = lines[-len(metas) :]
    check.verify(frame.check, _named(frame.channel, told, metas), text, epoch=epoch)
    cut = bodies.split(text, len(metas))
    return tuple(map(_record, frame.seqs, metas, cut))


def _history(context: Sequence[Held]) -> Line:
    return [Item(held.seq, held=_meta(held, 0)) for held in context[-CONTEXT_HISTORY_MAX:]]


def _dictionary(context: Sequence[Held]) -> bytes:
    return bodies.joined(held.body for held in context if held.size <= CONTEXT_BODY_BYTES_MAX)


def _named(channel: str, told: Sequence[Item], metas: Sequence[Meta]) -> list[tuple[str, int, Meta]]:
    return [(channel, item.seq, meta) for item, meta in zip(told, metas, strict=True)]


def _meta(record: Held, cut: int) -> Meta:
    return Meta(record.author, record.time, record.kind, record.sent - record.time, record.content_type, cut)


def _record(seq: int, meta: Meta, body: bytes) -> Record:
    size = len(fields.body(body)) + meta.cut
    if size >= BODY_SIZE_STOP:
        raise ProtocolError("a size is beyond the limit", wire_code=Code.LIMIT)
    return Record(
        seq=seq,
        author=meta.author,
        time=meta.time,
        body=body,
        kind=meta.kind,
        sent=meta.time + meta.lag,
        content_type=meta.content_type,
        size=size,
    )
