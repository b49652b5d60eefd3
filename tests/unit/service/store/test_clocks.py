"""Clocks on disk, and as the operator sees them."""

from __future__ import annotations

from tidelog_service.engine.clocks import KeptClock
from tidelog_service.store.clocks import ClockStore
from tidelog_service.store.database import Database
from tidelog_service.store.registry import Registry


def test_what_is_kept_is_told_beside_the_device(database: Database, registry: Registry) -> None:
    book = ClockStore(database)
    assert book.state("a1") is None
    book.keep([KeptClock("a1", -(2**52), 5, b"x"), KeptClock("b1", 7, 6, b"y")])
    book.keep([KeptClock("a1", 7_200_000, 9, b"\0\xff")])
    assert (book.state("a1"), book.state("b1")) == (b"\0\xff", b"y")
    found = {device.device: (device.skew, device.measured) for device in registry.devices()}
    assert found == {"a1": (7_200_000, 9), "a2": (None, None), "b1": (7, 6), "c1": (None, None)}
    assert [device.skew for device in registry.devices("bob")] == [7]
    before = registry.generation()
    book.keep([KeptClock("a1", 0, 9, b"")])
    assert registry.generation() == before, "no cache knows of it"
