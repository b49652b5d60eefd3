"""How much the engine reads for a page: what is missing counts, never what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tidelog.codec import offered
from tidelog.wire import payload as wire
from tidelog.wire.frames import SyncRequest
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Change, Standing, Standings
from tidelog.wire.statements import Statement
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.ports import Head, NewRow
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

SIZES = (1_000, 3_000, 100_000)
BODY = b"%06d " + b"low tide at noon, high water at six in the evening; " * 2
"""So large that a thousand records are more than a page is primed with.

The last batch that is read for it may be of 1,024 records more, where there are so many: none of 1,000.
"""


@contextmanager
def filled(path: Path, size: int) -> Iterator[tuple[Database, Engine]]:
    """A service with one room of so many records."""
    with open_database(path / f"{size}.db") as database:
        registry = Registry(database, now_ms=lambda: 1_000)
        registry.add_user("ann")
        registry.add_device("ann", "a1", secret="secret")
        registry.add_channel("room", ["ann"])
        registry.close()
        store = RecordStore(database)
        rows = [NewRow(1, n, 1, 10**12 + n, 10**12 + n, 0, "", BODY % n) for n in range(1, size + 1)]
        with store.transaction():
            store.append(rows)
            store.advance({1: Head(size, 10**12 + size)})
        yield database, Engine(store)


def asked(engine: Engine, frame: SyncRequest | Resync) -> Page:
    (reply,) = engine.handle([Packet("tl1/a1/sync", wire.encode(frame, Encoding.PACKED))], 10**12)
    page, _ = wire.decode(reply.payload)
    assert isinstance(page, Page)
    return page


def tokened(engine: Engine, size: int) -> Resync:
    """A request by token of a device that has all of it."""
    (log,) = engine._store.logs_of(1).values()
    have = RangeSet([(1, size + 1)])
    request = SyncRequest(
        rid=1,
        pages=True,
        keep=True,
        codecs=offered(),
        context_bytes=65_536,
        statements=(Statement(channel="room", epoch=log.epoch, have=have),),
    )
    token = asked(engine, request).token
    return Resync(rid=2, token=token, digest=Standings([Standing("room", log.epoch, have)]).digest)


@contextmanager
def stepping(database: Database) -> Iterator[Counter[str]]:
    """Count the instructions that SQLite's virtual machine runs."""
    counted: Counter[str] = Counter()
    database.peewee.handle.set_progress_handler(lambda: counted.update(("step",)), 1)
    try:
        yield counted
    finally:
        database.peewee.handle.set_progress_handler(None, 1)


@pytest.mark.parametrize("missing", ["nothing", "the newest", "scattered"])
def test_a_request_by_token_takes_the_same_steps_whatever_is_stored(tmp_path: Path, missing: str) -> None:
    """SQLite's own count of instructions, the context's records and the token's account included."""
    steps = []
    for size in SIZES:
        lacking = {
            "nothing": RangeSet(),
            "the newest": RangeSet([(size - 19, size + 1)]),
            "scattered": RangeSet.of(range(11, size, size // 20)),
        }[missing]
        with filled(tmp_path, size) as (database, engine):
            request = tokened(engine, size)
            changes = (Change(0, RangeSet(), lacking),) if lacking else ()
            request = Resync(rid=2, token=request.token, digest=request.digest, changes=changes)
            with stepping(database) as counted:
                page = asked(engine, request)
            assert engine.tally["sent"] == lacking.count
            assert (page.content is None) == (not lacking)
        steps.append(counted.total())
    # Around scattered holes and at the end some rows are wanted twice and read once.
    assert steps[0] <= 1.1 * steps[1], "not one row more"
    bound = 0.1 if missing == "scattered" else 0.01
    assert steps[2] == pytest.approx(steps[1], rel=bound), "not one row more"


def test_up_to_date_reads_no_record_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled(tmp_path, 100) as (_, engine):
        request = tokened(engine, 100)

        def reading(*_args: object, **_options: object) -> None:
            pytest.fail("a record was read")

        monkeypatch.setattr(RecordStore, "rows", reading)
        assert asked(engine, request).content is None
