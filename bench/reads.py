"""The time to serve 20 missing records from logs of 1,000 to 1,000,000: flat, where nothing scans a log.

The goal is on the service's time for a sync: from the request's packet to the answer's, through screening,
subtraction, the store and encoding. No codec is offered: compressing takes longer than all of that, whatever
the log, and would hide growth. The store's own part is shown beside it. What is left of growth for scattered
records is SQLite's: each lies on a page of its own, a level or two deeper in the tree, seldom in its cache.

Run ``python -m bench.reads``.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Final

from bench.report import Result, interleaved, show
from tidelog.wire import payload as wire
from tidelog.wire.frames import SyncRequest
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.statements import Statement
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.ports import Head, NewRow
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

GOAL: Final = 1.5
"""Times the smallest log's time, at most, for the largest."""

MISSING: Final = 20
"""Records that a device lacks."""

_SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
_ROUNDS: Final = 300
_TIME: Final = 1_760_000_000_000
_BODY: Final = b"a message of sixty bytes, as short messages between people are"[:60]

_Work = Callable[[], None]
_Missing = Callable[[int], Iterator[RangeSet]]


def run() -> list[Result]:
    """Measure the newest 20, and 20 at random, in each log of one database."""
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder, "tidelog.db")) as database:
        epochs = _build(database)
        store = RecordStore(database)
        engine = Engine(store)
        results: list[Result] = []
        for name, missing in (("newest", _newest), ("scattered", _scattered)):
            syncs = [_sync(engine, size, epochs[size], missing(size)) for size in _SIZES]
            results += _results(f"sync: {MISSING} {name}", syncs, most=GOAL)
            reads = [_read(store, at, missing(size)) for at, size in enumerate(_SIZES, start=1)]
            results += _results(f"rows: {MISSING} {name}", reads, most=None)
        return results


def _results(name: str, works: list[_Work], *, most: float | None) -> list[Result]:
    medians = interleaved(_ROUNDS, *works)
    return [
        Result(
            name=f"{name} of {size:,}",
            value=median * 1e6,
            reference=medians[0] * 1e6,
            unit="us",
            ratio=median / medians[0],
            most=most if size == _SIZES[-1] else None,
        )
        for size, median in zip(_SIZES, medians, strict=True)
    ]


def _build(database: Database) -> dict[int, int]:
    """Make a log of each size, with a user and a device of its own.

    Returns:
        the logs' epochs by size.
    """
    registry, store = Registry(database), RecordStore(database)
    for at, size in enumerate(_SIZES, start=1):
        registry.add_user(f"u{size}")
        registry.add_device(f"u{size}", f"d{size}")
        registry.add_channel(f"c{size}", [f"u{size}"])
        with store.transaction():
            store.append(list(_rows(at, size)))
            store.advance({at: Head(size, _TIME + size)})
    epochs = {int(each.name[1:]): each.epoch for each in registry.channels()}
    registry.close()
    database.empty_log()
    return epochs


def _rows(channel_id: int, size: int) -> Iterator[NewRow]:
    for seq in range(1, size + 1):
        yield NewRow(channel_id, seq, channel_id, _TIME + seq, _TIME + seq, 0, "", _BODY)


def _newest(size: int) -> Iterator[RangeSet]:
    return iter([RangeSet([(size - MISSING + 1, size + 1)])] * (_ROUNDS + 1))


def _scattered(size: int) -> Iterator[RangeSet]:
    chance = random.Random(1)
    return iter([RangeSet.of(chance.sample(range(1, size + 1), MISSING)) for _ in range(_ROUNDS + 1)])


def _sync(engine: Engine, size: int, epoch: int, missing: Iterator[RangeSet]) -> _Work:
    everything = RangeSet([(1, size + 1)])
    haves = [everything - lacks for lacks in missing]
    packets = iter([Packet(f"tl1/d{size}/sync", _request(size, epoch, have)) for have in haves])
    # A second later each time: the device does not run into the limit on its rate.
    clock = count(_TIME + size, 1_000)

    def work() -> None:
        before = engine.tally["sent"]
        replies = engine.handle([next(packets)], next(clock))
        if len(replies) != 1 or engine.tally["sent"] - before != MISSING:
            raise RuntimeError(f"{engine.tally['sent'] - before} records where {MISSING} are missing")

    return work


def _request(size: int, epoch: int, have: RangeSet) -> bytes:
    statement = Statement(channel=f"c{size}", epoch=epoch, have=have)
    return wire.encode(SyncRequest(rid=1, statements=(statement,)), Encoding.PACKED)


def _read(store: RecordStore, channel_id: int, missing: Iterator[RangeSet]) -> _Work:
    def work() -> None:
        rows = store.rows(channel_id, next(missing), records_max=1_000, bytes_max=65_536, newest_first=True)
        if len(rows) != MISSING:
            raise RuntimeError(f"{len(rows)} records where {MISSING} are missing")

    return work


if __name__ == "__main__":
    show("Serving what is missing, by the size of the log", run())
