"""A log in memory, pages of it as a service makes them, and what a device reads in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import corpora
from tidelog.codec.context import HISTORY_MAX, Entry, Key, merged
from tidelog.codec.deflate import Deflate
from tidelog.codec.page import Arrival, Lack, Rule, pack, prime, unpack
from tidelog.codec.press import PressJob, press
from tidelog.wire.metadata import Meta
from tidelog.wire.page_frames import Content, Model
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standing

Log = Mapping[Key, tuple[Meta, bytes]]
"""Metadata and body of each record."""

RULE = Rule()
EVERYTHING_BYTES = 1 << 20
"""Room that takes all."""


def entry_of(log: Log, key: Key) -> Entry:
    """A record as pages and contexts take it."""
    meta, body = log[key]
    return Entry(*key, meta, body, len(body))


def seqs_of(log: Log) -> dict[str, RangeSet]:
    """The seqs of each channel, the channels by name."""
    found: dict[str, list[int]] = {}
    for channel, seq in sorted(log):
        found.setdefault(channel, []).append(seq)
    return {channel: RangeSet.of(seqs) for channel, seqs in found.items()}


def log_of(corpus: str, start: int, stop: int, *, one_channel: bool = True) -> Log:
    """Records of a real log, numbered anew."""
    heads: dict[str, int] = {}
    log: dict[Key, tuple[Meta, bytes]] = {}
    for row in corpora.records(corpus)[start:stop]:
        channel = "log" if one_channel else row["channel"]
        heads[channel] = heads.get(channel, 0) + 1
        log[channel, heads[channel]] = Meta(row["author"], row["ts"]), row["body"].encode()
    return log


def parted(log: Log, gone: set[Key]) -> tuple[Log, Log]:
    """What is left of a log, and what is gone."""
    return (
        {key: row for key, row in log.items() if key not in gone},
        {key: row for key, row in log.items() if key in gone},
    )


@dataclass(frozen=True)
class Held:
    """What a device holds of a log; `tidelog.codec.context.Held`."""

    log: Log
    stated: Mapping[str, RangeSet]

    def seqs(self) -> Mapping[str, RangeSet]:
        """See there."""
        return self.stated

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        """See there."""
        return [entry_of(self.log, key) for key in keys if key in self.log]

    def newest(self) -> Iterator[Entry]:
        """See there."""
        return merged(
            [self.entries([(name, seq) for seq in seqs])[::-1] for name, seqs in self.stated.items()]
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a service makes a page.

    Attributes:
        codec: of the bodies.
        context_bytes: the budget of context.
        order: of PPMd.
        rule: of the request.
        room_bytes: what the bodies may take.
        dictionary: stands before the context.
    """

    codec: int = Deflate.id
    context_bytes: int = 16 << 10
    order: int = 6
    rule: Rule = RULE
    room_bytes: int = EVERYTHING_BYTES
    dictionary: bytes = b""

    def page(self, log: Log, account: Sequence[Standing]) -> tuple[Content, list[Entry]]:
        """A page of what an account lacks of a log, and the records in it."""
        heads = {channel: seqs.stop - 1 for channel, seqs in seqs_of(log).items()}
        lacks = [
            Lack(place, one.channel, heads[one.channel], seqs)
            for place, one in enumerate(account)
            if (seqs := one.lacking(heads.get(one.channel, 0), newest=self.rule.newest))
        ]
        entries = list(self.rule.ordered([iter(self._line(log, lack)) for lack in lacks]))
        held = Held(log, {one.channel: one.kept for one in account})
        model = Model(self.context_bytes)
        primed = prime(lacks, held, model, codec=self.codec, history=HISTORY_MAX)
        bodies = tuple(entry.body for entry in entries)
        job = PressJob(
            self.codec,
            self.order,
            self.dictionary + primed.text(),
            bodies,
            self.room_bytes,
            first_always=True,
        )
        pressed = press(job)
        taken = entries[: pressed.taken]
        content = pack(
            account,
            lacks,
            taken,
            primed=primed,
            pressed=pressed,
            model=Model(self.context_bytes, pressed.memory_bytes or model.memory_bytes, self.order),
            dictionary=bool(self.dictionary),
        )
        return content, taken

    def _line(self, log: Log, lack: Lack) -> list[Entry]:
        seqs = [seq for seq in lack.seqs if (lack.channel, seq) in log]
        return [
            entry_of(log, (lack.channel, seq)) for seq in (seqs if self.rule.oldest_first else seqs[::-1])
        ]

    def read(self, content: Content, held: Log, account: Sequence[Standing]) -> list[Arrival]:
        """What a device that holds this makes of a page."""
        stated = Held(held, {one.channel: one.kept for one in account})
        return unpack(content, account, rule=self.rule, held=stated, dictionary=self.dictionary)


def account_of(held: Log, *more: str, epoch: int = 7) -> list[Standing]:
    """What a device says that it has, by name; ``more``: channels of which it has nothing."""
    seqs = seqs_of(held)
    return [Standing(name, epoch, seqs.get(name, RangeSet())) for name in sorted({*seqs, *more})]


def records_of(arrivals: Sequence[Arrival]) -> Log:
    """The records that arrived."""
    return {(one.channel, entry.seq): (entry.meta, entry.body) for one in arrivals for entry in one.records}
