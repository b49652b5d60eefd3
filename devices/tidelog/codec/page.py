"""The records of a page, packed after what the device holds and unpacked again (SPEC.md, "Page").

Both sides compute the account that the request stated, what it lacks, and the held records that prime
codec and columns; the page has what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from tidelog.codec import bodies, check
from tidelog.codec.context import Context, Entry, Held, choose, history_records, merged
from tidelog.codec.press import Pressed
from tidelog.codec.registry import expand
from tidelog.wire import metadata, parts
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.metadata import Item, Line, Meta
from tidelog.wire.page_frames import Content, Model
from tidelog.wire.parts import Part
from tidelog.wire.quantities import Reader, Writer
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import KINDS as REVISIONS
from tidelog.wire.revisions import voids_of
from tidelog.wire.standings import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How an answer goes through what is lacking.

    Attributes:
        newest: of each channel the newest so many seqs only; 0 for all.
        oldest_first: by time ascending, else descending.
        by_channel: one channel after the other, by place; else all merged by time.
        seconds: times are cut to whole seconds, those of held records as well.
    """

    newest: int = 0
    oldest_first: bool = False
    by_channel: bool = False
    seconds: bool = False

    def told(self, meta: Meta) -> Meta:
        """A record's metadata as the answer tells it."""
        return meta.in_seconds() if self.seconds else meta

    def ordered(self, lines: Sequence[Iterator[Entry]]) -> Iterator[Entry]:
        """Records of all channels in the order in which an answer takes them.

        Args:
            lines: one a channel, by seq: ascending where the oldest come first, else descending.
        """
        return (
            chain.from_iterable(lines) if self.by_channel else merged(lines, oldest_first=self.oldest_first)
        )


class Lack(NamedTuple):
    """What a device lacks of a channel that a page has a part of.

    Attributes:
        place: the channel's, in the account.
        channel: its name.
        head: the highest seq that the device may read.
        seqs: what it lacks.
    """

    place: int
    channel: str
    head: int
    seqs: RangeSet


class Arrival(NamedTuple):
    """What a page brought of a channel.

    Attributes:
        channel: its name.
        head: the highest seq that the device may read.
        records: ascending by seq.
    """

    channel: str
    head: int
    records: tuple[Entry, ...]


def pack(
    standings: Sequence[Standing],
    lacks: Sequence[Lack],
    records: Sequence[Entry],
    *,
    primed: Context,
    pressed: Pressed,
    model: Model,
    dictionary: bool = False,
) -> Content:
    """Put a page together.

    Args:
        standings: the account, as the page's header leaves it.
        lacks: the channels that the page has a part of, ascending by place.
        records: as many as ``pressed`` took, in their order.
        primed: what `choose` found for ``lacks``.
        pressed: the bodies, compressed.
        model: with what; its context 0 for no history either.
        dictionary: whether the request's dictionary stood before the context.
    """
    told = {(entry.channel, entry.seq): entry.meta for entry in records}
    seqs = seqs_by_channel(records)
    rows = [seqs.get(lack.channel, EMPTY) for lack in lacks]
    lines = _lines(lacks, rows, _history(primed, len(records), model), told)
    plain = metadata.is_plain(lines)
    way = Writer()
    found = [
        Part(lack.place, lack.head, lack.seqs.count - row.count)
        for lack, row in zip(lacks, rows, strict=True)
    ]
    text = bodies.joined(entry.body for entry in records)
    parts.encode(way, standings, found, len(text))
    authors, types = metadata.encode(lines, way, plain=plain)
    return Content(
        codec=pressed.codec,
        model=model,
        dictionary=dictionary,
        plain=plain,
        check=check.check([(entry.channel, entry.seq, entry.meta) for entry in records], text),
        columns=way.finish(),
        authors=authors,
        types=types,
        bodies=pressed.data,
    )


