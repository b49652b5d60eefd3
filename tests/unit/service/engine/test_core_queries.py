"""Queries at the engine: what they cost, and that none is more than a fault."""

from __future__ import annotations

import pytest

from simulated.shelf import Shelf
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code
from tidelog.wire.frames import Fault, SyncRequest
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Depth, Filter, Query
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds, Packet

PAGES = pytest.mark.parametrize("pages", [True, False])


def asked(engine: Engine, query: Query, *, now_ms: int = 1_000) -> Frame:
    packet = Packet("tl1/ann-phone/sync", wire.encode(query, Encoding.PACKED))
    (reply,) = engine.handle([packet], now_ms)
    return wire.decode(reply.payload)[0]


@PAGES
@pytest.mark.parametrize("depth", Depth)
@pytest.mark.parametrize("room", [0, 300])
def test_more_of_the_newest_than_are_looked_for_is_a_fault(depth: Depth, room: int, *, pages: bool) -> None:
    engine = Engine(Shelf({"room": ("ann",)}))
    request = SyncRequest(rid=5, everywhere=True, pages=pages, room=room)
    fault = asked(engine, Query(request=request, depth=depth, filter=Filter(newest=70_000, authors=("ann",))))
    assert isinstance(fault, Fault)
    assert (fault.code, fault.rid, bool(fault.text)) == (Code.LIMIT, 5, not room)


@PAGES
@pytest.mark.parametrize("depth", Depth)
def test_what_a_filter_looks_at_is_charged(depth: Depth, *, pages: bool) -> None:
    """64 authors in each of 300 channels: a third of a second, and nothing passes."""
    shelf = Shelf({f"room{at}": ("ann",) for at in range(300)})
    for name in shelf.logs:
        shelf.fill(name, [b""])
    engine = Engine(shelf, bounds=Bounds(requests_per_second=1, requests_burst=10))
    authors = tuple(f"user{at}" for at in range(64))
    query = Query(
        request=SyncRequest(rid=5, everywhere=True, pages=pages), depth=depth, filter=Filter(authors=authors)
    )
    assert not isinstance(asked(engine, query), Fault)
    busy = asked(engine, query)
    assert isinstance(busy, Fault)
    assert busy.code is Code.BUSY


def test_a_preview_of_much_is_charged_for_the_sizes_it_adds_up() -> None:
    shelf = Shelf({"room": ("ann",)})
    shelf.fill("room", [b"x"] * 30_000)
    engine = Engine(shelf, bounds=Bounds(requests_per_second=1, requests_burst=40))
    query = Query(request=SyncRequest(rid=5, everywhere=True, pages=True), depth=Depth.PREVIEW)
    assert not isinstance(asked(engine, query), Fault)
    busy = asked(engine, query)
    assert isinstance(busy, Fault)
    assert busy.code is Code.BUSY
