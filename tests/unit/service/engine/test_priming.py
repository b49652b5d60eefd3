"""The service's side of primed pushes: which records prime, and what it costs to read them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from simulated.shelf import Shelf
from tidelog.codec.priming import expand
from tidelog.wire import packed
from tidelog.wire.frames import Part, Push, Record
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.delta import record_of
from tidelog_service.engine.ports import Row
from tidelog_service.engine.priming import CONTEXT_BYTES, primed, shortest


class Counting(Shelf):
    """A store that notes what is read."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        super().__init__({"room": ("ann", "bob")})
        self.fill("room", bodies)
        self.asked: list[tuple[RangeSet, int, int, bool]] = []

    def rows(
        self, channel_id: int, seqs: RangeSet, *, records_max: int, bytes_max: int, newest_first: bool
    ) -> list[Row]:
        self.asked.append((seqs, records_max, bytes_max, newest_first))
        return super().rows(
            channel_id, seqs, records_max=records_max, bytes_max=bytes_max, newest_first=newest_first
        )

    def erase(self, *seqs: int) -> None:
        for seq in seqs:
            del self.records[1][seq]


def push(*seqs: int, body: bytes = b"the tide is high") -> Push:
    records = tuple(
        Record(seq=seq, author="ann", time=1_000, sent=900, body=body, size=len(body)) for seq in seqs
    )
    return Push(part=Part(channel="room", epoch=7, head=seqs[-1], records=records))


def read(payload: bytes | None, store: Shelf) -> tuple[PrimedPush, tuple[Record, ...]]:
    """What a device makes of it that holds all that the service has."""
    assert payload is not None
    frame = packed.decode(payload)
    assert isinstance(frame, PrimedPush)
    context = [record_of(store.records[1][seq], "ann") for seq in frame.context]
    return frame, expand(frame, 7, context)


def test_the_newest_128_records_below_prime_in_one_read() -> None:
    store = Counting([b"the tide is low %d" % n for n in range(200)])
    frame, records = read(primed(1, push(201, 202), store, start=1), store)
    assert records == push(201, 202).part.records
    assert frame.context == RangeSet([(73, 201)])
    assert store.asked == [(RangeSet([(1, 201)]), 128, CONTEXT_BYTES, True)]


def test_what_lies_above_the_push_is_not_looked_at() -> None:
    store = Counting([b"x"] * 200)
    frame, _ = read(primed(1, push(11), store, start=1), store)
    assert frame.context == RangeSet([(1, 11)])


def test_only_records_that_there_are_prime() -> None:
    store = Counting([b"x"] * 200)
    store.erase(200, 150, 151, 10)
    frame, _ = read(primed(1, push(201), store, start=1), store)
    assert frame.context.count == 128
    assert frame.context == RangeSet([(70, 150), (152, 200)])


def test_large_bodies_end_the_reading_early() -> None:
    store = Counting([b"x" * 3_000] * 20)
    frame, records = read(primed(1, push(21), store, start=1), store)
    assert 4 <= frame.context.count <= 6
    assert records == push(21).part.records


@pytest.mark.parametrize("first", [1, 2])
def test_with_nothing_below_there_is_no_primed_push(first: int) -> None:
    store = Counting([b"x"])
    store.erase(1)
    assert primed(1, push(first), store, start=1) is None


def test_what_is_too_large_is_not_primed() -> None:
    store = Counting([b"x"])
    assert primed(1, push(2, 3, 4, body=bytes(20_000)), store, start=1) is None


def test_the_smaller_one_is_sent() -> None:
    assert shortest(b"plain", None) == b"plain"
    assert shortest(b"plain", b"short") == b"plain"
    assert shortest(b"plain", b"less") == b"less"
