"""Manifests page by page: everything is told once, whatever a page holds."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.shelf import Shelf
from tidelog.wire import payload as wire
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import MANIFEST_RECORDS_MAX, PAGE_BYTES_MIN
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import NO_FILTER, Cursor, Depth, Filter, Manifest, Query
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet


def walked(shelf: Shelf, *, filter_: Filter, encoding: Encoding, page_bytes: int) -> list[tuple[str, int]]:
    """Channels and seqs as they are told, over as many pages as it takes."""
    engine = Engine(shelf)
    told: list[tuple[str, int]] = []
    after: Cursor | None = None
    for turn in count(1):
        request = SyncRequest(rid=turn, everywhere=True, page_bytes=page_bytes)
        query = Query(request=request, depth=Depth.MANIFEST, filter=filter_, after=after)
        packet = Packet("tl1/ann-phone/sync", wire.encode(query, encoding))
        (reply,) = engine.handle([packet], turn * 10_000)
        page, _ = wire.decode(reply.payload)
        assert isinstance(page, Manifest)
        told += [(one.channel, seq) for one in page.channels for seq in reversed(list(one.seqs))]
        if not page.more:
            break
        last = page.channels[-1]
        after = Cursor(last.channel, last.seqs.runs[0][0] if last.seqs else 0)
    return told


@pytest.mark.parametrize("filter_", [NO_FILTER, Filter(authors=("ann",))], ids=["all", "authors"])
@pytest.mark.parametrize("first", [MANIFEST_RECORDS_MAX - 1, MANIFEST_RECORDS_MAX, MANIFEST_RECORDS_MAX + 1])
def test_as_many_records_as_a_page_may_tell(filter_: Filter, first: int) -> None:
    shelf = Shelf({"hall": ("ann",), "room": ("ann",)})
    shelf.fill("hall", [b""] * first)
    shelf.fill("room", [b""] * 5)
    told = walked(shelf, filter_=filter_, encoding=Encoding.PACKED, page_bytes=61_440)
    assert len(told) == len(set(told)) == first + 5


@given(
    sizes=st.lists(st.lists(st.sampled_from([0, 1, 90, 200, 20_000]), max_size=30), min_size=2, max_size=6),
    encoding=st.sampled_from(Encoding),
    page_bytes=st.integers(PAGE_BYTES_MIN, 2_000),
    filter_=st.sampled_from([NO_FILTER, Filter(kinds=(0,)), Filter(authors=("ann", "bob"))]),
)
def test_no_page_skips_anything(
    sizes: list[list[int]], encoding: Encoding, page_bytes: int, filter_: Filter
) -> None:
    shelf = Shelf({f"room{at}": ("ann",) for at in range(len(sizes))})
    for at, bodies in enumerate(sizes):
        shelf.fill(f"room{at}", [b"x" * size for size in bodies])
    told = walked(shelf, filter_=filter_, encoding=encoding, page_bytes=page_bytes)
    assert told == [
        (f"room{at}", seq) for at, bodies in enumerate(sizes) for seq in range(len(bodies), 0, -1)
    ]
