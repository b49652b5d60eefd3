"""What only the memory store promises."""

from __future__ import annotations

from tidelog.replica.ports import Changes
from tidelog.store import MemoryStore


def test_the_outbox_id_comes_from_the_given_source() -> None:
    assert MemoryStore(random_bytes=lambda count: bytes(range(count))).load().outbox_id == b"\x00\x01\x02\x03"


def test_two_stores_have_different_outbox_ids() -> None:
    assert MemoryStore().load().outbox_id != MemoryStore().load().outbox_id


def test_closing_keeps_the_content_for_the_next_machine() -> None:
    store = MemoryStore()
    store.apply(Changes(next_n=5))
    store.close()
    assert store.load().next_n == 5
