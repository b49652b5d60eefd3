"""Context, columns, bodies and check together: what one side packs of a real log the other side reads."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pytest

import corpora
from tidelog.codec import bodies, check
from tidelog.codec.context import Entry, Key, choose, order
from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import Ppmd
from tidelog.wire import metadata
from tidelog.wire.errors import ProtocolError
from tidelog.wire.metadata import Item, Line, Meta, Written
from tidelog.wire.ranges import RangeSet

Log = Mapping[Key, tuple[Meta, bytes]]
Parts = Sequence[tuple[str, RangeSet]]


@dataclass(frozen=True)
class Held:
    """What a device holds of a log."""

    log: Log

    def seqs(self) -> Mapping[str, RangeSet]:
        channels = {channel for channel, _ in self.log}
        return {name: RangeSet.of(seq for other, seq in self.log if other == name) for name in channels}

    def entries(self, keys: Sequence[Key]) -> Sequence[Entry]:
        return [entry_of(key, *self.log[key]) for key in keys]

    def newest(self) -> Iterator[Entry]:
        return iter(sorted(self.entries(list(self.log)), key=order, reverse=True))


class Page(NamedTuple):
    written: Written
    size: int
    check: bytes
    data: bytes

    @property
    def packed_bytes(self) -> int:
        """As planned for a PAGE: flags, model, check, the string's length, 4 of prelude, and the rest."""
        names = sum(1 + len(name.encode()) for name in self.written.authors)
        return 1 + 1 + 4 + 2 + 4 + len(self.written.ranged) + names + len(self.data)


def entry_of(key: Key, meta: Meta, body: bytes) -> Entry:
    return Entry(*key, time=meta.time, body=body, body_bytes=len(body))


def log_of(corpus: str, start: int, stop: int, *, one_channel: bool = True) -> Log:
    heads: dict[str, int] = {}
    log: dict[Key, tuple[Meta, bytes]] = {}
    for row in corpora.records(corpus)[start:stop]:
        channel = "log" if one_channel else row["channel"]
        heads[channel] = heads.get(channel, 0) + 1
        log[channel, heads[channel]] = Meta(row["author"], row["ts"]), row["body"].encode()
    return log


def lines_of(page: Parts, history: Sequence[Key], held: Log, told: Log) -> list[Line]:
    lines = []
    for channel, seqs in page:
        line = [Item(seq, told=told[channel, seq][0] if told else None) for seq in seqs]
        line += [Item(seq, held=held[channel, seq][0]) for name, seq in history if name == channel]
        lines.append(sorted(line, key=lambda item: item.seq))
    return lines


def in_order(rows: Mapping[Key, Meta]) -> list[tuple[str, int, Meta]]:
    return sorted(
        ((*key, meta) for key, meta in rows.items()), key=lambda row: (row[2].time, row[0].encode(), row[1])
    )


def parts(missing: Log) -> Parts:
    channels = sorted({channel for channel, _ in missing})
    return [(name, RangeSet.of(seq for other, seq in missing if other == name)) for name in channels]


def pack(held: Log, missing: Log, codec: Ppmd | Deflate, budget: int) -> Page:
    chosen = choose(parts(missing), Held(held), budget)
    written = metadata.encode(lines_of(parts(missing), chosen.history, held, missing))
    rows = in_order({key: meta for key, (meta, _) in missing.items()})
    text = bodies.joined(missing[channel, seq][1] for channel, seq, _ in rows)
    return Page(written, len(text), check.check(rows, text), codec.compress(text, chosen.text()))


def unpack(held: Log, page: Page, seqs: Parts, codec: Ppmd | Deflate, budget: int) -> Log:
    chosen = choose(seqs, Held(held), budget)
    found = metadata.decode(page.written, lines_of(seqs, chosen.history, held, {}))
    keys = [(channel, seq) for channel, listed in seqs for seq in listed]
    rows = in_order(dict(zip(keys, found, strict=True)))
    text = codec.expand(page.data, page.size, chosen.text())
    check.verify(page.check, rows, text)
    cut = bodies.split(text, len(rows))
    return {(channel, seq): (meta, body) for (channel, seq, meta), body in zip(rows, cut, strict=True)}


def parted(log: Log, gone: set[Key]) -> tuple[Log, Log]:
    return (
        {key: row for key, row in log.items() if key not in gone},
        {key: row for key, row in log.items() if key in gone},
    )


@pytest.mark.parametrize("codec", [Ppmd(), Deflate()], ids=lambda codec: codec.name)
@pytest.mark.parametrize("corpus", ["chat", "telemetry"])
def test_a_page_over_many_channels_with_holes_is_read_back(corpus: str, codec: Ppmd | Deflate) -> None:
    log = log_of(corpus, 0, 1500, one_channel=False)
    held, missing = parted(log, set(random.Random(3).sample(list(log), 60)))
    page = pack(held, missing, codec, 16 << 10)
    assert unpack(held, page, parts(missing), codec, 16 << 10) == missing


@pytest.mark.parametrize(
    ("corpus", "missing_count", "bytes_max"),
    # 1.2 x bound + 80 less the 51 bytes of headers, request, token and digest; docs/pages.md has the bounds.
    [("chat", 1, 62), ("chat", 20, 609), ("telemetry", 20, 134), ("telemetry", 100, 556)],
)
def test_a_page_of_the_newest_is_near_its_bound(corpus: str, missing_count: int, bytes_max: int) -> None:
    sizes = []
    for start in range(0, 2001, 500):
        log = log_of(corpus, start, start + 10_000)
        held, missing = parted(log, set(sorted(log)[-missing_count:]))
        sizes.append(pack(held, missing, Ppmd(), 64 << 10).packed_bytes)
    assert sum(sizes) / len(sizes) <= bytes_max


@pytest.mark.parametrize(
    "change",
    ["other bodies", "another time", "another author", "a record less"],
)
@pytest.mark.parametrize("codec", [Ppmd(), Deflate()], ids=lambda codec: codec.name)
def test_a_device_that_holds_something_else_stores_nothing(change: str, codec: Ppmd | Deflate) -> None:
    log = log_of("chat", 0, 400)
    held, missing = parted(log, {("log", seq) for seq in range(391, 401)})
    page = pack(held, missing, codec, 16 << 10)
    other = dict(held)
    meta, body = other["log", 390]
    match change:
        case "other bodies":
            other = {key: (told, words[::-1]) for key, (told, words) in held.items()}
        case "another time":
            other["log", 390] = meta._replace(time=meta.time - 1), body
        case "another author":
            other["log", 390] = meta._replace(author="nobody"), body
        case _:
            del other["log", 390]
    with pytest.raises(ProtocolError):
        unpack(other, page, parts(missing), codec, 16 << 10)