def unpack(
    content: Content, standings: Sequence[Standing], *, rule: Rule, held: Held, dictionary: bytes
) -> list[Arrival]:
    """Read a page.

    Args:
        content: from a peer.
        standings: the account that the request stated, as the page's header leaves it.
        rule: of the request.
        held: what the device holds of the account.
        dictionary: the one of the request; empty for none.

    Raises:
        ProtocolError: the page is damaged, beyond a limit, after a dictionary where there is none (code
            UNSUPPORTED), or was made for a device that holds something else (code ``context``): ask again
            without context.
    """
    if content.dictionary and not dictionary:
        raise ProtocolError("a page after a dictionary that was not named", wire_code=Code.UNSUPPORTED)
    way = Reader(content.columns)
    found, size = parts.decode(way, standings)
    lacks = _lacks(found, standings, rule)
    rows = parts.taken([lack.seqs for lack in lacks], found, oldest_first=rule.oldest_first)
    count = sum(row.count for row in rows)
    if size < count:  # before anything is primed for them
        raise ProtocolError(f"a text of {size} bytes for {count} bodies")
    primed = prime(lacks, held, content.model, codec=content.codec, history=history_records(count))
    lines = _lines(lacks, rows, _history(primed, count, content.model), {})
    metas = iter(
        metadata.decode(lines, way, plain=content.plain, authors=content.authors, types=content.types)
    )
    way.finish()
    told = [
        [Entry(lack.channel, seq, next(metas), b"", 0) for seq in row]
        for lack, row in zip(lacks, rows, strict=True)
    ]
    context = (dictionary if content.dictionary else b"") + primed.text()
    text = expand(content.codec, content.bodies, size, context, content.model)
    return _arrivals(content.check, lacks, told, text, rule)


def prime(lacks: Sequence[Lack], held: Held, model: Model, *, codec: int, history: int) -> Context:
    """What primes a page of these parts: nothing where its model has no context."""
    if not model.context_bytes:
        return Context()
    budget = model.context_bytes if codec != CODEC_NONE else 0
    return choose([(lack.channel, lack.seqs) for lack in lacks], held, budget, history=history)


def _lacks(found: Sequence[Part], standings: Sequence[Standing], rule: Rule) -> list[Lack]:
    lacks = []
    for part in found:
        standing = standings[part.place]
        lacking = standing.lacking(part.head, newest=rule.newest)
        lacks.append(Lack(part.place, standing.channel, part.head, lacking))
    return lacks


def _history(primed: Context, records: int, model: Model) -> Sequence[Entry]:
    return primed.history[: history_records(records)] if model.context_bytes else ()


def _lines(
    lacks: Sequence[Lack],
    rows: Sequence[RangeSet],
    history: Sequence[Entry],
    told: Mapping[tuple[str, int], Meta],
) -> list[Line]:
    held: dict[str, list[Item]] = {lack.channel: [] for lack in lacks}
    for entry in history:
        held[entry.channel].append(Item(entry.seq, held=entry.meta))
    return [
        sorted([*held[lack.channel], *(Item(seq, told=told.get((lack.channel, seq))) for seq in row)])
        for lack, row in zip(lacks, rows, strict=True)
    ]


def _arrivals(
    expected: bytes, lacks: Sequence[Lack], told: Sequence[Sequence[Entry]], text: bytes, rule: Rule
) -> list[Arrival]:
    lines = [iter(line if rule.oldest_first else line[::-1]) for line in told]
    ordered = list(rule.ordered(lines))
    check.verify(expected, [(entry.channel, entry.seq, entry.meta) for entry in ordered], text)
    cut = bodies.split(text, len(ordered))
    records = {
        (entry.channel, entry.seq): entry._replace(body=body, body_bytes=len(body))
        for entry, body in zip(ordered, cut, strict=True)
    }
    return [
        Arrival(lack.channel, lack.head, tuple(records[lack.channel, entry.seq] for entry in line))
        for lack, line in zip(lacks, told, strict=True)
    ]


def accounted(records: Sequence[Entry]) -> dict[str, RangeSet]:
    """What a device has accounted for with these records, by channel: their seqs, and what they void."""
    seqs = seqs_by_channel(records)
    for entry in records:
        if entry.meta.kind in REVISIONS:
            seqs[entry.channel] |= voids_of(entry.meta.kind, entry.body)
    return seqs


def seqs_by_channel(records: Iterable[Entry]) -> dict[str, RangeSet]:
    """The seqs of records, by channel."""
    seqs: dict[str, list[int]] = {}
    for entry in records:
        seqs.setdefault(entry.channel, []).append(entry.seq)
    return {channel: RangeSet.of(found) for channel, found in seqs.items()}
